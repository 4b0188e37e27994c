import Files
import Foundation
import Results

/// An evaluation as one HTML file that needs no other: what was run, the figures, curves, the worst frames with their
/// pictures, and what was not scored.
public struct HTMLReport {
  /// The most frames that are shown.
  public static let pictureCount = 10

  /// A frame that is shown, and why.
  public struct Frame: Sendable {
    let scene: String
    let sample: String
    let caption: String

    /// The frame with these words below it.
    public init(scene: String, sample: String, caption: String) {
      self.scene = scene
      self.sample = sample
      self.caption = caption
    }
  }

  private let figures: String
  private let charts: [LineChart]
  private let frames: [Frame]
  private let manifest: RunManifest?
  private let folder: String
  private let truth: String

  /// A report on a run.
  ///
  /// - Parameters:
  ///   - figures: the evaluation as text.
  ///   - charts: curves, drawn in line.
  ///   - frames: frames to show, the first first; those without a picture are listed only.
  ///   - manifest: the run's, where it has one.
  ///   - folder: the run's.
  ///   - truth: the dataroot that it was scored against.
  public init(
    figures: String, charts: [LineChart] = [], frames: [Frame] = [], manifest: RunManifest?, folder: String,
    truth: String
  ) {
    self.figures = figures
    self.charts = charts
    self.frames = frames
    self.manifest = manifest
    self.folder = folder
    self.truth = truth
  }

  /// The page.
  /// - Throws: where a picture that the run has cannot be read.
  public func html() throws -> String {
    var body = "<h1>\(Self.escaped(folder))</h1>\n<p>Scored against \(Self.escaped(truth))"
    if let manifest {
      body +=
        "; \(manifest.frames.count) frames: \(manifest.count(.ok)) ok, \(manifest.count(.degraded)) degraded, "
        + "\(manifest.count(.skipped)) skipped; \(Self.escaped(manifest.modelName)), \(Self.escaped(manifest.precision)), "
        + "\(manifest.threads) threads on \(Self.escaped(manifest.cpu))"
    }
    body += ".</p>\n<h2>Figures</h2>\n<pre>\(Self.escaped(figures))</pre>\n"
    if !charts.isEmpty { body += "<h2>Curves</h2>\n" + charts.map(\.svg).joined() }
    body += notScored
    if !frames.isEmpty { body += "<h2>Worst frames</h2>\n" }
    for frame in frames.prefix(Self.pictureCount) { body += try figure(frame) }
    return """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(folder))</title>
      <style>body{font:15px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em}pre{overflow-x:auto}\
      figure{margin:1em 0}img{max-width:100%}</style></head>
      <body>
      \(body)</body></html>

      """
  }

  /// The frames that the run left out or had to do with less, with their reasons.
  private var notScored: String {
    let lost = (manifest?.frames ?? []).filter { $0.status != .ok }
    guard !lost.isEmpty else { return "" }
    let limit = 50
    var lines = lost.prefix(limit).map { frame in
      "\(frame.scene) \(frame.sample): \(frame.status.rawValue): \(frame.reasons.joined(separator: "; "))"
    }
    if lost.count > limit { lines.append("and \(lost.count - limit) more") }
    return "<h2>Skipped and degraded frames</h2>\n<pre>\(Self.escaped(lines.joined(separator: "\n")))</pre>\n"
  }

  /// A frame's picture, where the run's own folder has one, with its caption.
  ///
  /// Names that lead elsewhere and links are passed over: a run of other people's must not put files of ours on a page.
  private func figure(_ frame: Frame) throws -> String {
    let caption = Self.escaped("\(frame.scene) \(frame.sample): \(frame.caption)")
    guard let bytes = try picture(frame) else { return "<p>\(caption) (no picture)</p>\n" }
    let data = Data(bytes).base64EncodedString()
    return "<figure><img alt=\"\(Self.escaped(frame.sample))\" src=\"data:image/jpeg;base64,\(data)\">"
      + "<figcaption>\(caption)</figcaption></figure>\n"
  }

  private func picture(_ frame: Frame) throws -> [UInt8]? {
    guard !frame.scene.contains("/"), !frame.scene.hasPrefix("."),
      let name = try PreviewFile.names(run: folder, scene: frame.scene)[frame.sample]
    else { return nil }
    let path = ["preview", frame.scene, name]
    guard RunFile.isThere(path, in: folder) else { return nil }
    let bytes = try RunFile.read(path, in: folder)
    return bytes.starts(with: [0xFF, 0xD8, 0xFF]) ? bytes : nil
  }

  package static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
  }
}
