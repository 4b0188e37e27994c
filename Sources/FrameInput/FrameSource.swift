import FrameSync
import PointClouds
import Recording
import Scenes

/// The frames of a recording's scenes, for everything that takes frames from disk: replay, bench, quantising, training.
package struct FrameSource: Sendable {
  /// The recording.
  package let dataset: Dataset
  /// The scenes, by name, in order.
  package let scenes: [String]

  /// The frames of these scenes; nil: of all.
  package init(_ dataset: Dataset, scenes: [String]? = nil) {
    self.dataset = dataset
    self.scenes = scenes ?? dataset.sceneNames
  }

  /// The frames of a scene that can be used at all, in order, `limit` at most.
  /// - Throws: what reading the tables and synchronising throws.
  package func frames(of scene: Scene, policy: SyncPolicy, limit: Int) throws -> [Frame] {
    Array(try synchronize(scene, policy: policy).frames.filter { $0.skipReason == nil }.prefix(limit))
  }

  /// Loads a scene's first frames one after the other, with their sweeps in the ego frame; frames whose files are broken are
  /// passed over.
  ///
  /// - Parameter body: gets the loaded frame and its cloud (nil without a sweep).
  /// - Throws: as `frames`, and what `body` throws.
  package func forEachFrame(
    of scene: Scene, policy: SyncPolicy, request: ImageRequest?, limit: Int,
    _ body: (LoadedFrame, AccumulatedCloud?) throws -> Void
  ) throws {
    let frames = try frames(of: scene, policy: policy, limit: limit)
    let loader = FrameLoader(dataset, request: request)
    var sweeps = SweepCache()
    for k in frames.indices {
      let loaded = loader.load(k, of: frames)
      guard loaded.frame.skipReason == nil else { continue }
      sweeps.add(loaded)
      let cloud = sweeps.accumulate(loaded.frame, for: loader)
      try body(loaded, cloud)
    }
  }
}
