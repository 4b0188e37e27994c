import PointClouds
import Scenes

/// The sweeps of recent frames: each is loaded once, and used by all frames that it belongs to.
package struct SweepCache {
  private var sweeps: [String: Sweep] = [:]

  /// A cloud that is no longer needed, for its memory.
  private var spare = PointCloud()

  /// A cache that holds no sweep.
  package init() {}

  /// Keeps what a frame has loaded.
  package mutating func add(_ loaded: LoadedFrame) { sweeps.merge(loaded.newSweeps) { $1 } }

  /// A frame's sweeps in its ego frame, nil where there is none; forgets those that it does not want.
  /// - Parameter loader: gets the memory of the forgotten ones.
  package mutating func accumulate(_ frame: Frame, for loader: FrameLoader) -> AccumulatedCloud? {
    let wanted = frame.sweeps.map(\.token)
    for token in sweeps.keys where !wanted.contains(token) {
      if let sweep = sweeps.removeValue(forKey: token) { loader.recycle(sweep.points) }
    }
    let found = wanted.compactMap { sweeps[$0] }
    guard !found.isEmpty else { return nil }
    var reused = PointCloud()
    swap(&reused, &spare)
    return AccumulatedCloud(
      sweeps: found, globalFromEgo: frame.globalFromEgo, timestampMicroseconds: frame.timestampMicroseconds,
      reusing: reused)
  }

  /// A frame's sweeps as they were recorded, the keyframe's own first, then earlier ones, the newest first.
  package func sweeps(of frame: Frame) -> [Sweep] { frame.sweeps.compactMap { sweeps[$0.token] } }

  /// Takes back a frame's cloud.
  package mutating func recycle(_ cloud: consuming AccumulatedCloud?) {
    if let cloud { spare = cloud.points }
  }
}
