import Foundation
import NeuralEngine

/// Autoware's lidar_centerpoint: features of pillars, a canvas of them, and a head of maps.
///
/// - Source: its parameter files, read as they are; Yin et al., arXiv 2006.11275.
struct AutowareCenterPoint: PillarNetwork {
  let lattice: PillarLattice
  let classNames: [String]
  let earlierSweeps: Int
  let closeLimit = 0.0
  let givesVelocity: Bool
  private let encoder: ONNXProgram, head: ONNXProgram
  /// Features of a point: 9, 10 or 11.
  private let features: Int
  private let downsampling: Int
  private let upperBounds: [Double]
  /// By bin of distance, then class.
  private let thresholds: [[Double]]
  private let headingThresholds: [Double]
  private let circleDistance: Double, searchDistance: Double, overlapThreshold: Double
  private let negatesYaw: Bool

  init(_ description: NetworkDescription, _ options: Plan.Options) throws {
    let files = try description.parameterFiles.map {
      try DescriptionFields(file: $0).section("/**").section("ros__parameters")
    }
    func section(_ key: String) throws -> DescriptionFields {
      guard let file = files.first(where: { $0.has(key) }) else {
        throw ModelError(
          file: description.file, field: "files.parameters", found: "no \(key) in any", expected: "Autoware's files")
      }
      return try file.section(key)
    }
    let model = try section("model_params"), after = try section("post_process_params")
    classNames = try model.texts("class_names")
    features = try model.integer("encoder_in_feature_size", 9...11)
    downsampling = try model.integer("downsample_factor", 1...64)
    givesVelocity = try model.flag("has_twist")
    let hasVariance = try model.flag("has_variance")
    lattice = try PillarLattice(
      range: try model.numbers("point_cloud_range", count: 6), size: try model.numbers("voxel_size", count: 3),
      pointLimit: 32, pillarLimit: try model.integer("max_voxel_size", 1...1 << 20), model, key: "point_cloud_range")
    earlierSweeps = try section("densification_params").integer("num_past_frames", 0...100)
    let scores = try model.section("score_thresholds")
    upperBounds = try scores.numbers("upper_bounds")
    thresholds = try Self.thresholds(scores, bins: upperBounds.count, classNames)
    headingThresholds = try after.numbers("yaw_norm_thresholds")
    guard headingThresholds.count >= classNames.count else {
      throw after.error("yaw_norm_thresholds", "\(headingThresholds.count)", "one for each class")
    }
    circleDistance = try after.number("circle_nms_dist_threshold", 0...1e6)
    searchDistance = try after.number("iou_nms_search_distance_2d", 0...1e6)
    overlapThreshold = try after.number("iou_nms_threshold", 0...1e6)
    negatesYaw = description.negatesYaw
    encoder = try ONNXProgram(path: description.network("encoder"), options: options)
    head = try ONNXProgram(path: description.network("head"), options: options)
    try check(description, hasVariance: hasVariance)
  }

  /// `thresholds` is a list, bins by classes, or a map from class to a list by bin.
  private static func thresholds(
    _ fields: DescriptionFields, bins: Int, _ classes: [String]
  ) throws -> [[Double]] {
    if fields.isMapping("thresholds") {
      let map = try fields.section("thresholds")
      let columns = try classes.map { try map.numbers($0, count: bins) }
      return (0..<bins).map { bin in columns.map { $0[bin] } }
    }
    let flat = try fields.numbers("thresholds", count: bins * classes.count)
    return (0..<bins).map { Array(flat[$0 * classes.count..<($0 + 1) * classes.count]) }
  }

  private func check(_ description: NetworkDescription, hasVariance: Bool) throws {
    guard encoder.inputNames.count == 1, head.inputNames.count == 1 else {
      throw ModelError(
        file: description.file, field: "files", found: "networks of other inputs", expected: "one input each")
    }
    let path = description.network("encoder"), headPath = description.network("head")
    let made = try outputShapes(path, [encoder.inputNames[0]: [1, lattice.pointLimit, features]])
    guard let channels = made.first?.last else {
      throw ModelError(file: path, field: "outputs", found: "none", expected: "pillar features")
    }
    let shapes = try outputShapes(headPath, [head.inputNames[0]: [1, channels, lattice.rows, lattice.columns]])
    let twice = hasVariance ? 2 : 1
    let wanted = [classNames.count, 2 * twice, twice, 3 * twice, 2 * twice, 2 * twice]
    guard shapes.count == wanted.count else {
      throw ModelError(
        file: headPath, field: "outputs", found: "\(shapes.count)", expected: "heatmap, reg, height, dim, rot, vel")
    }
    for (k, name) in ["heatmap (a class each)", "reg", "height", "dim", "rot", "vel"].enumerated() {
      try expectChannels(shapes[k], axis: 1, wanted[k], "output \(name)", file: headPath)
    }
  }

  func boxes(_ pillars: NetworkPillars) throws -> [NetworkBox] {
    // Rows are independent: rounded up, so that a plan serves many frames.
    let padding = (1024 - pillars.count % 1024) % 1024
    let points = pillars.decorated(
      features == 11 ? [0, 1, 2, 3, 4] : [0, 1, 2, 4], centerCoordinates: features == 9 ? 2 : 3, padding: padding)
    let encoded = try encoder.run([encoder.inputNames[0]: points])[0]
    let canvas = canvas(encoded, pillars)
    let maps = try head.run([head.inputNames[0]: canvas]).map { try OutputMap($0) }
    return suppressed(byScore(decode(maps)))
  }

  /// `[pillar, 1, channel]` at their cells of `[1, channel, row, column]`.
  private func canvas(_ encoded: TensorValue, _ pillars: NetworkPillars) -> TensorValue {
    let channels = encoded.shape.last ?? 0, plane = lattice.rows * lattice.columns
    var target = [Float](repeating: 0, count: channels * plane)
    let source = encoded.floats ?? []
    for (k, place) in pillars.places.enumerated() {
      let cell = place.row * lattice.columns + place.column
      for channel in 0..<channels { target[channel * plane + cell] = source[k * channels + channel] }
    }
    return TensorValue([1, channels, lattice.rows, lattice.columns], target)
  }

  private func decode(_ maps: [OutputMap]) -> [NetworkBox] {
    let heat = maps[0], step = lattice.size * Double(downsampling)
    var boxes: [NetworkBox] = []
    for row in 0..<heat.rows {
      for column in 0..<heat.columns {
        var label = 0
        for k in 1..<max(heat.channels, 1) where heat.at(k, row, column) > heat.at(label, row, column) { label = k }
        let score = logistic(heat.at(label, row, column))
        func value(_ map: Int, _ channel: Int) -> Double { Double(maps[map].at(channel, row, column)) }
        let x = step.x * (Double(column) + value(1, 0)) + lattice.low.x
        let y = step.y * (Double(row) + value(1, 1)) + lattice.low.y
        let distance = (x * x + y * y).squareRoot(), sine = value(4, 0), cosine = value(4, 1)
        guard let bin = upperBounds.firstIndex(where: { distance < $0 }), score >= thresholds[bin][label],
          (sine * sine + cosine * cosine).squareRoot() >= headingThresholds[label]
        else { continue }
        let yaw = atan2(sine, cosine)
        boxes.append(
          NetworkBox(
            label: label, score: score, center: SIMD3(x, y, value(2, 0)), width: exp(value(3, 0)),
            length: exp(value(3, 1)), height: exp(value(3, 2)), yaw: negatesYaw ? -yaw - .pi / 2 : yaw,
            velocity: givesVelocity ? SIMD2(value(5, 0), value(5, 1)) : .zero))
      }
    }
    return boxes
  }

  /// First circles, greedily; then any better box that overlaps too much, itself suppressed or not.
  private func suppressed(_ boxes: [NetworkBox]) -> [NetworkBox] {
    let apart = survivors(boxes) { $0.distance(to: $1) < circleDistance }
    return apart.enumerated().filter { k, box in
      !apart[..<k].contains {
        $0.distance(to: box) <= searchDistance && footprintOverlap($0, box) > overlapThreshold
      }
    }.map(\.element)
  }
}
