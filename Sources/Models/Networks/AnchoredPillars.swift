import Foundation
import NeuralEngine

/// PointPillars with anchors: CUDA-PointPillars' file, and mmdeploy's.
///
/// - Source: Lang et al., arXiv 1812.05784; residuals as DeltaXYZWLHRBBoxCoder.
struct AnchoredPillars: PillarNetwork {
  /// A box that residuals are added to.
  struct Anchor {
    var length: Double, width: Double, height: Double, yaw: Double
    /// Its centre's height.
    var z: Double
  }

  let lattice: PillarLattice
  let classNames: [String]
  let earlierSweeps = 0
  let closeLimit = 0.0
  let givesVelocity = false
  private let program: ONNXProgram
  private let anchors: [Anchor]
  /// Whether features and scatter are mmdeploy's: inside the network, maps with channels first, classes apart.
  private let isDeployed: Bool
  private let scoreThreshold: Double, overlapThreshold: Double
  private let directionOffset: Double, limitOffset: Double
  private let candidateLimit: Int, boxLimit: Int

  init(_ description: NetworkDescription, _ options: Plan.Options) throws {
    let fields = try description.parameters()
    isDeployed = description.family == .deployedPointPillars
    classNames = try fields.texts("class_names")
    directionOffset = try fields.number("dir_offset")
    if isDeployed {
      try fields.allow([
        "class_names", "voxel_layer", "use_dim", "anchor_generator", "bbox_coder", "dir_offset", "dir_limit_offset",
        "test_cfg",
      ])
      lattice = try deployedLattice(fields)
      _ = try fields.integer("use_dim", 4...4)
      anchors = try Self.generatedAnchors(try fields.section("anchor_generator"))
      let coder = try fields.section("bbox_coder")
      try coder.allow(["type"])
      _ = try coder.text("type", oneOf: ["DeltaXYZWLHRBBoxCoder"])
      limitOffset = try fields.number("dir_limit_offset")
      let test = try fields.section("test_cfg")
      try test.allow(["use_rotate_nms", "nms_thr", "score_thr", "nms_pre", "max_num"])
      guard try test.flag("use_rotate_nms") else { throw test.error("use_rotate_nms", "false", "true") }
      scoreThreshold = try test.number("score_thr", 0...1)
      overlapThreshold = try test.number("nms_thr", 0...1)
      candidateLimit = try test.integer("nms_pre", 1...1 << 20)
      boxLimit = try test.integer("max_num", 1...1 << 20)
    } else {
      try fields.allow([
        "class_names", "min_range", "max_range", "voxel_size", "max_voxels", "max_points_per_voxel", "anchors",
        "anchor_bottom_heights", "score_thresh", "dir_offset", "nms_thresh",
      ])
      lattice = try PillarLattice(
        range: try fields.numbers("min_range", count: 3) + fields.numbers("max_range", count: 3),
        size: try fields.numbers("voxel_size", count: 3),
        pointLimit: try fields.integer("max_points_per_voxel", 1...4096),
        pillarLimit: try fields.integer("max_voxels", 1...1 << 20), fields, key: "max_range")
      anchors = try Self.listedAnchors(fields)
      scoreThreshold = try fields.number("score_thresh", 0...1)
      overlapThreshold = try fields.number("nms_thresh", 0...1)
      (limitOffset, candidateLimit, boxLimit) = (0, .max, .max)
    }
    program = try ONNXProgram(path: description.network("network"), options: options)
    try check(description.network("network"))
  }

  private static func listedAnchors(_ fields: DescriptionFields) throws -> [Anchor] {
    let rows = try fields.rows("anchors", count: 4), bottoms = try fields.numbers("anchor_bottom_heights")
    guard !rows.isEmpty, rows.count == 2 * bottoms.count else {
      throw fields.error("anchors", "\(rows.count)", "two for each of \(bottoms.count) bottom heights")
    }
    return rows.enumerated().map { k, row in
      Anchor(length: row[0], width: row[1], height: row[2], yaw: row[3], z: row[2] / 2 + bottoms[k / 2])
    }
  }

  /// In a cell: size, then rotation.
  private static func generatedAnchors(_ fields: DescriptionFields) throws -> [Anchor] {
    try fields.allow(["type", "ranges", "sizes", "rotations", "align_corner"])
    _ = try fields.text("type", oneOf: ["AlignedAnchor3DRangeGenerator"])
    guard try !fields.flag("align_corner") else { throw fields.error("align_corner", "true", "false") }
    let ranges = try fields.rows("ranges", count: 6), sizes = try fields.rows("sizes", count: 3)
    guard !sizes.isEmpty, ranges.count == sizes.count else {
      throw fields.error("ranges", "\(ranges.count)", "one for each of \(sizes.count) sizes")
    }
    let turns = try fields.numbers("rotations")
    return zip(ranges, sizes).flatMap { range, size in
      turns.map { Anchor(length: size[0], width: size[1], height: size[2], yaw: $0, z: range[2] + size[2] / 2) }
    }
  }

  private func check(_ path: String) throws {
    guard program.inputNames.count == 3 else {
      throw ModelError(
        file: path, field: "inputs", found: "\(program.inputNames.count)", expected: "pillars, and two of integers")
    }
    let names = program.inputNames
    let shapes: [[Int]]
    if isDeployed {
      shapes = try outputShapes(
        path, [names[0]: [1, lattice.pointLimit, 4], names[1]: [1], names[2]: [1, 4]])
    } else {
      shapes = try outputShapes(
        path,
        [
          names[0]: [lattice.pillarLimit, lattice.pointLimit, 10], names[1]: [lattice.pillarLimit, 4], names[2]: [1],
        ])
    }
    guard shapes.count == 3 else {
      throw ModelError(file: path, field: "outputs", found: "\(shapes.count)", expected: "classes, boxes, directions")
    }
    let axis = isDeployed ? 1 : 3
    for (k, width) in [classNames.count, 7, 2].enumerated() {
      let what = ["output of classes", "output of boxes", "output of directions"][k]
      try expectChannels(shapes[k], axis: axis, anchors.count * width, what, file: path)
    }
  }

  func boxes(_ pillars: NetworkPillars) throws -> [NetworkBox] {
    let names = program.inputNames, inputs: [TensorValue]
    if isDeployed {
      inputs = [
        pillars.raw([0, 1, 2, 3]),
        TensorValue([pillars.count], integers: pillars.counts.map { Int64($0) }), pillars.coordinates(),
      ]
    } else {
      let padding = lattice.pillarLimit - pillars.count
      inputs = [
        pillars.decorated([0, 1, 2, 3], centerCoordinates: 3, padding: padding),
        pillars.coordinates(padding: padding), TensorValue([1], integers: [Int64(pillars.count)]),
      ]
    }
    let outputs = try program.run(Dictionary(zip(names, inputs), uniquingKeysWith: { first, _ in first }))
    let maps = try outputs.map { try OutputMap($0, channelsLast: !isDeployed) }
    let found = byScore(decode(maps))
    guard isDeployed else {
      return survivors(found) { footprintOverlap($0, $1) >= overlapThreshold }
    }
    let kept = classNames.indices.flatMap { label in
      survivors(Array(found.filter { $0.label == label }.prefix(candidateLimit))) {
        footprintOverlap($0, $1) > overlapThreshold
      }
    }
    return Array(byScore(kept).prefix(boxLimit))
  }

  private func decode(_ maps: [OutputMap]) -> [NetworkBox] {
    let scores = maps[0], classes = classNames.count
    var boxes: [NetworkBox] = []
    for row in 0..<scores.rows {
      for column in 0..<scores.columns {
        for anchor in anchors.indices {
          let values = (0..<classes).map { scores.at(anchor * classes + $0, row, column) }
          if isDeployed {
            for label in 0..<classes where logistic(values[label]) > scoreThreshold {
              boxes.append(box(maps, anchor, row, column, label, logistic(values[label])))
            }
          } else {
            var label = 0
            for k in 1..<classes where values[k] > values[label] { label = k }
            let score = logistic(values[label])
            if score >= scoreThreshold { boxes.append(box(maps, anchor, row, column, label, score)) }
          }
        }
      }
    }
    return boxes
  }

  private func box(
    _ maps: [OutputMap], _ index: Int, _ row: Int, _ column: Int, _ label: Int, _ score: Double
  ) -> NetworkBox {
    let anchor = anchors[index], map = maps[1], span = lattice.high - lattice.low
    func residual(_ k: Int) -> Double { Double(map.at(index * 7 + k, row, column)) }
    // CUDA-PointPillars' anchors reach from border to border; mmdeploy's lie in the middle of their cells.
    let shift = isDeployed ? 0.5 : 0, inset = isDeployed ? 0 : 1
    let x = lattice.low.x + (Double(column) + shift) * span.x / Double(map.columns - inset)
    let y = lattice.low.y + (Double(row) + shift) * span.y / Double(map.rows - inset)
    let diagonal = (anchor.length * anchor.length + anchor.width * anchor.width).squareRoot()
    let turn = residual(6) + anchor.yaw - directionOffset
    let isFirst = maps[2].at(index * 2, row, column) > maps[2].at(index * 2 + 1, row, column)
    return NetworkBox(
      label: label, score: score,
      center: SIMD3(
        x + residual(0) * diagonal, y + residual(1) * diagonal, anchor.z + residual(2) * anchor.height),
      width: anchor.width * exp(residual(4)), length: anchor.length * exp(residual(3)),
      height: anchor.height * exp(residual(5)),
      yaw: turn - (turn / .pi + limitOffset).rounded(.down) * .pi + directionOffset + (isFirst ? 0 : .pi))
  }
}

/// The lattice of an mmdet3d configuration's `voxel_layer`.
func deployedLattice(_ fields: DescriptionFields) throws -> PillarLattice {
  let layer = try fields.section("voxel_layer")
  try layer.allow(["max_num_points", "point_cloud_range", "voxel_size", "max_voxels"])
  return try PillarLattice(
    range: try layer.numbers("point_cloud_range", count: 6), size: try layer.numbers("voxel_size", count: 3),
    pointLimit: try layer.integer("max_num_points", 1...4096),
    pillarLimit: try layer.integer("max_voxels", 1...1 << 20), layer, key: "point_cloud_range")
}
