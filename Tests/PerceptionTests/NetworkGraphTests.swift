import Foundation
import Geometry
import LiftSplat
import NeuralEngine
import Perception
import Testing

/// The configuration and the graphs that are built from it.
struct NetworkGraphTests {
  /// A network of a few channels over a few cells, for tests that run it.
  static func small(heads: [NetworkConfiguration.Head] = NetworkConfiguration.Head.allCases) throws
    -> NetworkConfiguration
  {
    let text = """
      {"grid": {"minimumX": -51.2, "minimumY": -51.2, "cellSize": 1.6, "countX": 64, "countY": 64},
       "camera": {"count": 2, "height": 32, "width": 64, "stem": 4, "neckChannels": 8, "contextChannels": 6, "channels": 5,
         "depth": {"spacing": "uniform", "minimum": 2, "maximum": 42, "count": 5},
         "stages": [{"channels": 6}, {"channels": 6}, {"block": "invertedResidual", "channels": 8},
           {"block": "invertedResidual", "channels": 10, "depth": 2}]},
       "resultGrid": {"minimumX": -51.2, "minimumY": -51.2, "cellSize": 0.8, "countX": 128, "countY": 128},
       "lidar": {"pointCapacity": 512, "pillarChannels": 5, "channels": 4},
       "memoryChannels": 3,
       "backbone": {"outputs": 12, "stages": [{"channels": 6, "stride": 1}, {"channels": 8}]},
       "detection": {"hidden": 9}, "map": {"hidden": 5}, "occupancy": {"hidden": 4}, "volume": {"hidden": 3},
       "trajectories": {"channels": 7}}
      """
    var configuration = try JSONDecoder().decode(NetworkConfiguration.self, from: Data(text.utf8))
    configuration.heads = heads
    return configuration
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing was thrown"
    } catch let DecodingError.dataCorrupted(context) { return context.debugDescription } catch {
      return "\(error)"
    }
  }

  // MARK: Configuration

  @Test func absentKeysKeepTheirDefaultsAndWhatIsWrittenReadsBack() throws {
    let empty = try JSONDecoder().decode(NetworkConfiguration.self, from: Data("{}".utf8))
    #expect(empty == NetworkConfiguration())
    let small = try Self.small()
    let again = try JSONDecoder().decode(NetworkConfiguration.self, from: JSONEncoder().encode(small))
    #expect(again == small)
    #expect(small.camera.stages[3].depth == 2 && small.camera.stages[3].stride == 2)
  }

  @Test func anUnknownKeyIsNamedWithTheNearestOne() {
    let found = message {
      _ = try JSONDecoder().decode(
        NetworkConfiguration.self, from: Data(#"{"camera": {"heigth": 3}}"#.utf8))
    }
    #expect(found == "unknown key heigth (did you mean height?)")
  }

  @Test func whatDoesNotFitIsNamed() throws {
    func fault(_ change: (inout NetworkConfiguration) -> Void) -> String {
      var configuration = NetworkConfiguration()
      change(&configuration)
      return message { _ = try PerceptionNetwork(configuration, file: "net.yaml") }
    }
    #expect(
      fault { $0.camera.width = 350 }
        == "net.yaml: camera.width: 350 (expected a multiple of 32)")
    #expect(fault { $0.heads = [] }.hasPrefix("net.yaml: heads: []"))
    #expect(fault { $0.heads = [.map, .map] }.hasPrefix("net.yaml: heads:"))
    #expect(fault { $0.camera.stages.removeLast(2) }.hasPrefix("net.yaml: camera.stages: a stride of 8"))
    #expect(fault { $0.backbone.stages[0].stride = 2 }.hasPrefix("net.yaml: backbone.stages.0.stride: 2"))
    #expect(fault { $0.lidar.pillarsPerCell = 3 }.hasPrefix("net.yaml: lidar.pillarsPerCell: 3"))
    #expect(fault { $0.detection.minimumScore = .nan }.hasPrefix("net.yaml: detection.minimumScore: nan"))
    let cell = BEVGrid(minimumX: -51.2, minimumY: -51.2, cellSize: 0.3, countX: 256, countY: 256)
    #expect(
      fault { $0.resultGrid = cell }.hasPrefix("net.yaml: heads.map: resultGrid: 256 x 256 cells of 0.3 m"))
    let narrow = BEVGrid(minimumX: -32, minimumY: -32, cellSize: 0.5, countX: 128, countY: 128)
    let both = fault {
      $0.grid = narrow
      $0.resultGrid = narrow
    }
    #expect(both.hasPrefix("net.yaml: heads.volume: grid: 128 x 128 cells of 0.5 m"))
    #expect(
      fault {
        $0.grid = narrow
        $0.resultGrid = narrow
        $0.heads = [.detection, .map, .occupancy, .trajectories]
      } == "nothing was thrown")
  }

  @Test func aHeadOnOtherFeaturesIsRefused() throws {
    let configuration = NetworkConfiguration()
    var graph = Graph(name: "net")
    let x = graph.addInput("features", [1, 32, 128, 128])
    let features = HeadInput(tensor: x, channels: 48, grid: configuration.grid)
    let found = message { _ = try graph.detectionHead(features, configuration.detection) }
    #expect(
      found == "net: heads.detection: features [1, 32, 128, 128] "
        + "(expected [1, 48, 128, 128]: the backbone's channels over its grid)")
  }

  // MARK: Graphs

  @Test func theDefaultNetworkWithAllHeadsCostsLessThanEightBillionOperations() throws {
    let network = try PerceptionNetwork(NetworkConfiguration())
    let report = try NetworkReport(network.graph())
    var parts: [(name: String, operations: Int, parameters: Int)] = []
    for row in report.rows {
      let words = row.name.split(separator: ".")
      let part = words.first == "heads" ? words.prefix(2).joined(separator: ".") : String(words.first ?? "")
      if let k = parts.firstIndex(where: { $0.name == part }) {
        parts[k].operations += row.operations
        parts[k].parameters += row.parameters
      } else {
        parts.append((part, row.operations, row.parameters))
      }
    }
    for part in parts {
      print(
        "\(part.name): \(Double(part.operations / 1_000_000) / 1000) GFLOP, \(part.parameters) parameters")
    }
    print("all: \(Double(report.operations / 1_000_000) / 1000) GFLOP, \(report.parameters) parameters")
    #expect(report.operations < 8_000_000_000)
  }

  @Test func graphsBuiltApartHoldTheSameWeights() throws {
    let network = try PerceptionNetwork(try Self.small())
    let whole = try network.graph(seed: 3)
    var image = try network.imageGraph(seed: 4)
    var grid = try network.bevGraph(seed: 4)
    let names = Set(whole.weights.map { whole[$0].name })
    let apart = (image.weights.map { image[$0].name } + grid.weights.map { grid[$0].name })
    #expect(Set(apart).count == apart.count)
    #expect(names.subtracting(apart) == ["lidar.pillars.weight", "lidar.pillars.bias"])
    #expect(Set(apart).isSubset(of: names))
    for prefix in ["image.", "lidar.", "bev.", "heads.detection.", "heads.volume."] {
      #expect(names.contains { $0.hasPrefix(prefix) })
    }
    try image.takeWeights(from: whole)
    try grid.takeWeights(from: whole)
    let same = try network.bevGraph(seed: 3)
    for id in grid.weights { #expect(grid.value(id) == same.value(id), "\(grid[id].name)") }
    #expect(throws: EngineError.self) { try image.takeWeights(from: grid) }
  }

  @Test func partsThatAreLeftOutAreNotInTheGraph() throws {
    var configuration = try Self.small(heads: [.map])
    configuration.sensors = [.lidar]
    configuration.memoryChannels = 0
    let graph = try PerceptionNetwork(configuration).graph()
    #expect(
      graph.inputs.map { graph[$0].name } == [
        "pillars.points", "pillars.shared", "pillars.starts", "pillars.cells",
      ])
    #expect(graph.outputs.map { graph[$0].name } == ["map.logits"])
    #expect(!graph.weights.contains { graph[$0].name.hasPrefix("image.") })
    configuration.sensors = [.camera]
    configuration.heads = [.detection, .trajectories]
    configuration.camera.bilinear = true
    configuration.camera.neck = .unet
    configuration.backbone.neck = .unet
    configuration.fusion = .gated
    let camera = try PerceptionNetwork(configuration).graph()
    #expect(
      camera.inputs.map { camera[$0].name } == ["images", "pool.points", "pool.starts", "pool.weights"])
    #expect(camera.outputs.map { camera.shape($0) }.last == [1, 7, 64, 64])
  }

  @Test func outputsHaveTheShapesThatTheirNamesPromise() throws {
    let graph = try PerceptionNetwork(NetworkConfiguration()).graph()
    let shapes = Dictionary(
      uniqueKeysWithValues: graph.outputs.map { (graph[$0].name, graph.shape($0)) })
    #expect(
      shapes == [
        "bev": [1, 16, 128, 128], "detection.heatmap": [1, 10, 128, 128],
        "detection.offset": [1, 2, 128, 128], "detection.height": [1, 1, 128, 128],
        "detection.size": [1, 3, 128, 128], "detection.rotation": [1, 2, 128, 128],
        "detection.velocity": [1, 2, 128, 128], "detection.attribute": [1, 8, 128, 128],
        "map.logits": [1, 5, 256, 256], "occupancy.logits": [1, 2, 256, 256],
        "occupancy.volume": [10000, 18, 16], "trajectory.features": [1, 32, 128, 128],
      ])
  }

  @Test func aNetworkThatHasSeenNothingBelievesWhatIsLikely() throws {
    let network = try PerceptionNetwork(try Self.small())
    let graph = try network.bevGraph(seed: 1)
    var inputs: [String: TensorValue] = [:]
    for id in graph.inputs { inputs[graph[id].name] = TensorValue(zeros: graph[id].type) }
    let outputs = try Interpreter.run(graph, inputs)
    for (id, value) in zip(graph.outputs, outputs) {
      let floats = try #require(value.floats)
      switch graph[id].name {
      case "detection.heatmap", "map.logits": #expect(floats.allSatisfy { abs($0 + 2.19) < 1e-5 })
      case "detection.offset": #expect(floats.allSatisfy { abs($0 - 0.5) < 1e-5 })
      case "occupancy.logits":
        #expect(floats.prefix(128 * 128).allSatisfy { abs($0 + 2.19) < 1e-5 })
        #expect(floats.suffix(128 * 128).allSatisfy { abs($0) < 1e-5 })
      case "occupancy.volume":
        let voxels = value.shape[2]
        for (k, logit) in floats.enumerated() {
          #expect(abs(logit - (k / voxels % 18 == 17 ? 5 : 0)) < 1e-5)
        }
      default: #expect(floats.allSatisfy { abs($0) < 1e-5 })
      }
    }
  }

  @Test func imageAndGridGraphsAreTheSameThroughONNX() throws {
    var configuration = try Self.small()
    configuration.heads = [.detection, .map, .occupancy, .volume, .trajectories]
    let network = try PerceptionNetwork(configuration)
    for graph in [try network.imageGraph(seed: 5), try network.bevGraph(seed: 5)] {
      var inputs: [String: TensorValue] = [:]
      for id in graph.inputs {
        inputs[graph[id].name] = NetworkGoldens.given(graph[id].name, graph.shape(id))
      }
      let network = try ONNXNetwork(bytes: ONNXExport.bytes(graph), name: "network.onnx")
      let read = network.graph
      let expected = try Interpreter.run(graph, inputs), found = try Interpreter.run(read, inputs)
      #expect(network.outputNames == graph.outputs.map { graph[$0].name })
      for (k, id) in graph.outputs.enumerated() {
        NetworkGoldens.expect(
          try #require(found[k].floats), try #require(expected[k].floats), tolerance: 1e-5, graph[id].name)
      }
    }
  }
}
