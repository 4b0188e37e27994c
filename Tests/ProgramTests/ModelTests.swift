import Foundation
import Testing

/// `apus model`, `apus inspect` and the files they read: what a configuration and a model file may say.
@Suite(.serialized) struct ModelTests {
  static func json(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func theSeedAloneDecidesTheBytes() throws {
    let folder = try TemporaryFolder()
    let files = try [("a", 1), ("b", 1), ("c", 2)].map { name, seed in
      try Data(
        contentsOf: URL(fileURLWithPath: TinyModel.create(in: folder, seed: seed, name: name)))
    }
    #expect(files[0] == files[1])
    #expect(files[0] != files[2] && files[0].count == files[2].count)
  }

  /// What is wrong, and words of the one line about it: the field, what was found, what would have been right.
  static let faults: [(yaml: String, words: [String])] = [
    ("nam: x", ["nam", "did you mean name?"]),
    ("perception: {sensor: [camera]}", ["perception:", "sensor", "did you mean sensors?"]),
    ("perception: {camera: {heigth: 64}}", ["perception.camera:", "heigth", "did you mean height?"]),
    (
      "perception: {grid: {minimumX: 0, minimumY: 0, cellSize: 1, countX: 4, countY: 4, rows: 2}}",
      ["perception.grid:", "rows"]
    ),
    (
      "perception: {camera: {depth: {spacing: uniform, minimum: 2, maximum: 9, count: 4, bins: 4}}}",
      ["perception.camera.depth:", "bins"]
    ),
    ("trajectories: {mode: 3}", ["trajectories:", "mode", "did you mean modes?"]),
    ("name: [1]", ["name:", "text"]),
    ("perception: 3", ["perception:", "a mapping"]),
    ("perception: {camera: {height: tall}}", ["perception.camera.height:", "an integer"]),
    ("perception: {camera: {bilinear: 2}}", ["perception.camera.bilinear:", "true or false"]),
    ("perception: {camera: {count: 99999999999999999999}}", ["perception.camera.count:", "an integer"]),
    ("perception: {camera: {stages: [{block: dense}]}}", ["perception.camera.stages.0.block:", "dense"]),
    ("perception: {heads: [detection, speed]}", ["perception.heads.1:", "speed"]),
    ("perception: {grid: {cellSize: 1}}", ["perception.grid.minimumX:", "nothing"]),
    ("trajectories: {modes: many}", ["trajectories.modes:", "an integer"]),
    ("perception: {heads: []}", ["perception.heads:", "1 or more"]),
    ("perception: {detection: {classes: [car, car]}}", ["perception.detection.classes:", "each once"]),
    ("perception: {camera: {height: 33}}", ["perception.camera.height: 33", "multiple of 32"]),
    ("perception: {camera: {count: 0}}", ["perception.camera.count: 0", "1 to 32"]),
    ("perception: {camera: {minimumHeight: .inf}}", ["perception.camera.minimumHeight: inf", "finite"]),
    (
      "perception: {camera: {depth: {spacing: uniform, minimum: .nan, maximum: 9, count: 4}}}",
      ["perception.camera.depth.minimum: nan"]
    ),
    (
      "perception: {grid: {minimumX: 0, minimumY: 0, cellSize: -1, countX: 4, countY: 4}}",
      ["perception.grid:", "-1.0 m"]
    ),
    ("perception: {backbone: {stages: [{stride: 2}]}}", ["perception.backbone.stages.0.stride: 2"]),
    ("perception: {volume: {columnsPerCell: 3}}", ["perception.volume.columnsPerCell: 3"]),
    ("trajectories: {modes: 0}", ["trajectories.modes: 0", "1 to 256"]),
    ("trajectories: {radius: .nan}", ["trajectories.radius: nan"]),
    ("trajectories: {width: 30, heads: 4}", ["trajectories.width: 30 for 4 heads"]),
    ("trajectories: {bevChannels: 7}", ["trajectories.bevChannels: 7", "32"]),
    ("perception: {heads: [map]}\ntrajectories: {}", ["trajectories.bevChannels: 32", "0"]),
    ("[1, 2", ["parser"]), ("name: a\nname: b", ["name", "unique"]), ("only words", ["a mapping"]),
    ("- a\n- b", ["a mapping"]), ("a: &all [1]\nb: *all", ["line 1", "anchor or alias"]),
    ("perception: *all", ["line 1", "anchor or alias"]), ("\tname: x", ["line 1", "tab"]),
    (String(repeating: "[", count: 5000), ["nested"]),
  ]

  @Test func configurationsThatAreWrongAreNamedInOneLine() throws {
    let folder = try TemporaryFolder()
    let source = folder.path("bad.yaml"), out = folder.path("bad.safetensors")
    func refusal(_ data: Data) throws -> String {
      try data.write(to: URL(fileURLWithPath: source))
      let outcome = try Apus.run(["model", "create", source, "--out", out])
      // F74: a wrong configuration is wrong use.
      #expect(outcome.status == 64, "\(outcome.standardError)")
      #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
      #expect(outcome.lastLine.hasPrefix("apus: \(source): "), "\(outcome.lastLine)")
      #expect(outcome.lastLine.contains("(expected "), "\(outcome.lastLine)")
      #expect(!FileManager.default.fileExists(atPath: out))
      return outcome.lastLine
    }
    for (yaml, words) in Self.faults {
      let line = try refusal(Data(yaml.utf8))
      for word in words { #expect(line.contains(word), "\(yaml): \(line)") }
    }
    #expect(try refusal(Data([0xff, 0xfe, 0x00, 0x80])).contains("UTF-8"))
    let absent = try Apus.run(["model", "create", folder.path("none.yaml"), "--out", out])
    #expect(absent.status == 1 && absent.lastLine.contains("none.yaml"))
    // A name that is no model's is a usage error.
    #expect(try Apus.run(["model", "create", source, "--out", folder.path("m.pth")]).status == 64)
  }

  /// Every configuration of the repository makes a model; what inspect says of its parts adds up.
  @Test func theRepositorysConfigurationsMakeModels() throws {
    let folder = try TemporaryFolder()
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("configurations")
    let names = try FileManager.default.contentsOfDirectory(atPath: root.path).filter {
      $0.hasSuffix(".yaml")
    }
    #expect(names.contains("default.yaml"))
    for name in names {
      let model = folder.path("\(name).safetensors")
      let made = try Apus.run([
        "model", "create", root.appendingPathComponent(name).path, "--out", model, "--json",
      ])
      #expect(made.status == 0, "\(made.standardError)")
      let parameters = try #require(try Self.json(made.standardOutput)["parameters"] as? Int)
      let inspected = try Self.inspect(model)
      #expect(inspected.parameters == parameters, "\(name)")
      // The bound that the plan sets for the default network with all heads.
      if name == "default.yaml" {
        #expect(inspected.operations <= 15_000_000_000, "\(inspected.operations)")
        #expect(inspected.operations > 1_000_000_000, "\(inspected.operations)")
        #expect(
          inspected.parts == [
            "image", "camera_bev", "bev", "lidar", "heads.detection", "heads.map", "heads.occupancy",
            "heads.volume",
            "heads.trajectories", "trajectory",
          ])
      }
    }
  }

  /// `inspect --json` of a model, whose sums are checked.
  static func inspect(_ model: String) throws -> (parameters: Int, operations: Int, parts: [String]) {
    let outcome = try Apus.run(["inspect", model, "--json"])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    let report = try json(outcome.standardOutput)
    let parts = try #require(report["parts"] as? [[String: Any]])
    let totals = try ["parameters", "operations"].map { key in
      let total = try #require(report[key] as? Int)
      #expect(parts.reduce(0) { $0 + ($1[key] as? Int ?? -1) } == total, "\(key)")
      return total
    }
    // What the graphs say, each as often as it runs: perception once, the encoder for two chunks of agents, the step of
    // each of two denoising steps of both.
    let runs = ["perception": 1, "refiner encoder": 2, "refiner step": 4]
    let graphs = try #require(report["graphs"] as? [[String: Any]])
    let operations = try graphs.reduce(0) { sum, graph in
      let name = try #require(graph["name"] as? String)
      return sum + (try #require(runs[name], "\(name)")) * (graph["operations"] as? Int ?? -1)
    }
    #expect(operations == totals[1])
    let table = try Apus.run(["inspect", model]).standardOutput
    for part in parts { #expect(table.contains(part["name"] as? String ?? "?")) }
    return (totals[0], totals[1], parts.compactMap { $0["name"] as? String })
  }
}
