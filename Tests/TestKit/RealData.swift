import Foundation

/// Recorded data beside the repository (`../shared`), which most machines do not have.
///
/// A test that needs it is skipped where it is absent, and says so:
/// `@Test(.enabled(if: RealData.has("pandaset-002"), "shared/data/pandaset-002 is not here"))`.
package enum RealData {
  /// The repository's folder.
  package static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  /// Where a recording lies, whether it is there or not.
  package static func path(_ name: String) -> String {
    URL(fileURLWithPath: "\(repository)/../shared/data/\(name)").standardized.path
  }

  /// Whether a recording is there.
  package static func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// Annotations and results with the numbers that the public devkit gives them.
  package static let oracle = URL(
    fileURLWithPath: "\(repository)/../shared/oracles/nuscenes-evaluation"
  ).standardized.path
}
