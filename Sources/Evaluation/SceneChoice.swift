import Foundation
import Recording
import Results

/// Which scenes are scored.
public enum SceneChoice: Sendable, Hashable {
  /// Those that the results have anything of.
  case ofResults
  /// One, by its name.
  case scene(String)
  /// Those of a split, by its name.
  case split(String)

  /// The scenes' names in the dataroot's order.
  ///
  /// The results' own are those of run.json's frames (without any, of its selection); without a run.json, those with a sample that the first of
  /// detections.json, tracks.json and forecasts.json names. Results that name nothing known are held against all scenes.
  /// - Throws: `RecordingError` for an unknown scene or split, `ResultsError` for results that cannot be read.
  func scenes(of run: String, in dataset: Dataset) throws -> [String] {
    switch self {
    case .split(let name): return try dataset.sceneNames(split: name)
    case .scene(let name):
      _ = try dataset.keyframeCount(ofScene: name)
      return [name]
    case .ofResults:
      let manager = FileManager.default
      if manager.fileExists(atPath: "\(run)/run.json") {
        let manifest = try RunManifest(path: "\(run)/run.json")
        let names = Set(manifest.frames.isEmpty ? manifest.scenes : manifest.frames.map(\.scene))
        for name in names.sorted() { _ = try dataset.keyframeCount(ofScene: name) }
        return dataset.sceneNames.filter(names.contains)
      }
      let samples = try Self.samples(of: run)
      let found = try dataset.sceneNames.filter { name in
        try dataset.scene(named: name).keyframes.contains { samples.contains($0.token) }
      }
      return found.isEmpty ? dataset.sceneNames : found
    }
  }

  private static func samples(of run: String) throws -> Set<String> {
    var samples = Set<String>()
    let manager = FileManager.default
    for (name, kind) in [("detections", Submission.Kind.detection), ("tracks", .tracking)]
    where manager.fileExists(atPath: "\(run)/\(name).json") {
      try Submission.read("\(run)/\(name).json", kind: kind) { sample, _ in samples.insert(sample) }
      return samples
    }
    try Submission.readForecasts("\(run)/forecasts.json") { samples.insert($0.sampleToken) }
    return samples
  }
}
