import Foundation
import Geometry
import Results
import Scenes
import TestKit
import Testing

@Suite struct SubmissionTests {
  /// Writes one scene of one frame and gives the run's folder.
  private func run(_ scratch: Scratch, _ detections: [Detection]) throws -> (
    path: String, output: FrameOutput
  ) {
    let path = "\(scratch.path)/run"
    let run = try RunDirectory(
      path: path, kind: .perception, configuration: Made.configuration, resume: false)
    let writer = try run.beginScene("s")
    let output = try writer.write(Made.prediction("sample", detections: detections), preview: nil)
    try writer.finish(
      [output, writer.skipped("empty")],
      frames: [
        FrameRecord(scene: "s", sample: "sample", status: .ok),
        FrameRecord(scene: "s", sample: "empty", status: .skipped),
      ])
    try run.assemble(scenes: ["s"], manifest: Made.manifest(["s"]))
    return (path, output)
  }

  private func read(_ path: String, _ kind: Submission.Kind = .detection) throws -> [(
    String, [SubmissionBox]
  )] {
    var result: [(String, [SubmissionBox])] = []
    try Submission.read(path, kind: kind) { result.append(($0, $1)) }
    return result
  }

  @Test func detectionsAndTracksReadBackAsTheyWereWritten() throws {
    let scratch = try Scratch()
    var random = SystemRandomNumberGenerator()
    let boxes = (0..<40).map { k in
      Made.detection(
        k % 2 == 0 ? .car : .pedestrian,
        at: SIMD3(
          .random(in: -2000...2000, using: &random), .random(in: -1...1, using: &random), 1e-7 * Double(k)),
        score: .random(in: 0...1, using: &random), velocity: SIMD2(1e21, -0.1))
    }
    let (path, output) = try run(scratch, boxes)
    #expect(output.flags.isEmpty && output.notes.isEmpty)
    let sorted = boxes.sorted { $0.score > $1.score }
    for (kind, file) in [(Submission.Kind.detection, "detections"), (.tracking, "tracks")] {
      let found = try read("\(path)/\(file).json", kind)
      #expect(found.map(\.0) == ["sample", "empty"])
      #expect(found[1].1.isEmpty)
      #expect(found[0].1.map(\.box) == sorted.map(\.box))
      #expect(found[0].1.map(\.score) == sorted.map(\.score))
      #expect(found[0].1.map(\.velocity) == sorted.map(\.velocity))
      #expect(found[0].1.map(\.name) == sorted.map(\.name.rawValue))
    }
    // Foundation's reader agrees that it is JSON.
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(path)/detections.json"))
    #expect(try JSONSerialization.jsonObject(with: data) is [String: Any])
  }

  @Test func boxesThatCannotBeWrittenAreDroppedAndFlagged() throws {
    let scratch = try Scratch()
    let bad = [
      Made.detection(at: SIMD3(.nan, 0, 0)), Made.detection(size: SIMD3(1, .infinity, 1)),
      Made.detection(size: SIMD3(1, 0, 1)), Made.detection(score: .nan), Made.detection(score: 1.5),
      Made.detection(velocity: SIMD2(.nan, 0)),
    ]
    let (path, output) = try run(scratch, [Made.detection(score: 0.9)] + bad)
    #expect(output.flags.filter { $0.hasPrefix("detections:") }.count == bad.count)
    #expect(try read("\(path)/detections.json")[0].1.map(\.score) == [0.9])
    let text = try String(contentsOfFile: "\(path)/detections.json", encoding: .utf8)
    #expect(!text.lowercased().contains("nan") && !text.contains("null"))
    let lines = try String(contentsOfFile: "\(path)/trajectories/s.jsonl", encoding: .utf8)
    #expect(!lines.lowercased().contains("nan") && !lines.contains("null"))
  }

  @Test func the500BoxesWithTheHighestScoresAreKeptAndCounted() throws {
    let scratch = try Scratch()
    let boxes = (0..<612).map { Made.detection(score: Double(($0 * 7919) % 612) / 612) }
    let (path, output) = try run(scratch, boxes)
    let kept = try read("\(path)/detections.json")[0].1
    #expect(kept.map(\.score) == boxes.map(\.score).sorted(by: >).prefix(500).map { $0 })
    #expect(output.notes.contains { $0.contains("612") && $0.contains("500") })
  }

  @Test func aCutOrDamagedFileIsAnErrorWithAnOffsetOrReadsAsSomethingElse() throws {
    let scratch = try Scratch()
    let (path, _) = try run(scratch, [Made.detection(), Made.detection(.bus)])
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/detections.json")))
    let broken = "\(scratch.path)/broken.json"
    for count in stride(from: 0, to: bytes.count - 1, by: 3) {
      try Data(bytes[..<count]).write(to: URL(fileURLWithPath: broken))
      let error = #expect(throws: ResultsError.self) { try read(broken) }
      #expect(error?.file == broken)
    }
    // Bytes replaced at random: never a crash; what still reads has the same two samples or says what is wrong.
    var seed: UInt64 = 1
    for _ in 0..<600 {
      var damaged = bytes
      for _ in 0..<3 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        damaged[Int(seed >> 33) % damaged.count] = UInt8(truncatingIfNeeded: seed >> 20)
      }
      try Data(damaged).write(to: URL(fileURLWithPath: broken))
      do { _ = try read(broken) } catch let error as ResultsError {
        #expect(!error.found.isEmpty)
      }
    }
  }

  @Test(arguments: [
    ("{\"results\":{\"a\":[{\"size\":[1,2]}]}}", "a list of 2 numbers"), ("[]", "'['"),
    ("{\"results\":{\"a\":[{}]}}", "without sample_token"), ("{\"meta\":{}}", "none"),
    ("{\"results\":{}} x", "'x'"), ("{\"results\":{},\"results\":{}}", "results twice"),
    ("{\"results\":{\"a\":[{\"detection_score\":01}]}}", "'01'"),
    ("{\"results\":{\"a\":[{\"detection_score\":1e}]}}", "'1e'"),
    ("{\"results\":{\"\\ud800\":[]}}", "a lone surrogate"),
    ("{\"m\":" + String(repeating: "[", count: 5000), "nesting deeper than 64"),
  ])
  func whatIsNoSubmissionSaysWhy(text: String, found: String) throws {
    let scratch = try Scratch()
    let file = "\(scratch.path)/x.json"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let error = #expect(throws: ResultsError.self) { try read(file) }
    #expect(error?.description.contains(found) == true, "\(error?.description ?? "")")
  }

  @Test func numbersReadAsTheLibraryReadsThem() throws {
    let scratch = try Scratch()
    let texts = [
      "0.1", "-0.0", "123456789012345", "1234567890123456", "12345678901234567890", "0.30000000000000004",
      "1e-7", "5e-324",
      "1.7976931348623157e308", "-2.5E+3", "0.000000000000001", "999999999999999.9", "3.141592653589793",
    ]
    let file = "\(scratch.path)/x.json"
    let rows = texts.map {
      "{\"instance\":\"i\",\"sample\":\"s\",\"prediction\":[],\"probabilities\":[\($0)]}"
    }
    try "[\(rows.joined(separator: ","))]".write(toFile: file, atomically: true, encoding: .utf8)
    var values: [Double] = []
    try Submission.readForecasts(file) { values += $0.probabilities }
    #expect(values.map(\.bitPattern) == texts.map { (Double($0) ?? .nan).bitPattern })
  }
}
