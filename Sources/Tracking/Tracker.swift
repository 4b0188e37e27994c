import Algorithms
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
  /// - Complexity: O(n log n) for n tracks and detections that are spread out; O(n² m) for n the fewer and m the more of
  ///   those that hang together by pairs within gates (`linearAssignment`).
  public mutating func update(_ detections: [Detection], timestampMicroseconds: Int64) -> TrackedFrame {
    let step = lastTimestamp.map { timestampMicroseconds.subtractingReportingOverflow($0) }
    let seconds = step.map { $0.overflow ? 0 : max(Double($0.partialValue) / 1e6, 0) } ?? 0
    lastTimestamp = timestampMicroseconds
    for k in states.indices { states[k].predict(seconds: seconds) }
    let columns = linearAssignment(
      pairs: associationPairs(states.indices.map { states[$0].gate }, detections), rows: states.count,
      columns: detections.count)
    var isMatched = [Bool](repeating: false, count: detections.count)
    for (row, column) in columns.enumerated() {
      guard let column else {
        states[row].miss(seconds: seconds)
        continue
      }
      states[row].update(
        with: detections[column], at: column, usesDetectedVelocity: configuration.usesDetectedVelocity)
      isMatched[column] = true
    }
    states.removeAll { $0.unseenSeconds > TrackerConfiguration.motion(of: $0.name).lifetime }
    for k in detections.indices where !isMatched[k] && detections[k].score >= configuration.birthScore {
      guard detections[k].isFinite else { continue }
      states.append(
        TrackState(
          id: "\(idPrefix)\(nextNumber)", detection: detections[k], at: k,
          usesDetectedVelocity: configuration.usesDetectedVelocity))
      nextNumber += 1
    }
    return output(detectionCount: detections.count)
  }

  private func output(detectionCount: Int) -> TrackedFrame {
    var result = TrackedFrame(tracks: [], trackOfDetection: [Track?](repeating: nil, count: detectionCount))
    var shown: [(score: Double, track: Int)] = []
    var tracks: [Track] = []
    tracks.reserveCapacity(states.count)
    for k in states.indices where states[k].detectionIndex != nil || isShown(states[k]) {
      let track = states[k].track
      if let index = states[k].detectionIndex { result.trackOfDetection[index] = track }
      if isShown(states[k]) {
        shown.append((track.detection.score, tracks.count))
        tracks.append(track)
      }
    }
    // States are in the order of birth, and so are tracks.
    shown.sort { (-$0.score, $0.track) < (-$1.score, $1.track) }
    result.tracks = shown.map { tracks[$0.track] }
    return result
  }

  private func isShown(_ state: TrackState) -> Bool {
    let isSeen = state.unseenSeconds == 0
    let isBelieved = state.hits >= configuration.confirmationCount && state.unseenSeconds <= 0.6
    return (isSeen || isBelieved) && state.score >= configuration.outputScore
  }
}
