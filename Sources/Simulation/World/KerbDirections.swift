import Foundation
import Geometry

/// The directions of road edges, for what is built along them.
struct KerbDirections {
  /// An edge of a road's outline.
  private struct Edge {
    var from: SIMD2<Double>, to: SIMD2<Double>
  }

  /// Edges by square of 20 m, of those squares within 40 m of them.
  private var edges: [SIMD2<Int>: [Edge]] = [:]
  private static let side = 20.0

  /// The edges of road areas within `reach` metres of some places; edges under a metre (rounded corners) are left out.
  init(_ areas: [GroundArea], near places: [SIMD2<Double>], reach: Double) {
    for area in areas where area.material == .road {
      for ring in [area.outline] + area.holes {
        guard var a = ring.points.last else { continue }
        for b in ring.points {
          defer { a = b }
          let middle = (a + b) / 2
          let slack = (b - a).length / 2 + reach
          guard (b - a).length > 1, places.contains(where: { ($0 - middle).length < slack }) else { continue }
          add(Edge(from: a, to: b))
        }
      }
    }
  }

  private mutating func add(_ edge: Edge) {
    let steps = max(1, Int((edge.to - edge.from).length / Self.side) + 1)
    var last: SIMD2<Int>?
    for step in 0...steps {
      let p = edge.from + (edge.to - edge.from) * (Double(step) / Double(steps))
      let square = Self.square(p)
      guard square != last else { continue }
      last = square
      for i in -2...2 {
        for j in -2...2 {
          let cell = square &+ SIMD2(i, j)
          // The edge's own squares overlap: once is enough.
          if edges[cell]?.last.map({ $0.from == edge.from && $0.to == edge.to }) ?? false { continue }
          edges[cell, default: []].append(edge)
        }
      }
    }
  }

  private static func square(_ p: SIMD2<Double>) -> SIMD2<Int> {
    SIMD2(Int((p.x / side).rounded(.down)), Int((p.y / side).rounded(.down)))
  }

  /// The direction of the nearest edge within 40 m that runs within half a right angle of a rough heading, turned to
  /// its side; the rough heading where there is none.
  func heading(at place: SIMD2<Double>, near rough: Double) -> Double {
    var best = (heading: rough, distance: Double.infinity)
    for edge in edges[Self.square(place)] ?? [] {
      let way = edge.to - edge.from
      var heading = way.angle
      if cos(heading - rough) < 0 { heading += .pi }
      guard cos(heading - rough) > 0.7 else { continue }
      let along = min(max((place - edge.from).dot(way) / way.dot(way), 0), 1)
      let distance = (edge.from + way * along - place).length
      if distance < best.distance { best = (heading, distance) }
    }
    return best.heading
  }
}
