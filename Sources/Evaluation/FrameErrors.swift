/// What detection got wrong at one keyframe, at each class's score of the highest F1.
public struct FrameErrors: Sendable, Equatable {
  /// The scene and the keyframe.
  public let scene: String, sample: String
  /// True boxes that nothing found, and results that found nothing.
  public internal(set) var missed = 0, falsePositives = 0

  /// Both together.
  public var count: Int { missed + falsePositives }

  /// Every keyframe's errors, the worst first, of equal ones in the order of the truth.
  static func worstFirst(_ matches: DetectionMatches, truth: SampleTruth) -> [FrameErrors] {
    var frames = truth.samples.map { FrameErrors(scene: $0.scene, sample: $0.token) }
    for k in truth.samples.indices { frames[k].missed = truth.samples[k].boxes.count }
    for error in matches.resultsAtBestF1() {
      if error.isRight { frames[error.sample].missed -= 1 } else { frames[error.sample].falsePositives += 1 }
    }
    return frames.enumerated().sorted { ($1.element.count, $0.offset) < ($0.element.count, $1.offset) }
      .map(\.element)
  }
}
