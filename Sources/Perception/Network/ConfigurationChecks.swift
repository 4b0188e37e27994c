import Geometry
import LiftSplat

extension DepthBins {
  /// Narrow near, wide far: 41 bins from 2 to 56 m.
  static let networkDefault: DepthBins = {
    do { return try DepthBins(spacing: .linearIncreasing, minimum: 2, maximum: 56, count: 41) } catch {
      preconditionFailure("\(error)")
    }
  }()
}

extension NetworkConfiguration {
  /// - Throws: `NetworkError` for the first field that no network can be built from.
  func check(file: String) throws {
    let fields = FieldCheck(file: file)
    try fields.unique("sensors", sensors.map(\.rawValue), least: 1)
    try fields.unique("heads", heads.map(\.rawValue), least: 1)
    try fields.grid("grid", grid)
    try fields.grid("resultGrid", resultGrid)
    try fields.range("memoryChannels", memoryChannels, 0...1024)
    try camera.check(fields)
    try lidar.check(fields)
    try backbone.check(fields, grid: grid)
    try checkHeads(fields)
  }

  private func checkHeads(_ fields: FieldCheck) throws {
    try fields.unique("detection.classes", detection.classes.map(\.rawValue), least: 1)
    try fields.range("detection.hidden", detection.hidden, 1...1024)
    try fields.range("detection.minimumScore", detection.minimumScore, 0.0001...0.9999)
    try fields.range("detection.maximumCount", detection.maximumCount, 1...500)
    try fields.range("detection.maximumOverlap", detection.maximumOverlap, 0...1)
    try fields.unique("map.layers", map.layers.map(\.rawValue), least: 1)
    try fields.range("map.hidden", map.hidden, 1...1024)
    try fields.range("map.lineProbability", map.lineProbability, 0.01...0.99)
    try fields.range("map.lineTolerance", map.lineTolerance, 0...10)
    try fields.range("map.minimumLineLength", map.minimumLineLength, 0...100)
    try fields.range("map.lineWidth", map.lineWidth, 0.01...10)
    try fields.range("occupancy.hidden", occupancy.hidden, 1...1024)
    try fields.range("occupancy.evidence", Double(occupancy.evidence), 0.01...100)
    try fields.range("volume.hidden", volume.hidden, 1...1024)
    try fields.range("trajectories.channels", trajectories.channels, 1...1024)
  }
}

extension NetworkConfiguration.CameraBranch {
  func check(_ fields: FieldCheck) throws {
    try fields.range("camera.count", count, 1...32)
    for (name, extent) in [("height", height), ("width", width)] {
      try fields.range("camera.\(name)", extent, 32...4096)
      guard extent % 32 == 0 else {
        throw fields.error("camera.\(name)", "\(extent)", "a multiple of 32")
      }
    }
    try fields.range("camera.stem", stem, 1...1024)
    try fields.range("camera.neckChannels", neckChannels, 1...1024)
    try fields.range("camera.contextChannels", contextChannels, 1...1024)
    try fields.range("camera.channels", channels, 1...1024)
    try fields.heights("camera", minimumHeight, maximumHeight)
    try fields.stages("camera.stages", stages)
    let stride = stages.reduce(2) { $0 * $1.stride }
    guard stride == 16 || stride == 32 else {
      throw fields.error(
        "camera.stages", "a stride of \(stride) with the stem's 2", "16, or 32 where the neck goes back to 16"
      )
    }
  }
}

extension NetworkConfiguration.LidarBranch {
  func check(_ fields: FieldCheck) throws {
    try fields.range("lidar.pointCapacity", pointCapacity, 1...(1 << 22))
    try fields.range("lidar.sweeps", sweeps, 1...100)
    guard [1, 2, 4].contains(pillarsPerCell) else {
      throw fields.error("lidar.pillarsPerCell", "\(pillarsPerCell)", "1, 2 or 4")
    }
    try fields.range("lidar.pillarChannels", pillarChannels, 1...1024)
    try fields.range("lidar.channels", channels, 1...1024)
    try fields.heights("lidar", minimumHeight, maximumHeight)
  }
}

extension NetworkConfiguration.Backbone {
  func check(_ fields: FieldCheck, grid: BEVGrid) throws {
    try fields.stages("backbone.stages", stages)
    try fields.range("backbone.outputs", outputs, 1...1024)
    guard stages[0].stride == 1 else {
      throw fields.error("backbone.stages.0.stride", "\(stages[0].stride)", "1: the grid's own cells")
    }
    let stride = stages.reduce(1) { $0 * $1.stride }
    guard stride <= 64, grid.countX % stride == 0, grid.countY % stride == 0 else {
      throw fields.error(
        "backbone.stages", "a stride of \(stride) over \(grid.countX) x \(grid.countY) cells",
        "a stride that divides both, 64 at most")
    }
  }
}

/// Checks of fields, each an error that names the field.
struct FieldCheck {
  let file: String

  func error(_ field: String, _ found: String, _ expected: String) -> NetworkError {
    NetworkError(file: file, field: field, found: found, expected: expected)
  }

  func range<Value: Comparable>(_ field: String, _ value: Value, _ range: ClosedRange<Value>) throws {
    guard range.contains(value) else {
      throw error(field, "\(value)", "\(range.lowerBound) to \(range.upperBound)")
    }
  }

  func unique(_ field: String, _ values: [String], least: Int) throws {
    guard values.count >= least, Set(values).count == values.count else {
      throw error(field, "\(values)", "\(least) or more, each once")
    }
  }

  func heights(_ field: String, _ minimum: Double, _ maximum: Double) throws {
    guard minimum.isFinite, maximum.isFinite, minimum < maximum else {
      throw error("\(field).minimumHeight", "\(minimum) to \(maximum) m", "a range of finite heights")
    }
  }

  func grid(_ field: String, _ grid: BEVGrid) throws {
    guard grid.minimumX.isFinite, grid.minimumY.isFinite, grid.cellSize.isFinite, grid.cellSize > 0,
      (1...2048).contains(grid.countX), (1...2048).contains(grid.countY)
    else {
      throw error(
        field, "\(grid.countX) x \(grid.countY) cells of \(grid.cellSize) m",
        "1 to 2048 cells each way, of a size above 0")
    }
  }

  func stages(_ field: String, _ stages: [NetworkConfiguration.Stage]) throws {
    try range("\(field).count", stages.count, 1...16)
    for (k, stage) in stages.enumerated() {
      try range("\(field).\(k).channels", stage.channels, 1...2048)
      try range("\(field).\(k).depth", stage.depth, 1...64)
      try range("\(field).\(k).stride", stage.stride, 1...2)
      try range("\(field).\(k).expansion", stage.expansion, 1...16)
    }
  }
}
