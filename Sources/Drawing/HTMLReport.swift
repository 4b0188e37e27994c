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
        + "\(manifest.count(.skipped)) skipped; \(Self.escaped(manifest.modelName)), \(manifest.precision), "
        + "\(manifest.threads) threads on \(Self.escaped(manifest.cpu))"
    }
    body += ".</p>\n<pre>\(Self.escaped(figures))</pre>\n"
    for (frame, path) in try pictures() {
      let data = Data(try RegularFile.read(path)).base64EncodedString()
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

  /// Frames that have a picture, at even steps.
  private func pictures() throws -> [(frame: FrameRecord, path: String)] {
    var scenes: [String: [String: String]] = [:]
    var all: [(frame: FrameRecord, path: String)] = []
    for frame in manifest?.frames ?? [] {
      let paths = try scenes[frame.scene] ?? PreviewFile.paths(run: folder, scene: frame.scene)
      scenes[frame.scene] = paths
      if let path = paths[frame.sample] { all.append((frame, path)) }
    }
    guard !all.isEmpty else { return [] }
    let count = min(Self.pictureCount, all.count)
    return (0..<count).map { all[$0 * all.count / count] }
  }

  package static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
