import Foundation
import Geometry
import Scenes

/// The lines around a drive, cut into polylines of a few evenly spaced points and found by place.
///
/// Lanes' borders come from map layers (dividers, crossings and stop lines, lanes' outlines) or from a network's
/// polylines; roads from SD road points. Made once for a map; queries allocate only their answers.
public struct RoadMap: Sendable {
  /// A few points of a line.
  public struct Piece: Sendable {
    /// What the line is.
    public var kind: RoadLine.Kind
    /// The points, at most as many as asked for.
    public var points: [RoadPoint]
  }

  /// All pieces, in the order of the lines.
  public let pieces: [Piece]
  private static let cellSize = 32.0
  private let origin: SIMD2<Double>
  private let columns: Int, rows: Int
  /// `starts[cell] ..< starts[cell + 1]` are places in `members`: the pieces that have a point in the cell, rising.
  private let starts: [Int], members: [Int32]

  /// The map of layers and lines.
  ///
  /// - Parameters:
  ///   - layers: of these, lines of dividers and outlines of lanes, crossings and stop lines are taken.
  ///   - lines: roads, and lines that are already known as points.
  public init(layers: [MapLayer] = [], lines: [RoadLine] = [], configuration: RefinerConfiguration) {
    var pieces: [Piece] = []
    func add(_ line: RoadLine) {
      pieces += Self.pieces(
        line, spacing: configuration.polylineSpacing, count: configuration.polylinePoints)
    }
    for layer in layers {
      guard let kind = RoadLine.Kind(rawValue: layer.name), !kind.isRoad else { continue }
      for line in layer.lines { add(RoadLine(kind: kind, points: Self.roadPoints(line))) }
      for area in layer.areas where area.outline.points.count > 2 {
        let ring = area.outline.points + [area.outline.points[0]]
        add(RoadLine(kind: kind, points: Self.roadPoints(ring)))
      }
    }
    for line in lines { add(line) }
    self.init(pieces)
  }

  private init(_ pieces: [Piece]) {
    self.pieces = pieces
    var low = SIMD2(Double.infinity, .infinity), high = SIMD2(-Double.infinity, -.infinity)
    for point in pieces.lazy.flatMap(\.points) {
      low = pointwiseMin(low, point.position.xy)
      high = pointwiseMax(high, point.position.xy)
    }
    let isEmpty = pieces.isEmpty
    origin = isEmpty ? .zero : low
    // At most a thousand cells a side: a map wider than that has larger ones in effect, as queries clamp.
    columns = isEmpty ? 1 : min(Int((high.x - low.x) / Self.cellSize) + 1, 1000)
    rows = isEmpty ? 1 : min(Int((high.y - low.y) / Self.cellSize) + 1, 1000)
    var cells = [[Int32]](repeating: [], count: columns * rows)
    for (k, piece) in pieces.enumerated() {
      for point in piece.points {
        let i = Self.cell(point.position.x - origin.x, columns)
        let j = Self.cell(point.position.y - origin.y, rows)
        if cells[i * rows + j].last != Int32(k) { cells[i * rows + j].append(Int32(k)) }
      }
    }
    var starts = [0], members: [Int32] = []
    for cell in cells {
      members += cell
      starts.append(members.count)
    }
    self.starts = starts
    self.members = members
  }

  private static func cell(_ x: Double, _ count: Int) -> Int {
    Int(max(0, min((x / cellSize).rounded(.down), Double(count - 1))))
  }

  /// The nearest pieces to a place, roads or other lines, by distance to their nearest point (ties by order of lines).
  /// - Complexity: O(pieces within the radius).
  public func nearest(
    _ count: Int, to place: SIMD2<Double>, within radius: Double, roads: Bool
  ) -> [Piece] {
    guard count > 0, !pieces.isEmpty, place.x.isFinite, place.y.isFinite else { return [] }
    let local = place - origin
    let columnRange = Self.cell(local.x - radius, columns)...Self.cell(local.x + radius, columns)
    let rowRange = Self.cell(local.y - radius, rows)...Self.cell(local.y + radius, rows)
    var found: [Int32] = []
    for i in columnRange {
      for j in rowRange {
        found += members[starts[i * rows + j]..<starts[i * rows + j + 1]]
      }
    }
    found.sort()
    var candidates: [(distance: Double, piece: Int)] = []
    var last: Int32 = -1
    for k in found where k != last {
      last = k
      let piece = pieces[Int(k)]
      guard piece.kind.isRoad == roads else { continue }
      var least = Double.infinity
      for point in piece.points {
        let d = point.position.xy - place
        least = min(least, d.dot(d))
      }
      if least <= radius * radius { candidates.append((least, Int(k))) }
    }
    candidates.sort { ($0.distance, $0.piece) < ($1.distance, $1.piece) }
    return candidates.prefix(count).map { pieces[$0.piece] }
  }

  // MARK: Cutting

  /// Points of a bare line with headings and curvatures by differences.
  public static func roadPoints(_ line: [SIMD2<Double>]) -> [RoadPoint] {
    var distinct: [SIMD2<Double>] = []
    for p in line where p.x.isFinite && p.y.isFinite && distinct.last.map({ ($0 - p).length > 1e-6 }) ?? true
    {
      distinct.append(p)
    }
    let n = distinct.count
    guard n > 1 else { return [] }
    func direction(_ k: Int) -> Double {
      let way = distinct[k + 1] - distinct[k]
      return atan2(way.y, way.x)
    }
    return (0..<n).map { k in
      let before = direction(max(k - 1, 0)), after = direction(min(k, n - 2))
      let turn = wrapAngle(after - before)
      let reach =
        ((distinct[k] - distinct[max(k - 1, 0)]).length
          + (distinct[min(k + 1, n - 1)] - distinct[k]).length) / 2
      let p = distinct[k]
      return RoadPoint(
        position: SIMD3(p.x, p.y, 0), curvature: reach > 0 ? turn / max(reach, 0.5) : 0,
        heading: wrapAngle(before + turn / 2))
    }
  }

  /// A line as pieces of `count` points `spacing` apart, each beginning where the last one ended.
  static func pieces(_ line: RoadLine, spacing: Double, count: Int) -> [Piece] {
    let points = resampled(line.points, spacing: spacing)
    guard points.count > 1 else { return [] }
    var pieces: [Piece] = []
    var start = 0
    while start < points.count - 1 {
      let end = min(start + count, points.count)
      pieces.append(Piece(kind: line.kind, points: Array(points[start..<end])))
      start = end - 1
    }
    return pieces
  }

  /// Points evenly spaced, about `spacing` apart, from the first to the last.
  static func resampled(_ points: [RoadPoint], spacing: Double) -> [RoadPoint] {
    var ends: [Double] = [0]
    for (a, b) in zip(points, points.dropFirst()) {
      ends.append((ends.last ?? 0) + (b.position.xy - a.position.xy).length)
    }
    guard points.count > 1, let length = ends.last, length > 0, length < 1e6 else { return [] }
    let parts = max(1, Int((length / spacing).rounded()))
    var segment = 0
    return (0...parts).map { k in
      let s = length * Double(k) / Double(parts)
      while segment < points.count - 2, ends[segment + 1] < s { segment += 1 }
      let a = points[segment], b = points[segment + 1]
      let extent = ends[segment + 1] - ends[segment]
      let f = extent > 0 ? min(max((s - ends[segment]) / extent, 0), 1) : 0
      return RoadPoint(
        position: a.position + (b.position - a.position) * f,
        curvature: a.curvature + (b.curvature - a.curvature) * f,
        heading: wrapAngle(a.heading + wrapAngle(b.heading - a.heading) * f),
        slope: a.slope + (b.slope - a.slope) * f)
    }
  }
}
