import Geometry
import Scenes

/// Where one may drive on a location's map, asked point by point.
///
/// Outlines are kept by the cells of a coarse grid that their bounding boxes touch, so that a question looks at a few.
public struct DrivableArea: Sendable {
  private static let cell = 50.0
  private struct Cell: Hashable {
    let x: Int
    let y: Int
  }
  private let areas: [MapLayer.Area]
  private var areasOfCell: [Cell: [Int]] = [:]

  /// The layer `drivable_area` of these; nil where there is none, or it is empty.
  public init?(_ layers: [MapLayer]) {
    areas = layers.filter { $0.name == "drivable_area" }.flatMap(\.areas)
    guard !areas.isEmpty else { return nil }
    for (k, area) in areas.enumerated() {
      let points = area.outline.points.filter { $0.x.isFinite && $0.y.isFinite }
      guard let first = points.first else { continue }
      let low = points.reduce(first) { pointwiseMin($0, $1) }
      let high = points.reduce(first) { pointwiseMax($0, $1) }
      let (from, to) = (Self.cell(of: low), Self.cell(of: high))
      for x in from.x...to.x {
        for y in from.y...to.y { areasOfCell[Cell(x: x, y: y), default: []].append(k) }
      }
    }
  }

  private static func cell(of point: SIMD2<Double>) -> Cell {
    Cell(x: Int((point.x / cell).rounded(.down)), y: Int((point.y / cell).rounded(.down)))
  }

  /// Whether a point of the global frame lies in an outline and in none of its holes; false where it is not finite.
  public func contains(_ point: SIMD2<Double>) -> Bool {
    guard point.x.magnitude < 1e9, point.y.magnitude < 1e9 else { return false }
    return (areasOfCell[Self.cell(of: point)] ?? []).contains { k in
      areas[k].outline.contains(point) && !areas[k].holes.contains { $0.contains(point) }
    }
  }
}

/// The share of forecast modes that leave the drivable area, a mean over forecasts.
///
/// A mode is looked at in 200 points at even steps along it, from its first point to its last. The devkit fits a cubic
/// spline with 0.1 m² of smoothing and looks it up in a picture of the map with cells of 0.1 m; here the mode's own
/// straight pieces are held against the polygons, so modes along an edge may be judged otherwise.
/// - Source: nuScenes prediction challenge, "OffRoadRate"; nuscenes-devkit 1.2.0, `eval/prediction/metrics.py`.
public struct OffRoadRate: Sendable, Equatable {
  /// How many points of a mode are looked at.
  public static let pointCount = 200

  /// The forecasts that were judged.
  public private(set) var forecasts = 0
  private var sum = 0.0

  /// Nothing judged yet.
  public init() {}

  /// The rate; nil where nothing was judged.
  public var rate: Double? { forecasts > 0 ? sum / Double(forecasts) : nil }

  /// Judges the modes of one forecast, `[mode][step]` in the global frame.
  public mutating func add(modes: [[SIMD2<Double>]], area: DrivableArea) {
    guard !modes.isEmpty else { return }
    forecasts += 1
    let off = modes.count { mode in Self.points(along: mode).contains { !area.contains($0) } }
    sum += Double(off) / Double(modes.count)
  }

  /// Points at even steps of the mode's parameter, straight between its own.
  static func points(along mode: [SIMD2<Double>]) -> [SIMD2<Double>] {
    guard mode.count > 1 else { return mode }
    return (0..<pointCount).map { k in
      let position = Double(k) / Double(pointCount - 1) * Double(mode.count - 1)
      let index = min(Int(position), mode.count - 2)
      return mode[index] + (mode[index + 1] - mode[index]) * (position - Double(index))
    }
  }
}
