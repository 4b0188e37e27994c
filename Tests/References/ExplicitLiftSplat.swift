import Geometry
import LiftSplat

/// Lift-splat as the paper states it, with every lifted feature in memory: what the kernels are compared with.
public enum ExplicitLiftSplat {
  /// A sum that a point adds to a cell.
  public struct Contribution: Sendable, Equatable {
    /// The place in `[camera, depth, row, column]`.
    public let point: Int
    /// The flat cell.
    public let cell: Int
    /// How often the point counts.
    public let weight: Double
  }

  /// What each frustum point adds to which cells, in the order of points, straight from the geometry.
  ///
  /// - Complexity: O(points), slow: every point is unprojected by itself.
  public static func contributions(_ layout: FrustumLayout, _ cameras: [LiftCamera?]) -> [Contribution] {
    var result: [Contribution] = []
    for (c, camera) in cameras.enumerated() {
      guard let camera else { continue }
      for k in 0..<layout.bins.count {
        for row in 0..<layout.featureHeight {
          for column in 0..<layout.featureWidth {
            guard let point = layout.point(of: camera, depth: k, row: row, column: column),
              layout.heights.contains(point.z)
            else { continue }
            let index = layout.index(camera: c, depth: k, row: row, column: column)
            for (cell, weight) in cells(of: point.xy, layout) {
              result.append(Contribution(point: index, cell: cell, weight: weight))
            }
          }
        }
      }
    }
    return result
  }

  private static func cells(of point: SIMD2<Double>, _ layout: FrustumLayout) -> [(Int, Double)] {
    let grid = layout.grid
    guard layout.bilinear else {
      return grid.cell(x: point.x, y: point.y).map { [(grid.index($0.i, $0.j), 1)] } ?? []
    }
    // A cell counts by how near its centre is, along both axes, in cells.
    var result: [(Int, Double)] = []
    let near = point / grid.cellSize - SIMD2(grid.minimumX, grid.minimumY) / grid.cellSize
    guard near.x > -1, near.y > -1, near.x < Double(grid.countX) + 1, near.y < Double(grid.countY) + 1 else {
      return []
    }
    let (i, j) = (Int(near.x.rounded(.down)), Int(near.y.rounded(.down)))
    for a in max(0, i - 1)...max(0, i + 1) where a < grid.countX {
      for b in max(0, j - 1)...max(0, j + 1) where b < grid.countY {
        let distance = (point - grid.center(a, b)) / grid.cellSize
        let weight = max(0, 1 - abs(distance.x)) * max(0, 1 - abs(distance.y))
        if weight > 0 { result.append((grid.index(a, b), weight)) }
      }
    }
    return result
  }

  /// The lifted features `[camera, depth, pixel, channel]`: the outer product of depth and context at each pixel.
  ///
  /// - Parameters:
  ///   - depth: `[camera, depth, pixel]`.
  ///   - context: `[camera, channel, pixel]`.
  public static func frustumFeatures(
    depth: [Float], context: [Float], layout: FrustumLayout, channels: Int
  ) -> [Float] {
    let (pixels, depths) = (layout.pixelsPerCamera, layout.bins.count)
    return [Float](unsafeUninitializedCapacity: layout.pointCount * channels) { features, count in
      for point in 0..<layout.pointCount {
        let camera = point / (depths * pixels), pixel = point % pixels
        for c in 0..<channels {
          features[point * channels + c] = depth[point] * context[(camera * channels + c) * pixels + pixel]
        }
      }
      count = layout.pointCount * channels
    }
  }

  /// Scatter-add of lifted features into `[channel, cell]`, summed in double precision.
  public static func pool(
    _ features: [Float], _ contributions: [Contribution], layout: FrustumLayout, channels: Int
  ) -> [Float] {
    var sums = [Double](repeating: 0, count: channels * layout.grid.count)
    for entry in contributions {
      for c in 0..<channels {
        sums[c * layout.grid.count + entry.cell] +=
          entry.weight * Double(features[entry.point * channels + c])
      }
    }
    return sums.map { Float($0) }
  }

  /// The paper's cumulative-sum trick: features of a plan's entries in the order of cells, their running sum, and the
  /// differences of its values at cells' ends, as `[channel, cell]`.
  ///
  /// Running sums in single precision lose digits as they grow: an error is a part of the whole sum, not of its cell.
  /// - Source: Philion and Fidler, ECCV 2020, section 3.4 (their sort is the plan's, made before).
  public static func poolByCumulativeSum(
    _ features: [Float], _ plan: PoolingPlanner, channels: Int
  ) -> [Float] {
    let count = plan.entryCount, cells = plan.layout.grid.count
    var sums = [Float](unsafeUninitializedCapacity: count * channels) { sorted, initialized in
      for entry in 0..<count {
        let weight = plan.weights.isEmpty ? 1 : plan.weights[entry],
          source = Int(plan.points[entry]) * channels
        for c in 0..<channels { sorted[entry * channels + c] = features[source + c] * weight }
      }
      initialized = count * channels
    }
    for k in channels..<max(channels, sums.count) { sums[k] += sums[k - channels] }
    var result = [Float](repeating: 0, count: channels * cells)
    for cell in 0..<cells where plan.starts[cell + 1] > plan.starts[cell] {
      let (first, last) = (Int(plan.starts[cell]), Int(plan.starts[cell + 1]) - 1)
      for c in 0..<channels {
        let before = first > 0 ? sums[(first - 1) * channels + c] : 0
        result[c * cells + cell] = sums[last * channels + c] - before
      }
    }
    return result
  }

  /// Gradients of depth and context for the gradient `[channel, cell]` of the pooled features, in double precision.
  public static func gradients(
    _ gradient: [Float], depth: [Float], context: [Float], _ contributions: [Contribution],
    layout: FrustumLayout, channels: Int
  ) -> (depth: [Float], context: [Float]) {
    let (pixels, depths, cells) = (layout.pixelsPerCamera, layout.bins.count, layout.grid.count)
    var depthSums = [Double](repeating: 0, count: depth.count)
    var contextSums = [Double](repeating: 0, count: context.count)
    for entry in contributions {
      let camera = entry.point / (depths * pixels), pixel = entry.point % pixels
      for c in 0..<channels {
        let g = entry.weight * Double(gradient[c * cells + entry.cell])
        let place = (camera * channels + c) * pixels + pixel
        depthSums[entry.point] += g * Double(context[place])
        contextSums[place] += g * Double(depth[entry.point])
      }
    }
    return (depthSums.map { Float($0) }, contextSums.map { Float($0) })
  }
}
