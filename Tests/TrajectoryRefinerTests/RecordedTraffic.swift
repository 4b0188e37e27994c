import Foundation
import Geometry
import Recording
import Scenes
import TrajectoryRefiner

/// What moves in a dataroot's scenes: every agent's samples at keyframes, by kind.
struct RecordedTraffic {
  /// One agent through one scene.
  struct Agent {
    var kind: AgentKind
    var samples: [MotionSample]
  }
  var agents: [Agent] = []

  init(dataroot: String) throws {
    let dataset = try Dataset(root: dataroot)
    for name in dataset.sceneNames {
      let scene = try dataset.scene(named: name)
      var order: [String] = []
      var found: [String: Agent] = [:]
      for keyframe in scene.keyframes {
        let time = keyframe.timestampMicroseconds
        for annotation in try dataset.annotations(sample: keyframe.token) {
          guard let seen = ObservedAgent(annotation) else { continue }
          let sample = MotionSample(
            timestampMicroseconds: time, position: seen.position, heading: seen.heading)
          if found[seen.id] == nil { order.append(seen.id) }
          found[seen.id, default: Agent(kind: seen.kind, samples: [])].samples.append(sample)
        }
      }
      agents += order.compactMap { found[$0] }
      agents.append(
        Agent(
          kind: .ego,
          samples: scene.egoPoses.map {
            .init(
              timestampMicroseconds: $0.timestampMicroseconds, position: $0.globalFromEgo.translation.xy,
              heading: $0.globalFromEgo.rotation.yaw)
          }))
    }
  }

  /// Six seconds after each sample that has them, `[kind][future][step]` in the agent's frame; the ego's every 0.5 s.
  func futures() -> [[[SIMD2<Double>]]] {
    var result = AgentKind.allCases.map { _ in [[SIMD2<Double>]]() }
    for agent in agents {
      var next = Int64.min
      for sample in agent.samples where sample.timestampMicroseconds >= next {
        next = sample.timestampMicroseconds + 400_000
        if let future = AgentHistories.future(of: agent.samples, after: sample.timestampMicroseconds) {
          result[agent.kind.rawValue].append(future)
        }
      }
    }
    return result
  }
}
