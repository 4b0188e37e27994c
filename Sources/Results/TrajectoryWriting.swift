import Files
import Geometry
import Scenes

extension Trajectories {
  /// Whether every number can be written.
  var isFinite: Bool {
    probabilities.allSatisfy(\.isFinite)
      && modes.allSatisfy { $0.allSatisfy { $0.x.isFinite && $0.y.isFinite } }
  }

  func append(to text: inout JSONText) {
    text.raw("\"pred_traj\":[")
    for (k, mode) in modes.enumerated() {
      if k > 0 { text.raw(",") }
      text.points(mode)
    }
    text.raw("],\"pred_prob\":")
    text.numbers(probabilities)
  }
}

/// A line of `trajectories/<scene>.jsonl`: where the ego and the agents may go from one keyframe on, in the global frame.
enum TrajectoryLine {
  static func encode(_ prediction: FramePrediction) -> Submission.Line {
    var line = Submission.Line(bytes: [])
    let pose = prediction.globalFromEgo
    guard pose.translation.isFinite, pose.rotation.norm.isFinite else {
      line.flags.append("trajectories: the ego pose is not finite: no line written")
      return line
    }
    var text = JSONText()
    text.raw("{\"sample\":")
    text.string(prediction.keyframe.token)
    text.raw(",\"timestamp\":")
    text.integer(prediction.keyframe.timestampMicroseconds)
    text.raw(",\"ego\":{\"translation\":")
    text.numbers([pose.translation.x, pose.translation.y, pose.translation.z])
    text.raw(",\"rotation\":")
    text.numbers(pose.rotation.wxyz)
    text.raw(",")
    if prediction.egoTrajectories.isFinite {
      prediction.egoTrajectories.append(to: &text)
    } else {
      text.raw("\"pred_traj\":[],\"pred_prob\":[]")
      line.flags.append("trajectories: the ego's are not finite")
    }
    text.raw("},\"agents\":[")
    var count = 0
    for agent in prediction.agents {
      let box = agent.track.detection
      if let fault = Submission.fault(box) {
        line.flags.append("trajectories: agent \(agent.track.id) dropped: \(fault)")
        continue
      }
      guard agent.trajectories.isFinite else {
        line.flags.append("trajectories: agent \(agent.track.id) dropped: its modes are not finite")
        continue
      }
      if count > 0 { text.raw(",") }
      count += 1
      append(agent, box, &text)
    }
    text.raw("]}\n")
    line.bytes = text.bytes
    return line
  }

  private static func append(_ agent: AgentTrajectories, _ box: Detection, _ text: inout JSONText) {
    text.raw("{\"tracking_id\":")
    text.string(agent.track.id)
    text.raw(",\"name\":")
    text.string(box.name.rawValue)
    text.raw(",\"translation\":")
    text.numbers([box.box.center.x, box.box.center.y, box.box.center.z])
    text.raw(",\"size\":")
    text.numbers([box.box.size.x, box.box.size.y, box.box.size.z])
    text.raw(",\"rotation\":")
    text.numbers(box.box.rotation.wxyz)
    text.raw(",\"velocity\":")
    text.numbers([box.velocity.x, box.velocity.y])
    text.raw(",")
    agent.trajectories.append(to: &text)
    text.raw("}")
  }
}

/// A scene's lines of `forecasts.json`, the nuScenes prediction submission: a list, an object a line.
/// - Source: nuScenes prediction challenge, "Submission format"; at most 25 modes.
enum ForecastLines {
  static let head = "[\n"
  static let tail: StaticString = "\n]\n"
  static let modeLimit = 25

  /// The lines joined by commas, and what was lost.
  static func encode(_ forecasts: [Forecast]) -> Submission.Line {
    var line = Submission.Line(bytes: [])
    var text = JSONText()
    var count = 0
    for forecast in forecasts {
      guard forecast.trajectories.isFinite, forecast.trajectories.modes.count <= modeLimit else {
        line.flags.append(
          "forecasts: \(forecast.instanceToken) at \(forecast.sampleToken) dropped: "
            + "\(forecast.trajectories.modes.count) modes, or a number that is not finite")
        continue
      }
      if count > 0 { text.raw(",\n") }
      count += 1
      text.raw("{\"instance\":")
      text.string(forecast.instanceToken)
      text.raw(",\"sample\":")
      text.string(forecast.sampleToken)
      text.raw(",\"prediction\":[")
      for (k, mode) in forecast.trajectories.modes.enumerated() {
        if k > 0 { text.raw(",") }
        text.points(mode)
      }
      text.raw("],\"probabilities\":")
      text.numbers(forecast.trajectories.probabilities)
      text.raw("}")
    }
    line.bytes = text.bytes
    return line
  }
}
