import Files
import Geometry
import Scenes

/// A line of `trajectories/<scene>.jsonl` as it was written.
public struct TrajectoryRecord: Sendable {
  /// An agent with where it may go.
  public struct Agent: Sendable {
    /// The track.
    public var trackingID: String
    /// The class's name, not judged.
    public var name: String
    /// Where the agent is now, in the global frame in metres.
    public var center: SIMD2<Double>
    /// `[mode][12 steps of 0.5 s]`: positions in the global frame in metres.
    public var modes: [[SIMD2<Double>]]
    /// One a mode.
    public var probabilities: [Double]
  }

  /// The keyframe.
  public var sampleToken: String
  /// `[mode][12 steps of 0.5 s]`: where the ego may go, in the global frame in metres; empty where nothing was planned.
  public var egoModes: [[SIMD2<Double>]]
  /// One a mode.
  public var egoProbabilities: [Double]
  /// The agents.
  public var agents: [Agent]
}

extension TrajectoryRecord {
  /// Reads a scene's lines in the order of the file, one at a time.
  ///
  /// - Throws: `ResultsError` with file, line and field where a line is no such record; what `body` throws.
  /// - Complexity: O(bytes); one line in memory.
  public static func read(_ path: String, _ body: (TrajectoryRecord) throws -> Void) throws {
    var lines = try LineReader(path)
    var number = 0
    while let line = try lines.next() {
      number += 1
      if line.isEmpty { continue }
      let place = "\(path): line \(number)"
      let value = try JSONValue.parse(Array(line), file: place)
      try body(TrajectoryRecord(value, file: place))
    }
  }

  private init(_ value: JSONValue, file: String) throws {
    guard let token = value["sample"]?.stringValue, let ego = value["ego"] else {
      throw ResultsError(
        file: file, place: "sample, ego", found: "one is missing", expected: "a keyframe's trajectories")
    }
    sampleToken = token
    (egoModes, egoProbabilities) = try Self.modes(ego, file: file, place: "ego")
    agents = []
    for (k, item) in (value["agents"]?.arrayValue ?? []).enumerated() {
      let center = item["translation"]?.arrayValue?.compactMap(\.numberValue) ?? []
      guard let id = item["tracking_id"]?.stringValue, let name = item["name"]?.stringValue, center.count == 3
      else {
        throw ResultsError(
          file: file, place: "agents[\(k)]", found: "no tracking_id, name or translation of three numbers",
          expected: "all of them")
      }
      let (modes, probabilities) = try Self.modes(item, file: file, place: "agents[\(k)]")
      agents.append(
        Agent(
          trackingID: id, name: name, center: SIMD2(center[0], center[1]), modes: modes,
          probabilities: probabilities))
    }
  }

  private static func modes(
    _ value: JSONValue, file: String, place: String
  ) throws -> (modes: [[SIMD2<Double>]], probabilities: [Double]) {
    let modes = (value["pred_traj"]?.arrayValue ?? []).map { mode in
      (mode.arrayValue ?? []).compactMap { point -> SIMD2<Double>? in
        let numbers = point.arrayValue?.compactMap(\.numberValue) ?? []
        return numbers.count == 2 ? SIMD2(numbers[0], numbers[1]) : nil
      }
    }
    let probabilities = value["pred_prob"]?.arrayValue?.compactMap(\.numberValue) ?? []
    if let short = modes.first(where: { $0.count != Trajectories.stepCount }) {
      throw ResultsError(
        file: file, place: "\(place).pred_traj", found: "a mode of \(short.count) points",
        expected: "\(Trajectories.stepCount)")
    }
    guard probabilities.count == modes.count else {
      throw ResultsError(
        file: file, place: "\(place).pred_prob", found: "\(probabilities.count) probabilities",
        expected: "one for each of \(modes.count) modes")
    }
    return (modes, probabilities)
  }

  /// The index of the most probable of these modes, of equal ones the first; nil where there is none.
  public static func mostProbable(_ probabilities: [Double]) -> Int? {
    probabilities.indices.max { (probabilities[$0], $1) < (probabilities[$1], $0) }
  }
}
