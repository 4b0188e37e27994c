import FrameInput
import Models
import NeuralEngine
import Results
import Scenes
import Synchronization

/// How long frames take, and where their time goes.
public struct ReplayTimes: Sendable {
  /// Frames that were perceived, and the wall-clock seconds they took together.
  public var frames = 0, seconds = 0.0
  /// Mean milliseconds of each stage over the frames, in the order of the data. Stages overlap.
  public var stages: [StageTime] = []
  /// The most memory that was held, in bytes.
  public var peakMemoryBytes = 0

  /// Frames a second.
  public var rate: Double { Double(frames) / max(seconds, 1e-9) }
}

extension Replay {
  /// Runs frames from files to predictions, and writes nothing: reading, decoding and all of perception.
  ///
  /// Scenes are run from their beginnings, again where there are fewer frames than wanted. Compiling a model is not counted, and
  /// two frames run before the clock starts.
  /// - Throws: what a replay throws; `ReplayInterrupted`.
  public func measure(
    frames wanted: Int, shouldStop: @escaping @Sendable () -> Bool = { false },
    progress: (_ done: Int) -> Void = { _ in }
  ) throws -> ReplayTimes {
    let perceiver = try Perceiver(options)
    _ = try pass(2, with: perceiver, shouldStop: shouldStop)
    Machine.resetPeakMemory()
    var result = ReplayTimes(), clocks: [StageClock] = []
    while result.frames < wanted {
      let start = ContinuousClock.now
      let new = try pass(wanted - result.frames, with: perceiver, shouldStop: shouldStop)
      guard !new.isEmpty else {
        throw ModelError(
          file: dataset.root, field: "frames", found: "none that could be read", expected: "one at least")
      }
      result.seconds += (ContinuousClock.now - start) / .seconds(1)
      result.frames += new.count
      clocks += new
      progress(result.frames)
    }
    var total = StageClock()
    for stage in clocks.flatMap(\.stages) {
      total.add(stage.stage, stage.milliseconds / Double(result.frames))
    }
    result.stages = total.stages
    result.peakMemoryBytes = Machine.peakMemoryBytes
    return result
  }

  /// Runs the scenes' frames once, `limit` at most.
  private func pass(
    _ limit: Int, with perceiver: Perceiver, shouldStop: @Sendable () -> Bool
  ) throws -> [StageClock] {
    let clocks = Mutex<[StageClock]>([])
    var left = limit
    for name in scenes where left > 0 {
      let scene = try dataset.scene(named: name)
      let frames = try FrameSource(dataset).frames(
        of: scene, policy: perceiver.policy(for: scene), limit: left)
      left -= frames.count
      try perceive(frames, of: scene, with: perceiver) {
        if shouldStop() { throw ReplayInterrupted() }
      } store: { result in
        clocks.withLock { $0.append(result.clock) }
      }
    }
    return clocks.withLock { $0 }
  }
}
