import Files
import Foundation
import Results

/// An evaluation as one HTML file that needs no other: what was run, the figures, and some of the run's pictures.
public struct HTMLReport {
  /// Pictures are taken at even steps through the run.
  public static let pictureCount = 4

  private let figures: String
  private let manifest: RunManifest?
  private let folder: String
  private let truth: String

  /// A report on a run.
  ///
  /// - Parameters:
  ///   - figures: the evaluation as text.
  ///   - manifest: the run's, where it has one.
  ///   - folder: the run's.
  ///   - truth: the dataroot that it was scored against.
  public init(figures: String, manifest: RunManifest?, folder: String, truth: String) {
    self.figures = figures
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
    body += ".</p>\n<pre>\(Self.escaped(figures))</pre>\n"
    for (frame, file) in try pictures() {
      let data = Data(file).base64EncodedString()
      body +=
        "<figure><img alt=\"\(Self.escaped(frame.sample))\" src=\"data:image/jpeg;base64,\(data)\">"
        + "<figcaption>\(Self.escaped(frame.scene)) \(Self.escaped(frame.sample))</figcaption></figure>\n"
    }
    return """
      <!DOCTYPE html>
      <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(folder))</title>
      <style>body{font:15px/1.5 sans-serif;max-width:1200px;margin:2em auto;padding:0 1em}pre{overflow-x:auto}\
      figure{margin:1em 0}img{max-width:100%}</style></head>
      <body>
      \(body)</body></html>

      """
  }

  /// Frames that have a picture in the run's own folder, at even steps, with the picture's bytes.
  ///
  /// Names that lead elsewhere and links are passed over: a run of other people's must not put files of ours on a page.
  private func pictures() throws -> [(frame: FrameRecord, file: [UInt8])] {
    var names: [String: [String: String]] = [:]
    var all: [(frame: FrameRecord, path: [String])] = []
    for frame in manifest?.frames ?? [] where !frame.scene.contains("/") && !frame.scene.hasPrefix(".") {
      let known = try names[frame.scene] ?? PreviewFile.names(run: folder, scene: frame.scene)
      names[frame.scene] = known
      guard let name = known[frame.sample] else { continue }
      let path = ["preview", frame.scene, name]
      if RunFile.isThere(path, in: folder) { all.append((frame, path)) }
    }
    guard !all.isEmpty else { return [] }
    let count = min(Self.pictureCount, all.count)
    return try (0..<count).compactMap { k in
      let (frame, path) = all[k * all.count / count]
      let bytes = try RunFile.read(path, in: folder)
      return bytes.starts(with: [0xFF, 0xD8, 0xFF]) ? (frame, bytes) : nil
    }
  }

  package static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
  }
}
