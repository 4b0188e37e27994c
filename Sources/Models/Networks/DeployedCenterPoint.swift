import Foundation
import NeuralEngine

/// mmdeploy's CenterPoint over pillars, with features and scatter inside.
///
/// - Source: mmdetection3d's configuration, under its own names; Yin et al., arXiv 2006.11275.
struct DeployedCenterPoint: PillarNetwork {
  let lattice: PillarLattice
  let earlierSweeps: Int
  let closeLimit: Double
  let givesVelocity = true
  private let program: ONNXProgram
  private let tasks: [[String]]
  private let pointChannels: [Int]
  private let expandsSizes: Bool
  private let step: SIMD2<Double>, low: SIMD2<Double>
  /// Where centres may lie: lower corner, upper corner.
  private let centerRange: [Double]
  private let scoreThreshold: Double
  private let suppressesCircles: Bool
  private let radii: [Double], overlapThreshold: Double
  private let candidateLimit: Int, boxLimit: Int, limit: Int

  var classNames: [String] { tasks.flatMap { $0 } }

  init(_ description: NetworkDescription, _ options: Plan.Options) throws {
    let fields = try description.parameters()
    try fields.allow([
      "voxel_layer", "use_dim", "sweeps_num", "remove_close", "tasks", "norm_bbox", "bbox_coder", "test_cfg",
    ])
    lattice = try deployedLattice(fields)
    pointChannels = try fields.integer("use_dim", 4...5) == 5 ? [0, 1, 2, 3, 4] : [0, 1, 2, 3]
    earlierSweeps = try fields.integer("sweeps_num", 0...100)
    closeLimit = try fields.flag("remove_close") ? 1 : 0
    tasks = try fields.sections("tasks").map { task in
      try task.allow(["num_class", "class_names"])
      let names = try task.texts("class_names")
      _ = try task.integer("num_class", names.count...names.count)
      return names
    }
    expandsSizes = try fields.flag("norm_bbox")
    let coder = try fields.section("bbox_coder")
    try coder.allow([
      "type", "pc_range", "post_center_range", "max_num", "score_threshold", "out_size_factor", "voxel_size", "code_size",
    ])
    if coder.has("type") { _ = try coder.text("type", oneOf: ["CenterPointBBoxCoder"]) }
    let size = try coder.numbers("voxel_size"), range = try coder.numbers("pc_range")
    guard size.count >= 2, range.count >= 2 else { throw coder.error("voxel_size", "\(size)", "x and y") }
    step = SIMD2(size[0], size[1]) * Double(try coder.integer("out_size_factor", 1...64))
    low = SIMD2(range[0], range[1])
    centerRange = try coder.numbers("post_center_range", count: 6)
    limit = try coder.integer("max_num", 1...1 << 20)
    let test = try fields.section("test_cfg")
    try test.allow([
      "nms_type", "post_center_limit_range", "score_threshold", "min_radius", "nms_thr", "pre_max_size",
      "post_max_size",
    ])
    scoreThreshold = max(
      try coder.number("score_threshold", 0...1), try test.number("score_threshold", 0...1))
    suppressesCircles = try test.text("nms_type", oneOf: ["rotate", "circle"]) == "circle"
    radii = suppressesCircles ? try test.numbers("min_radius", count: tasks.count) : []
    overlapThreshold = suppressesCircles ? 1 : try test.number("nms_thr", 0...1)
    candidateLimit = try test.integer("pre_max_size", 1...1 << 20)
    boxLimit = try test.integer("post_max_size", 1...1 << 20)
    let path = description.network("network")
    program = try ONNXProgram(path: path, options: options)
    try check(path)
  }

  private func check(_ path: String) throws {
    let names = program.inputNames
    guard names.count == 3 else {
      throw ModelError(file: path, field: "inputs", found: "\(names.count)", expected: "voxels, num_points, coors")
    }
    let shapes = try outputShapes(
      path,
      [names[0]: [1, lattice.pointLimit, pointChannels.count], names[1]: [1], names[2]: [1, 4]])
    guard shapes.count == 3 else {
      throw ModelError(file: path, field: "outputs", found: "\(shapes.count)", expected: "classes, boxes, directions")
    }
    try expectChannels(shapes[0], axis: 1, classNames.count, "output of classes", file: path)
    try expectChannels(shapes[1], axis: 1, 8 * tasks.count, "output of boxes", file: path)
    try expectChannels(shapes[2], axis: 1, 2 * tasks.count, "output of directions", file: path)
  }

  func boxes(_ pillars: NetworkPillars) throws -> [NetworkBox] {
    let inputs = [
      pillars.raw(pointChannels), TensorValue([pillars.count], integers: pillars.counts.map { Int64($0) }),
      pillars.coordinates(),
    ]
    let outputs = try program.run(Dictionary(zip(program.inputNames, inputs), uniquingKeysWith: { first, _ in first }))
    let maps = try outputs.map { try OutputMap($0) }
    var kept: [NetworkBox] = [], first = 0
    for (task, names) in tasks.enumerated() {
      let found = Array(byScore(decode(maps, task, first..<first + names.count)).prefix(limit).prefix(candidateLimit))
      let alone = survivors(found) { a, b in
        guard suppressesCircles else { return footprintOverlap(a, b) > overlapThreshold }
        let d = a.distance(to: b)
        return d * d <= radii[task]
      }
      kept += alone.prefix(boxLimit)
      first += names.count
    }
    return byScore(kept)
  }

  /// Every cell and class of a task above the threshold.
  private func decode(_ maps: [OutputMap], _ task: Int, _ labels: Range<Int>) -> [NetworkBox] {
    var boxes: [NetworkBox] = []
    for row in 0..<maps[0].rows {
      for column in 0..<maps[0].columns {
        for label in labels {
          let score = logistic(maps[0].at(label, row, column))
          guard score > scoreThreshold else { continue }
          func value(_ k: Int) -> Double { Double(maps[1].at(8 * task + k, row, column)) }
          func size(_ k: Int) -> Double { expandsSizes ? exp(value(k)) : value(k) }
          let center = SIMD3(
            (Double(column) + value(0)) * step.x + low.x, (Double(row) + value(1)) * step.y + low.y, value(2))
          guard (0..<3).allSatisfy({ center[$0] >= centerRange[$0] && center[$0] <= centerRange[$0 + 3] }) else {
            continue
          }
          let sine = Double(maps[2].at(2 * task, row, column)), cosine = Double(maps[2].at(2 * task + 1, row, column))
          boxes.append(
            NetworkBox(
              label: label, score: score, center: center, width: size(4), length: size(3), height: size(5),
              yaw: atan2(sine, cosine), velocity: SIMD2(value(6), value(7))))
        }
      }
    }
    return boxes
  }
}
