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

  /// The features at places, bilinear between the centres of cells and those of the border cells beyond them.
  ///
  /// - Returns: `[place, channel]`, 0 outside the grid; and for each place whether it is inside.
  /// - Complexity: O(places · channels); plane by plane, as places along an anchor lie close in one.
  public func sample(at places: [SIMD2<Double>]) -> (values: [Float], isInside: [Bool]) {
    let taps = places.map { self.taps(at: $0) }
    var result = [Float](repeating: 0, count: places.count * channels)
    guard let base = values.baseAddress else { return (result, taps.map { _ in false }) }
    for c in 0..<channels {
      let plane = base + c * grid.count
      for (k, tap) in taps.enumerated() {
        guard let tap else { continue }
        let near = plane[tap.near.0] * (1 - tap.b) + plane[tap.near.1] * tap.b
        let far = plane[tap.far.0] * (1 - tap.b) + plane[tap.far.1] * tap.b
        result[k * channels + c] = near * (1 - tap.a) + far * tap.a
      }
    }
    return (result, taps.map { $0 != nil })
  }

  /// Four cells around a place, and how far it is from the near ones to the far ones along i and j.
  private struct Taps {
    var near: (Int, Int), far: (Int, Int)
    var a: Float, b: Float
  }

  private func taps(at global: SIMD2<Double>) -> Taps? {
    // The ground is taken for flat at the ego's height.
    let p = (egoFromGlobal * SIMD3(global.x, global.y, height)).xy
    guard grid.cell(x: p.x, y: p.y) != nil else { return nil }
    let u = min(max((p.x - grid.minimumX) / grid.cellSize - 0.5, 0), Double(grid.countX - 1))
    let v = min(max((p.y - grid.minimumY) / grid.cellSize - 0.5, 0), Double(grid.countY - 1))
    let i = Int(u), j = Int(v)
    let i1 = min(i + 1, grid.countX - 1), j1 = min(j + 1, grid.countY - 1)
    return Taps(
      near: (grid.index(i, j), grid.index(i, j1)), far: (grid.index(i1, j), grid.index(i1, j1)),
      a: Float(u - Double(i)), b: Float(v - Double(j)))
  }
}
