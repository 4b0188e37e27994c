import Geometry
import Recording
import Results
import Scenes

/// Scores `forecasts.json` against what the annotated agents did.
enum ForecastEvaluation {
  /// Seconds of future that are looked at, with the devkit's tolerance.
  private static let horizon = 6.15

  /// - Parameters:
  ///   - tokens: The samples that are evaluated; forecasts of others are passed over.
  ///   - complete: Whether every annotated vehicle with a past must have its forecast (`--given truth`).
  /// - Throws: `ResultsError` where the file is no submission; `EvaluationError` naming unknown, repeated, malformed and
  ///   missing forecasts.
  static func evaluate(
    _ path: String, dataset: Dataset, tokens: [String], complete: Bool
  ) throws -> ForecastMetrics {
    struct Key: Hashable {
      let instance: String
      let sample: String
    }
    let samples = Set(tokens)
    var metrics = ForecastMetrics()
    var problems = EvaluationError()
    var seen = Set<Key>()
    var agents = AgentPaths(dataset)
    try Submission.readForecasts(path) { forecast in
      let place = "instance \(forecast.instanceToken), sample \(forecast.sampleToken)"
      func fail(_ found: String, _ expected: String) {
        problems.add(file: path, place: place, found: found, expected: expected)
      }
      guard samples.contains(forecast.sampleToken) else {
        if !SampleLedger.isKnown(forecast.sampleToken, dataset) {
          fail("an unknown sample", "a sample of the dataroot")
        }
        return
      }
      if let fault = fault(forecast) { return fail(fault.found, fault.expected) }
      guard
        let future = try agents.future(
          of: forecast.instanceToken, from: forecast.sampleToken, horizon: horizon)
      else {
        return fail("no such annotation", "an annotated agent at this sample")
      }
      guard seen.insert(Key(instance: forecast.instanceToken, sample: forecast.sampleToken)).inserted else {
        return fail("there twice", "each forecast once")
      }
      metrics.add(modes: forecast.modes, probabilities: forecast.probabilities, future: future)
    }
    if complete {
      for token in tokens {
        for annotation in try dataset.annotations(sample: token)
        where annotation.isForecast
          && !seen.contains(Key(instance: annotation.instanceToken, sample: token))
        {
          problems.add(
            file: path, place: "instance \(annotation.instanceToken), sample \(token)", found: "no forecast",
            expected: "one for every annotated vehicle with a past, as the run was given truth")
        }
      }
    }
    try problems.check()
    return metrics
  }

  private static func fault(_ forecast: SubmissionForecast) -> (found: String, expected: String)? {
    let modes = forecast.modes
    guard !modes.isEmpty, modes.count <= 25 else { return ("\(modes.count) modes", "1 to 25") }
    guard modes.count == forecast.probabilities.count else {
      return ("\(modes.count) modes, \(forecast.probabilities.count) probabilities", "as many of both")
    }
    if let short = modes.first(where: { $0.count != Trajectories.stepCount }) {
      return ("a mode of \(short.count) steps", "\(Trajectories.stepCount)")
    }
    let finite =
      forecast.probabilities.allSatisfy(\.isFinite)
      && modes.allSatisfy { $0.allSatisfy { $0.x.isFinite && $0.y.isFinite } }
    return finite ? nil : ("a number that is not finite", "finite numbers")
  }
}

/// What annotated agents did, read once an agent.
private struct AgentPaths {
  private struct Path {
    var rowOfSample: [String: Int] = [:]
    var positions: [SIMD2<Double>] = []
    var times: [Int64] = []
  }

  private let dataset: Dataset
  private var paths: [String: Path] = [:]

  init(_ dataset: Dataset) { self.dataset = dataset }

  /// The agent's positions at the annotated keyframes after a sample, twelve at most, less than `horizon` seconds ahead;
  /// nil where the agent is not annotated there.
  mutating func future(
    of instance: String, from sample: String, horizon: Double
  ) throws -> [SIMD2<Double>]? {
    guard let path = try path(of: instance), let row = path.rowOfSample[sample] else { return nil }
    var result: [SIMD2<Double>] = []
    for next in path.positions.indices.dropFirst(row + 1).prefix(Trajectories.stepCount) {
      let seconds = Double((path.times[next] - path.times[row]).magnitude) / 1e6
      guard seconds < horizon else { break }
      result.append(path.positions[next])
    }
    return result
  }

  private mutating func path(of instance: String) throws -> Path? {
    if let known = paths[instance] { return known.positions.isEmpty ? nil : known }
    var path = Path()
    do {
      for annotation in try dataset.annotations(instance: instance) {
        path.rowOfSample[annotation.sampleToken] = path.positions.count
        path.positions.append(annotation.box.center.xy)
        path.times.append(try dataset.keyframe(token: annotation.sampleToken).timestampMicroseconds)
      }
    } catch let error as RecordingError where error.place == "token" {
      path = Path()
    }
    paths[instance] = path
    return path.positions.isEmpty ? nil : path
  }
}
