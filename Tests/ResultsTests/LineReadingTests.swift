import Foundation
import Geometry
import Results
import Scenes
import TestKit
import Testing

/// What is written line by line reads back the same.
@Suite struct LineReadingTests {
  private func written(_ change: (inout FramePrediction) -> Void) throws -> (Scratch, String) {
    let scratch = try Scratch()
    let path = "\(scratch.path)/run"
    let run = try RunDirectory(
      path: path, kind: .perception, configuration: Made.configuration, resume: false)
    let writer = try run.beginScene("scene-a")
    var prediction = Made.prediction("a", time: 5_000_000)
    change(&prediction)
    let output = try writer.write(
      prediction, preview: Image(width: 1, height: 1, channels: 3, pixels: [0, 0, 0]))
    try writer.finish([output], frames: [FrameRecord(scene: "scene-a", sample: "a", status: .ok)])
    return (scratch, path)
  }

  @Test func trajectoriesReadBackAsTheyWere() throws {
    let (scratch, path) = try written { _ in }
    defer { withExtendedLifetime(scratch) {} }
    let made = Made.prediction("a", time: 5_000_000)
    let frame = try #require(try TrajectoryFrame.read("\(path)/trajectories/scene-a.jsonl").first)
    #expect(frame.keyframe == made.keyframe && frame.globalFromEgo == made.globalFromEgo)
    #expect(frame.ego == made.egoTrajectories && frame.agents.count == 1)
    let (agent, expected) = (frame.agents[0], made.agents[0])
    #expect(agent.track.id == expected.track.id && agent.trajectories == expected.trajectories)
    #expect(agent.track.detection.box == expected.track.detection.box)
    #expect(agent.track.detection.velocity == expected.track.detection.velocity)
  }

  @Test func lanesReadBackAsTheyWere() throws {
    let layers = [
      MapLayer(name: "lane_divider", lines: [[SIMD2(1, 2), SIMD2(3.5, -4)], [SIMD2(0, 0), SIMD2(1, 1)]]),
      MapLayer(name: "road_divider", lines: [[SIMD2(9, 9), SIMD2(8, 8)]]),
    ]
    let (scratch, path) = try written { $0.mapLines = layers }
    defer { withExtendedLifetime(scratch) {} }
    let frames = try LaneFrame.read("\(path)/lanes/scene-a.jsonl")
    #expect(frames.map(\.sample) == ["a"] && frames[0].layers == layers)
  }

  @Test func aBrokenLineNamesItsFieldAndPlace() throws {
    let (scratch, path) = try written { _ in }
    let file = "\(path)/trajectories/scene-a.jsonl"
    let text = try String(contentsOfFile: file, encoding: .utf8)
    for (old, new, place) in [
      ("\"sample\":\"a\"", "\"sample\":7", "line 1: sample"),
      ("\"size\":[1.9,", "\"size\":[", "line 1: agents[0]: size"),
      ("\"name\":\"car\"", "\"name\":\"cow\"", "line 1: agents[0]: name"),
    ] {
      #expect(text.contains(old))
      try text.replacingOccurrences(of: old, with: new).write(
        toFile: "\(scratch.path)/broken.jsonl", atomically: true, encoding: .utf8)
      let error = #expect(throws: ResultsError.self) {
        try TrajectoryFrame.read("\(scratch.path)/broken.jsonl")
      }
      #expect(error?.place == place)
    }
  }
}
