import Files
import Geometry

/// Intersection over union of the area that vehicles cover, in the setting of Lift-Splat-Shoot: cells of 0.5 m over
/// [-50, 50) m both ways around the ego, all annotated vehicles, all frames counted together.
///
/// The run's boxes of vehicle classes are drawn where their score is at least a threshold; a cell is covered where its
/// centre lies in a box's footprint. The figure is taken at one half, and at the best of nine thresholds, which is named.
/// - Source: Philion and Fidler, "Lift, Splat, Shoot", ECCV 2020, section 5.2 and table 1.
public struct VehicleAreaMetrics: Sendable, Equatable {
  /// The grid in the ego frame.
  public static let grid = BEVGrid(minimumX: -50, minimumY: -50, cellSize: 0.5, countX: 200, countY: 200)
  /// The scores from which boxes are drawn.
  public static let thresholds = (1...9).map { Double($0) / 10 }

  /// Frames that were judged.
  public private(set) var frames = 0
  /// Cells by how many thresholds their highest score reaches, of vehicles and of all else.
  private var vehicleCells = [Int](repeating: 0, count: thresholds.count + 1)
  private var otherCells = [Int](repeating: 0, count: thresholds.count + 1)

  /// Nothing judged yet.
  public init() {}

  /// Judges one frame: footprints in the ego frame.
  public mutating func add(truth: [Polygon], results: [(footprint: Polygon, score: Double)]) {
    frames += 1
    let grid = Self.grid
    var isVehicle = [Bool](repeating: false, count: grid.count)
    for box in truth { grid.forEachCell(inRings: [box.points]) { isVehicle[grid.index($0, $1)] = true } }
    var reached = [UInt8](repeating: 0, count: grid.count)
    for (box, score) in results {
      let count = UInt8(Self.thresholds.count { score >= $0 })
      grid.forEachCell(inRings: [box.points]) {
        let cell = grid.index($0, $1)
        reached[cell] = max(reached[cell], count)
      }
    }
    for (vehicle, count) in zip(isVehicle, reached) {
      if vehicle { vehicleCells[Int(count)] += 1 } else { otherCells[Int(count)] += 1 }
    }
  }

  /// The figure at each threshold; nil where nothing is there or drawn.
  public var values: [Double?] {
    let vehicles = vehicleCells.reduce(0, +)
    return (1...Self.thresholds.count).map { count in
      let both = vehicleCells[count...].reduce(0, +)
      let either = vehicles + otherCells[count...].reduce(0, +)
      return either > 0 ? Double(both) / Double(either) : nil
    }
  }

  /// The threshold with the highest figure, the lowest of equal ones; nil where there is none.
  public var best: (threshold: Double, value: Double)? {
    var best: (threshold: Double, value: Double)?
    for (threshold, value) in zip(Self.thresholds, values) {
      if let value, value > best?.value ?? -1 { best = (threshold, value) }
    }
    return best
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "iou_at_half": .optional(values[4]), "best_iou": .optional(best?.value),
      "best_threshold": .optional(best?.threshold), "frames": .integer(frames),
    ])
  }
}
