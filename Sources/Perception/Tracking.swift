import Geometry
import Scenes

/// The tracks of a frame, and which of them each detection belongs to.
public struct TrackedFrame: Sendable {
  /// By falling score, then by age of the identity.
  public var tracks: [Track]
  /// For each detection that was given the track it became part of, as it now stands; nil where it began none.
  public var trackOfDetection: [Track?]
}

/// Follows detections from frame to frame: Kalman filters, optimal assignment, births and deaths.
///
/// Detections of any source and tracks are paired at the least total cost (`linearAssignment`), within gates by class.
/// Identities are numbers in the order of birth, so the same detections give the same identities.
public struct Tracker: Sendable {
  private let configuration: TrackerConfiguration
  private let idPrefix: String
  private var states: [TrackState] = []
  private var nextNumber = 1
  private var lastTimestamp: Int64?

  /// A tracker at the beginning of a scene.
  /// - Parameter idPrefix: before the number in each identity, so that scenes do not share any.
  public init(configuration: TrackerConfiguration = TrackerConfiguration(), idPrefix: String = "") {
    self.configuration = configuration
    self.idPrefix = idPrefix
  }

  /// Takes the detections of the next frame.
  ///
  /// Detections that are not finite are left out. Time may advance by any step; one that does not advance counts as 0.
  /// - Complexity: O(n² m) for n the fewer of tracks and detections and m the more.
  public mutating func update(_ detections: [Detection], timestampMicroseconds: Int64) -> TrackedFrame {
    let step = lastTimestamp.map { timestampMicroseconds.subtractingReportingOverflow($0) }
    let seconds = step.map { $0.overflow ? 0 : max(Double($0.partialValue) / 1e6, 0) } ?? 0
    lastTimestamp = timestampMicroseconds
    for k in states.indices { states[k].predict(seconds: seconds) }
    let usable = detections.indices.filter { detections[$0].isFinite }
    var stateOfDetection = [Int?](repeating: nil, count: detections.count)
    var isMatched = [Bool](repeating: false, count: states.count)
    for (row, column) in associate(usable.map { detections[$0] }).enumerated() {
      guard let column else { continue }
      let detection = detections[usable[column]]
      states[row].update(with: detection, usesDetectedVelocity: configuration.usesDetectedVelocity)
      isMatched[row] = true
      stateOfDetection[usable[column]] = states[row].number
    }
    for row in states.indices where !isMatched[row] { states[row].miss(seconds: seconds) }
    states.removeAll { $0.unseenSeconds > TrackerConfiguration.motion(of: $0.name).lifetime }
    for k in usable where stateOfDetection[k] == nil && detections[k].score >= configuration.birthScore {
      states.append(
        TrackState(
          number: nextNumber, detection: detections[k],
          usesDetectedVelocity: configuration.usesDetectedVelocity))
      stateOfDetection[k] = nextNumber
      nextNumber += 1
    }
    return output(stateOfDetection)
  }

  /// Rows are tracks, columns detections.
  private func associate(_ detections: [Detection]) -> [Int?] {
    var cost: [Double] = []
    cost.reserveCapacity(states.count * detections.count)
    for state in states { for detection in detections { cost.append(state.cost(of: detection)) } }
    return linearAssignment(cost: cost, rows: states.count, columns: detections.count)
  }

  private func output(_ stateOfDetection: [Int?]) -> TrackedFrame {
    var trackOfNumber: [Int: Track] = [:]
    var shown: [(number: Int, track: Track)] = []
    for state in states {
      let track = state.track(prefix: idPrefix)
      trackOfNumber[state.number] = track
      let isSeen = state.unseenSeconds == 0
      let isBelieved = state.hits >= configuration.confirmationCount && state.unseenSeconds <= 0.6
      if isSeen || isBelieved, state.score >= configuration.outputScore {
        shown.append((state.number, track))
      }
    }
    shown.sort { (-$0.track.detection.score, $0.number) < (-$1.track.detection.score, $1.number) }
    return TrackedFrame(
      tracks: shown.map(\.track), trackOfDetection: stateOfDetection.map { $0.flatMap { trackOfNumber[$0] } })
  }
}

extension Detection {
  fileprivate var isFinite: Bool {
    let q = box.rotation
    return box.center.isFinite && box.size.isFinite && velocity.x.isFinite && velocity.y.isFinite
      && score.isFinite
      && q.w.isFinite && q.x.isFinite && q.y.isFinite && q.z.isFinite
  }
}
