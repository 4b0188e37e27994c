import Dispatch
import Geometry
import NeuralEngine

/// Which frustum points each BEV cell sums: intervals of points sorted by cell, made once for a calibration.
///
/// Cell `g` sums entries `starts[g]..<starts[g + 1]`; entry `e` stands for the depth element `points[e]` of
/// `[camera, depth, row, column]`, which tells its camera and pixel too, and counts `weights[e]` times (bilinear only).
/// Entries of a cell are in the order of their points. Elements after `entryCount` mean nothing.
/// - Source: Huang and Huang, BEVPoolv2, arXiv 2211.17111: no tensor of frustum features is ever made.
public struct PoolingPlanner: Sendable {
  /// The frustums and the grid.
  public let layout: FrustumLayout
  /// Flat places in the depth tensor `[camera, depth, row, column]`, sorted by cell; `layout.capacity` of them.
  public private(set) var points: [Int64]
  /// Where each cell's entries begin, and at the end the number of entries; `grid.count + 1` of them.
  public private(set) var starts: [Int64]
  /// How often each entry counts, in (0, 1]; empty unless the layout is bilinear.
  public private(set) var weights: [Float]

  private let threads: Int
  private let depths: [Double]
  private var cameras: [LiftCamera?]
  private var isPlanned = false
  /// Ray directions in the camera frame by camera and pixel, as x, y and z; NaN where there are none.
  private var rays: [[Double]]
  /// The cell of every entry before sorting, -1 for none: `[point, tap]`.
  private var cells: [Int32]
  private var unsortedWeights: [Float]

  /// A planner that knows no cameras yet; all memory is taken here.
  ///
  /// - Parameter threads: threads that one update uses at most, one camera each.
  public init(_ layout: FrustumLayout, threads: Int = 1) {
    self.layout = layout
    self.threads = max(1, threads)
    depths = (0..<layout.bins.count).map { layout.bins.center($0) }
    cameras = [LiftCamera?](repeating: nil, count: layout.cameras)
    points = [Int64](repeating: 0, count: layout.capacity)
    starts = [Int64](repeating: 0, count: layout.startCount)
    weights = [Float](repeating: 0, count: layout.bilinear ? layout.capacity : 0)
    unsortedWeights = weights
    cells = [Int32](repeating: -1, count: layout.capacity)
    rays = [[Double]](
      repeating: [Double](repeating: .nan, count: 3 * layout.pixelsPerCamera), count: layout.cameras)
  }

  /// The number of entries of the plan.
  public var entryCount: Int { starts.last.map { Int($0) } ?? 0 }

  /// Plans for these cameras; does nothing where they equal those of the last call. A nil camera adds no points.
  ///
  /// - Returns: whether the plan was made anew.
  /// - Precondition: as many cameras as the layout says.
  /// - Complexity: O(points of the cameras that changed + entries + cells).
  @discardableResult
  public mutating func update(_ cameras: [LiftCamera?]) -> Bool {
    precondition(cameras.count == layout.cameras, "\(cameras.count) cameras for \(layout.cameras)")
    if isPlanned, cameras == self.cameras { return false }
    let changed = cameras.indices.filter { !isPlanned || cameras[$0] != self.cameras[$0] }
    for k in changed where cameras[k]?.camera != (isPlanned ? self.cameras[k]?.camera : nil) {
      cameras[k].map { findRays($0, into: &rays[k]) }
    }
    self.cameras = cameras
    isPlanned = true
    locate(changed)
    sort()
    return true
  }

  private func findRays(_ camera: LiftCamera, into rays: inout [Double]) {
    let count = layout.pixelsPerCamera
    for pixel in 0..<count {
      let place = layout.pixel(row: pixel / layout.featureWidth, column: pixel % layout.featureWidth)
      let ray = camera.ray(place) ?? SIMD3(repeating: .nan)
      for axis in 0..<3 { rays[axis * count + pixel] = ray[axis] }
    }
  }

  /// Finds the cells of all points of some cameras.
  private mutating func locate(_ changed: [Int]) {
    let frustums = changed.map { k in cameras[k].map { Frustum(layout, depths, $0, rays[k]) } }
    let taps = layout.bilinear ? 4 : 1
    let entries = layout.bins.count * layout.pixelsPerCamera * taps
    cells.withUnsafeMutableBufferPointer { cells in
      unsortedWeights.withUnsafeMutableBufferPointer { weights in
        let target = Entries(cells: cells, weights: weights)
        @Sendable func place(_ n: Int) {
          let part = target.part(changed[n] * entries, entries)
          if let frustum = frustums[n] { frustum.place(part) } else { part.cells.update(repeating: -1) }
        }
        if threads == 1 || changed.count == 1 {
          for n in changed.indices { place(n) }
        } else {
          let parts = min(threads, changed.count)
          DispatchQueue.concurrentPerform(iterations: parts) { part in
            for n in changed.count * part / parts..<changed.count * (part + 1) / parts { place(n) }
          }
        }
      }
    }
  }

  /// Sorts entries by cell: counts them, sums the counts to starts, and puts each at its cell's next place.
  private mutating func sort() {
    let taps = layout.bilinear ? 4 : 1
    points.withUnsafeMutableBufferPointer { points in
      starts.withUnsafeMutableBufferPointer { starts in
        starts.update(repeating: 0)
        for cell in cells where cell >= 0 { starts[Int(cell) + 1] &+= 1 }
        var sum: Int64 = 0
        for cell in starts.indices.dropFirst() {
          let count = starts[cell]
          // For now where the cell's next entry goes; once filled, that is where the next cell begins.
          starts[cell] = sum
          sum &+= count
        }
        for (entry, cell) in cells.enumerated() where cell >= 0 {
          let place = Int(starts[Int(cell) + 1])
          starts[Int(cell) + 1] &+= 1
          points[place] = Int64(taps == 1 ? entry : entry >> 2)
          if taps > 1 { weights[place] = unsortedWeights[entry] }
        }
      }
    }
  }

  // MARK: Graph inputs

  /// Copies the plan into a graph's inputs: points `[capacity]`, starts `[cells + 1]`, and with a bilinear layout
  /// weights `[capacity]`; elements after the last entry are left as they are.
  ///
  /// - Precondition: the views have these shapes.
  public func write(
    points pointView: MutableTensorView, starts startView: MutableTensorView,
    weights weightView: MutableTensorView? = nil
  ) {
    precondition(
      pointView.count == layout.capacity && startView.count == layout.startCount,
      "views of \(pointView.count) and \(startView.count) for a plan of \(layout.capacity) and \(layout.startCount)"
    )
    let count = entryCount
    points.withUnsafeBufferPointer {
      if let base = $0.baseAddress { pointView.integers.update(from: base, count: count) }
    }
    starts.withUnsafeBufferPointer {
      if let base = $0.baseAddress { startView.integers.update(from: base, count: layout.startCount) }
    }
    guard layout.bilinear else { return }
    precondition(weightView?.count == layout.capacity, "a bilinear plan has \(layout.capacity) weights")
    weights.withUnsafeBufferPointer {
      if let base = $0.baseAddress { weightView?.floats.update(from: base, count: count) }
    }
  }

  /// The plan as tensors: points `[capacity]`, starts `[cells + 1]`, and with a bilinear layout weights `[capacity]`.
  public var tensors: (points: TensorValue, starts: TensorValue, weights: TensorValue?) {
    (
      TensorValue([layout.capacity], integers: points), TensorValue([layout.startCount], integers: starts),
      layout.bilinear ? TensorValue([layout.capacity], weights) : nil
    )
  }
}

/// Memory of entries before sorting; cameras write parts of their own.
private struct Entries: @unchecked Sendable {
  var cells: UnsafeMutableBufferPointer<Int32>
  var weights: UnsafeMutableBufferPointer<Float>

  func part(_ first: Int, _ count: Int) -> Entries {
    let range = first..<first + count
    return Entries(
      cells: .init(rebasing: cells[range]),
      weights: weights.isEmpty ? weights : .init(rebasing: weights[range]))
  }
}

/// One camera's points: `translation + direction · depth` for every pixel and depth.
private struct Frustum: Sendable {
  let layout: FrustumLayout, depths: [Double], rotation: RigidTransform, rays: [Double]

  init(_ layout: FrustumLayout, _ depths: [Double], _ camera: LiftCamera, _ rays: [Double]) {
    self.layout = layout
    self.depths = depths
    rotation = camera.egoFromCamera
    self.rays = rays
  }

  /// Writes the entries `[depth, row, column, tap]` of this camera.
  func place(_ entries: Entries) {
    let count = layout.pixelsPerCamera
    // One pixel's line of depths after another would jump in memory; a depth's plane does not.
    withUnsafeTemporaryAllocation(of: SIMD3<Double>.self, capacity: count) { directions in
      for pixel in 0..<count {
        let ray = SIMD3(rays[pixel], rays[count + pixel], rays[2 * count + pixel])
        directions.initializeElement(at: pixel, to: rotation.rotation.rotate(ray))
      }
      for (k, depth) in depths.enumerated() {
        let cells = entries.cells.baseAddress.map { $0 + k * count * (layout.bilinear ? 4 : 1) }
        guard let cells else { return }
        if layout.bilinear, let weights = entries.weights.baseAddress {
          share(directions, depth, cells, weights + 4 * k * count)
        } else {
          assign(directions, depth, cells)
        }
      }
    }
  }

  /// The one cell of each point of a depth; a point on a border belongs to the upper cell, as `BEVGrid.cell` says.
  private func assign(
    _ directions: UnsafeMutableBufferPointer<SIMD3<Double>>, _ depth: Double,
    _ cells: UnsafeMutablePointer<Int32>
  ) {
    let grid = layout.grid, origin = rotation.translation
    let (rows, columns, stride) = (Double(grid.countX), Double(grid.countY), Int32(grid.countY))
    let (low, high) = (layout.heights.lowerBound, layout.heights.upperBound)
    for pixel in directions.indices {
      let point = directions[pixel] * depth + origin
      let u = (point.x - grid.minimumX) / grid.cellSize, v = (point.y - grid.minimumY) / grid.cellSize
      let isInside = u >= 0 && v >= 0 && u < rows && v < columns && point.z >= low && point.z <= high
      cells[pixel] = isInside ? Int32(u) &* stride &+ Int32(v) : -1
    }
  }

  /// The four cells whose centres surround each point, with the point's shares; those outside the grid are dropped.
  private func share(
    _ directions: UnsafeMutableBufferPointer<SIMD3<Double>>, _ depth: Double,
    _ cells: UnsafeMutablePointer<Int32>, _ weights: UnsafeMutablePointer<Float>
  ) {
    let grid = layout.grid, origin = rotation.translation
    for pixel in directions.indices {
      let point = directions[pixel] * depth + origin
      let u = (point.x - grid.minimumX) / grid.cellSize - 0.5
      let v = (point.y - grid.minimumY) / grid.cellSize - 0.5
      let isNear =
        u > -1 && v > -1 && u < Double(grid.countX) && v < Double(grid.countY)
        && layout.heights.contains(point.z)
      let i = isNear ? Int(u.rounded(.down)) : -2, j = isNear ? Int(v.rounded(.down)) : -2
      let (du, dv) = isNear ? (u - Double(i), v - Double(j)) : (0, 0)
      for tap in 0..<4 {
        let (row, column) = (i + tap >> 1, j + tap & 1)
        let weight = Float((tap >> 1 == 0 ? 1 - du : du) * (tap & 1 == 0 ? 1 - dv : dv))
        let isInside =
          row >= 0 && column >= 0 && row < grid.countX && column < grid.countY && weight > 0
        cells[4 * pixel + tap] = isInside ? Int32(row * grid.countY + column) : -1
        weights[4 * pixel + tap] = weight
      }
    }
  }
}
