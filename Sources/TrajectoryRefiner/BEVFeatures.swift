import Geometry

/// BEV features `[channel, i, j]` over a grid of the ego frame, for sampling at places of the global frame.
///
/// The buffer is read during the call that it is given to alone: it may be a plan's output.
public struct BEVFeatures {
  /// The number of channels.
  public let channels: Int
  /// The grid.
  public let grid: BEVGrid
  private let values: UnsafeBufferPointer<Float>
  private let egoFromGlobal: RigidTransform
  private let height: Double

  /// Features over a grid.
  /// - Precondition: `values.count == channels * grid.count`.
  public init(
    channels: Int, grid: BEVGrid, values: UnsafeBufferPointer<Float>, globalFromEgo: RigidTransform
  ) {
    precondition(
      values.count == channels * grid.count, "\(values.count) values for \(channels) x \(grid.count)")
    self.channels = channels
    self.grid = grid
    self.values = values
    egoFromGlobal = globalFromEgo.inverse
    height = globalFromEgo.translation.z
  }

  /// Writes the features at a place, bilinear between the centres of cells and those of the border cells beyond them.
  ///
  /// - Returns: false, and nothing is written, outside the grid.
  /// - Precondition: room for `channels` values.
  /// - Complexity: O(channels).
  public func sample(at global: SIMD2<Double>, into target: UnsafeMutablePointer<Float>) -> Bool {
    // The ground is taken for flat at the ego's height.
    let p = (egoFromGlobal * SIMD3(global.x, global.y, height)).xy
    guard grid.cell(x: p.x, y: p.y) != nil else { return false }
    let u = min(max((p.x - grid.minimumX) / grid.cellSize - 0.5, 0), Double(grid.countX - 1))
    let v = min(max((p.y - grid.minimumY) / grid.cellSize - 0.5, 0), Double(grid.countY - 1))
    let i = Int(u), j = Int(v)
    let i1 = min(i + 1, grid.countX - 1), j1 = min(j + 1, grid.countY - 1)
    let a = Float(u - Double(i)), b = Float(v - Double(j))
    let corners = (grid.index(i, j), grid.index(i, j1), grid.index(i1, j), grid.index(i1, j1))
    guard var plane = values.baseAddress else { return false }
    for c in 0..<channels {
      let near = plane[corners.0] * (1 - b) + plane[corners.1] * b
      let far = plane[corners.2] * (1 - b) + plane[corners.3] * b
      target[c] = near * (1 - a) + far * a
      plane += grid.count
    }
    return true
  }
}
