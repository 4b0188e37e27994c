import Files
import Foundation
import Geometry
import NeuralEngine
import Perception
import Scenes
import Testing

/// Branches, backbone, heads, decoders and targets against PyTorch, every element.
///
/// Both sides sum in single precision in different orders, over at most a thousand terms a layer and some twenty layers:
/// 2e-5 of a tensor's range allows for that, and is a thousandth of what a swapped axis would change.
struct NetworkGoldenTests {
  static let tolerance: Float = 2e-5

  static func network(_ kind: String) throws -> PerceptionNetwork {
    let text = """
      {"grid": {"minimumX": -51.2, "minimumY": -51.2, "cellSize": 6.4, "countX": 16, "countY": 16},
       "resultGrid": {"minimumX": -51.2, "minimumY": -51.2, "cellSize": 3.2, "countX": 32, "countY": 32},
       "camera": {"count": 2, "height": 32, "width": 64, "stem": 4, "neckChannels": 8, "contextChannels": 6, "channels": 5,
         "neck": "\(kind)", "depth": {"spacing": "uniform", "minimum": 2, "maximum": 42, "count": 5},
         "stages": [{"channels": 6}, {"channels": 6}, {"block": "invertedResidual", "channels": 8},
           {"block": "invertedResidual", "channels": 10, "depth": 2}]},
       "lidar": {"pointCapacity": 512, "pillarChannels": 5, "channels": 4,
         "pillarsPerCell": \(kind == "unet" ? 1 : 2)},
       "memoryChannels": 3, "fusion": "\(kind == "unet" ? "gated" : "concatenation")",
       "backbone": {"outputs": 12, "neck": "\(kind)",
         "stages": [{"channels": 6, "stride": 1}, {"channels": 8}]},
       "heads": ["detection", "map", "occupancy", "trajectories"],
       "detection": {"hidden": 9}, "map": {"hidden": 5}, "occupancy": {"hidden": 4},
       "trajectories": {"channels": 7}}
      """
    return try PerceptionNetwork(JSONDecoder().decode(NetworkConfiguration.self, from: Data(text.utf8)))
  }

  private func compare(_ graph: Graph, _ inputs: [String: TensorValue], _ kind: String) throws {
    var graph = graph
    try NetworkGoldens.setWeights(of: &graph)
    let plain = try Interpreter.run(graph, inputs)
    let planned = try Plan(graph, .init(threads: 2)).run(inputs)
    for (id, value) in zip(graph.outputs, plain) {
      let name = graph[id].name
      let golden = try NetworkGoldens.array("\(kind)/\(name)")
      #expect(golden.shape == value.shape, "\(name)")
      let expected = try golden.floats()
      NetworkGoldens.expect(
        try #require(value.floats), expected, tolerance: Self.tolerance, "\(kind) \(name)")
      NetworkGoldens.expect(
        try #require(planned[name]?.floats), expected, tolerance: Self.tolerance, "planned \(kind) \(name)")
    }
  }

  @Test(arguments: ["pyramid", "unet"]) func theImageBranchIsPyTorchs(kind: String) throws {
    let images = NetworkGoldens.given("images", [2, 3, 32, 64])
    try compare(Self.network(kind).imageGraph(), ["images": images], kind)
  }

  @Test(arguments: ["pyramid", "unet"]) func backboneAndHeadsArePyTorchs(kind: String) throws {
    let side = kind == "unet" ? 16 : 32
    let inputs = [
      "camera_bev": NetworkGoldens.given("camera_bev", [1, 6, 16, 16]),
      "lidar_bev": NetworkGoldens.given("lidar_bev", [1, 5, side, side], 0, 1),
      "warped_bev": NetworkGoldens.given("warped_bev", [1, 3, 16, 16]),
    ]
    try compare(Self.network(kind).bevGraph(), inputs, kind)
  }

  @Test func aSwappedAxisIsCaught() throws {
    var graph = try Self.network("pyramid").imageGraph()
    try NetworkGoldens.setWeights(of: &graph)
    let images = NetworkGoldens.given("images", [2, 3, 32, 64])
    let floats = try #require(images.floats)
    // Channels one to the left: a picture in another order of colours.
    let turned = TensorValue(
      [2, 3, 32, 64], floats.indices.map { floats[$0 / 6144 * 6144 + ($0 + 2048) % 6144] })
    let found = try Interpreter.run(graph, ["images": turned])
    let golden = try NetworkGoldens.array("pyramid/depth").floats()
    #expect(!NetworkGoldens.agree(try #require(found[0].floats), golden, tolerance: 1e-3))
  }

  @Test func theVolumeHeadIsPyTorchs() throws {
    var graph = Graph(name: "volume")
    let grid = BEVGrid(minimumX: -51.2, minimumY: -51.2, cellSize: 1.6, countX: 64, countY: 64)
    let features = HeadInput(
      tensor: graph.addInput("features", [1, 12, 64, 64]), channels: 12, grid: grid)
    var head = NetworkConfiguration.Volume()
    head.hidden = 3
    head.columnsPerCell = 4
    try graph.markOutput(try graph.volumeHead(features, head), name: NetworkTensors.volume)
    // The golden's last layer is a convolution, whose weights have two more axes.
    try NetworkGoldens.setWeights(of: &graph)
    let input = ["features": NetworkGoldens.given("features", [1, 12, 64, 64])]
    let value = try #require(try Plan(graph, .init(threads: 2)).run(input)[NetworkTensors.volume])
    #expect(value.shape == [2500, 18, 256])
    let logits = try #require(value.floats)
    let places: [Int64] = try NetworkGoldens.array("volume/places").values()
    NetworkGoldens.expect(
      places.map { logits[Int($0)] }, try NetworkGoldens.array("volume/logits").floats(),
      tolerance: Self.tolerance, "sampled logits")
    // Every element, from PyTorch's hidden features by a plain loop.
    let hidden = try NetworkGoldens.array("volume/hidden").floats()
    let weight = try #require(graph.tensor(named: "heads.volume.classes.weight").flatMap(graph.value)?.floats)
    let bias = try #require(graph.tensor(named: "heads.volume.classes.bias").flatMap(graph.value)?.floats)
    var worst: Float = 0
    for cell in 0..<2500 {
      for output in 0..<4608 {
        var sum = bias[output]
        for c in 0..<3 { sum += weight[output * 3 + c] * hidden[c * 2500 + cell] }
        worst = max(worst, abs(sum - logits[cell * 4608 + output]))
      }
    }
    #expect(worst < 1e-4, "off by \(worst)")
    // And the likeliest classes where they belong in Occ3D's layout, but for near ties.
    var decoder = try VolumeDecoder(head, grid: grid)
    let decoded = try NetworkGoldens.withViews(["logits": value]) { decoder.decode($0("logits"), threads: 2) }
    let semantics: [UInt8] = try NetworkGoldens.array("volume/semantics").values()
    let different = zip(decoded.semantics, semantics).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
    #expect(different <= 10, "\(different) of 640000 voxels differ")
  }

  // MARK: Decoder

  static let smallGrid = BEVGrid(minimumX: -25.6, minimumY: -25.6, cellSize: 1.6, countX: 32, countY: 32)

  static func decoderInputs() -> [String: TensorValue] {
    func plane(_ name: String, _ channels: Int, _ low: Float = -1, _ high: Float = 1) -> TensorValue {
      NetworkGoldens.given("decode.\(name)", [1, channels, 32, 32], low, high)
    }
    return [
      NetworkTensors.heatmap: plane("heatmap", 10, -9, 3), NetworkTensors.offset: plane("offset", 2, 0, 1),
      NetworkTensors.height: plane("height", 1, -1, 2), NetworkTensors.size: plane("size", 3, -1, 2),
      NetworkTensors.rotation: plane("rotation", 2), NetworkTensors.velocity: plane("velocity", 2, -9, 9),
      NetworkTensors.attribute: plane("attribute", 8),
    ]
  }

  @Test func boxesAreTheGoldenOnes() throws {
    var head = NetworkConfiguration.Detection()
    head.minimumScore = 0.1
    head.maximumCount = 200
    var decoder = DetectionDecoder(head, grid: Self.smallGrid)
    let found = try NetworkGoldens.withViews(Self.decoderInputs()) { view in
      decoder.decode(DetectionDecoder.Outputs(view), globalFromEgo: .identity)
    }
    let golden = try NetworkGoldens.array("decode/boxes")
    let rows: [Double] = try golden.values()
    try #require(golden.shape == [found.count, 12])
    for (n, box) in found.enumerated() {
      let row = Array(rows[n * 12..<n * 12 + 12])
      #expect(box.name == DetectionClass.allCases[Int(row[0])], "box \(n)")
      let values = [
        box.score, box.box.center.x, box.box.center.y, box.box.center.z, box.box.size.x, box.box.size.y,
        box.box.size.z, box.box.yaw, box.velocity.x, box.velocity.y,
      ]
      for (value, expected) in zip(values, row[1..<11]) {
        #expect(abs(value - expected) < 1e-6 * max(1, abs(expected)), "box \(n): \(value) for \(expected)")
      }
      #expect(box.attribute == (row[11] < 0 ? "" : DetectionAttributes.names[Int(row[11])]), "box \(n)")
    }
  }

  // MARK: Targets

  /// The script's objects.
  static func objects() -> [Detection] {
    let u = NetworkGoldens.units("targets", 24 * 9).map(Double.init)
    return (0..<24).map { k in
      let v = Array(u[k * 9..<k * 9 + 9]), name = DetectionClass.allCases[k % 10]
      let attributes = DetectionAttributes.indices(of: name)
      return Detection(
        name: name,
        box: Box3D(
          center: SIMD3((v[0] * 2 - 1) * 26, (v[1] * 2 - 1) * 26, v[2] * 2),
          size: SIMD3(0.5 + 3 * v[3], 0.5 + 12 * v[4], 1 + v[5]),
          rotation: Quaternion(yaw: (2 * v[6] - 1) * 3)),
        velocity: SIMD2(v[7] * 9, v[8] * 9), score: 1,
        attribute: attributes.isEmpty ? "" : DetectionAttributes.names[attributes.lowerBound])
    }
  }

  @Test func detectionTargetsAreTheGoldenOnes() throws {
    let targets = DetectionTargets(
      Self.objects(), globalFromEgo: .identity, head: NetworkConfiguration.Detection(), grid: Self.smallGrid)
    func floats(_ name: String) throws -> [Float] { try #require(targets.tensors[name]?.floats) }
    let heat = try NetworkGoldens.array("targets/heatmap").floats()
    NetworkGoldens.expect(try floats(NetworkTensors.heatmap), heat, tolerance: 1e-6, "heat maps")
    let names = [
      NetworkTensors.offset, NetworkTensors.height, NetworkTensors.size, NetworkTensors.rotation,
      NetworkTensors.velocity, NetworkTensors.attribute,
    ]
    let planes = try NetworkGoldens.array("targets/planes").floats()
    NetworkGoldens.expect(try names.flatMap { try floats($0) }, planes, tolerance: 1e-6, "regressions")
    let mask = try NetworkGoldens.array("targets/mask").floats()
    #expect(try floats(DetectionTargets.mask) == mask)
    #expect(mask.reduce(0, +) > 15)
  }

  @Test func drawnMapsAreTheGoldenOnes() throws {
    let u = NetworkGoldens.units("map", 120).map(Double.init)
    func ring(_ first: Int, _ count: Int, _ span: Double) -> [SIMD2<Double>] {
      (0..<count).map {
        SIMD2(u[first + $0] * span - span / 2, u[first + count + $0] * span - span / 2)
      }
    }
    let map = [
      MapLayer(
        name: "drivable_area",
        areas: [.init(outline: Polygon(ring(0, 9, 60)), holes: [Polygon(ring(18, 4, 30))])]),
      MapLayer(name: "walkway", areas: [.init(outline: Polygon(ring(26, 3, 40)))]),
      MapLayer(name: "lane_divider", lines: [ring(40, 6, 60)]),
      MapLayer(name: "stop_line", lines: [ring(40, 6, 60)]),
    ]
    var head = NetworkConfiguration.Map()
    head.lineWidth = 1
    let grid = BEVGrid(minimumX: -25.6, minimumY: -25.6, cellSize: 0.8, countX: 64, countY: 64)
    let golden: [UInt8] = try NetworkGoldens.array("map/layers").values()
    let drawn = MapTargets.draw(map, globalFromEgo: .identity, head: head, grid: grid)
    #expect(drawn.shape == [1, 5, 64, 64])
    #expect(try #require(drawn.floats) == golden.map { Float($0) })
    #expect(golden.reduce(0) { $0 + Int($1) } > 500)
    // The same map from another place: everything in the global frame moved with the ego.
    let pose = RigidTransform(rotation: Quaternion(yaw: 0.7), translation: SIMD3(1200, -340, 12))
    func moved(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
      points.map { (pose * SIMD3($0.x, $0.y, 0)).xy }
    }
    let elsewhere = map.map { layer in
      MapLayer(
        name: layer.name,
        areas: layer.areas.map {
          .init(
            outline: Polygon(moved($0.outline.points)), holes: $0.holes.map { Polygon(moved($0.points)) })
        }, lines: layer.lines.map(moved))
    }
    let again = MapTargets.draw(elsewhere, globalFromEgo: pose, head: head, grid: grid)
    let different = zip(try #require(again.floats), golden).reduce(0) { $0 + ($1.0 == Float($1.1) ? 0 : 1) }
    #expect(different <= 2, "\(different) cells differ")
  }
}
