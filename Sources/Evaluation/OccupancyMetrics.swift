import Files
import Geometry
import Results
import Scenes

/// BEV occupancy against labelled LiDAR points, cell by cell within 40 m of the ego.
///
/// A cell is truly occupied where at least three points of `vehicle.*` (but `vehicle.ego`), `human.*`, `static.manmade` or
/// `static.other` lie in it more than 0.3 m above the local ground (`LocalGround`, through the drivable-surface points).
/// It is truly free where points lie in it and all are of the drivable surface. Other cells are not judged. A cell is
/// marked occupied where its value is above 127, and free where it was observed and its value is below 127.
public struct OccupancyMetrics: Sendable, Equatable {
  /// How far from the ego cells are judged, in metres.
  public static let range = 40.0
  /// The points that make a cell occupied.
  public static let pointCount = 3
  /// How far above the ground they lie at least, in metres.
  public static let clearance = 0.3

  /// Frames that were judged.
  public private(set) var frames = 0
  /// Truly occupied cells, and those of them marked occupied.
  public private(set) var occupied = 0, occupiedFound = 0
  /// Truly free cells, those of them marked free, and those marked occupied.
  public private(set) var free = 0, freeFound = 0, freeMarkedOccupied = 0

  /// Nothing judged yet.
  public init() {}

  /// The share of truly occupied cells that are marked occupied.
  public var occupiedRecall: Double? { occupied > 0 ? Double(occupiedFound) / Double(occupied) : nil }
  /// The share of truly free cells that are marked free.
  public var freeRecall: Double? { free > 0 ? Double(freeFound) / Double(free) : nil }
  /// Of the judged cells that are occupied in truth or as marked, the share that is both.
  public var intersectionOverUnion: Double? {
    let union = occupied + freeMarkedOccupied
    return union > 0 ? Double(occupiedFound) / Double(union) : nil
  }

  /// What a point's label says of its cell.
  public enum PointKind: Sendable {
    /// An obstacle, where it is above the ground.
    case obstacle
    /// The drivable surface.
    case road
    /// Anything else: it keeps a cell from being truly free.
    case other

    /// The kind of a lidarseg category.
    public init(category: String) {
      switch category {
      case "vehicle.ego": self = .other
      case "static.manmade", "static.other": self = .obstacle
      case "flat.driveable_surface": self = .road
      default:
        self =
          AnnotationCategory.isVehicle(category) || AnnotationCategory.isPerson(category) ? .obstacle : .other
      }
    }
  }

  /// Judges one frame.
  /// - Parameters:
  ///   - layers: The prediction.
  ///   - points: Positions in the ego frame; those that are not finite are passed over.
  ///   - kinds: One a point.
  /// - Precondition: as many kinds as points.
  public mutating func add(_ layers: BEVLayers, points: [SIMD3<Double>], kinds: [PointKind]) {
    precondition(points.count == kinds.count, "\(points.count) points, \(kinds.count) labels")
    let road = zip(points, kinds).filter { $0.1 == .road && $0.0.isFinite }.map(\.0)
    guard let ground = LocalGround(road) else { return }
    frames += 1
    let grid = layers.grid
    var all = [Int32](repeating: 0, count: grid.count)
    var roads = all
    var obstacles = all
    for (point, kind) in zip(points, kinds) where point.isFinite {
      guard let (i, j) = grid.cell(x: point.x, y: point.y) else { continue }
      let cell = grid.index(i, j)
      all[cell] += 1
      switch kind {
      case .road: roads[cell] += 1
      case .obstacle:
        if point.z - ground.height(point.xy) > Self.clearance { obstacles[cell] += 1 }
      case .other: break
      }
    }
    for i in 0..<grid.countX {
      for j in 0..<grid.countY where grid.center(i, j).length <= Self.range {
        let cell = grid.index(i, j)
        let markedOccupied = layers.occupancy[cell] > 127
        if obstacles[cell] >= Self.pointCount {
          occupied += 1
          occupiedFound += markedOccupied ? 1 : 0
        } else if all[cell] > 0, roads[cell] == all[cell] {
          free += 1
          freeMarkedOccupied += markedOccupied ? 1 : 0
          freeFound += layers.observed[cell] != 0 && layers.occupancy[cell] < 127 ? 1 : 0
        }
      }
    }
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "occupied_recall": .optional(occupiedRecall), "free_recall": .optional(freeRecall),
      "iou": .optional(intersectionOverUnion), "frames": .integer(frames),
      "occupied_cells": .integer(occupied),
      "free_cells": .integer(free),
    ])
  }
}
