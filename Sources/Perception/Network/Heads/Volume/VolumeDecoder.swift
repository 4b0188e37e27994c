import Algorithms
import Geometry
import NeuralEngine
import Scenes

/// Occ3D's volume between its own layout and the volume head's `[cell, class, voxel]`.
public struct VolumeDecoder: Sendable {
  private let layout: VolumeLayout
  private var semantics: [UInt8]

  /// A decoder for a network over a grid.
  /// - Throws: `NetworkError` where the grid's cells do not tile the volume.
  public init(
    _ head: NetworkConfiguration.Volume = NetworkConfiguration.Volume(), grid: BEVGrid,
    file: String = "network"
  ) throws {
    layout = try VolumeLayout(grid: grid, columnsPerCell: head.columnsPerCell, file: file)
    semantics = [UInt8](
      repeating: OccupancyVolume.free,
      count: OccupancyVolume.shape.x * OccupancyVolume.shape.y * OccupancyVolume.shape.z)
  }

  /// The head's output: `[cells, classes, voxels]`.
  public var shape: [Int] { [layout.cells, VolumeLayout.classes, layout.voxels] }

  /// Each voxel's likeliest class, the first of equals.
  /// - Precondition: `logits` has the head's shape.
  /// - Complexity: O(voxels × classes); work is split by cell.
  public mutating func decode(_ logits: TensorView, threads: Int = 1) -> OccupancyVolume {
    precondition(logits.shape == shape, "logits \(logits.shape) for \(shape)")
    let source = logits.floats, layout = layout
    semantics.withUnsafeMutableBufferPointer { buffer in
      guard let target = buffer.baseAddress else { return }
      KernelContext(threads: threads).parallel(layout.cells, grain: 64) { cells in
        for cell in cells { Self.decode(source, cell: cell, layout, into: target) }
      }
    }
    return OccupancyVolume(semantics: semantics)
  }

  /// One cell's columns, of 16 voxels each.
  private static func decode(
    _ logits: UnsafePointer<Float>, cell: Int, _ layout: VolumeLayout,
    into target: UnsafeMutablePointer<UInt8>
  ) {
    let voxels = layout.voxels
    for column in 0..<layout.detail * layout.detail {
      let first = logits + cell * VolumeLayout.classes * voxels + 16 * column
      var best = load(first), label = SIMD16<Int32>.zero
      for k in 1..<VolumeLayout.classes {
        let value = load(first + k * voxels)
        let isBetter = value .> best
        best.replace(with: value, where: isBetter)
        label.replace(with: SIMD16(repeating: Int32(truncatingIfNeeded: k)), where: isBetter)
      }
      let bytes = SIMD16<UInt8>(truncatingIfNeeded: label), repeats = layout.factor / layout.detail
      for i in 0..<repeats {
        for j in 0..<repeats {
          let place = layout.place(cell: cell, column: column, i, j)
          UnsafeMutableRawPointer(target + place).storeBytes(of: bytes, as: SIMD16<UInt8>.self)
        }
      }
    }
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
  }

  /// A volume as the head's loss wants it: the class of each voxel that the head tells apart, `[cell, voxel]`.
  ///
  /// Where such a voxel stands for several of Occ3D's, it is the class that most of them have: of the occupied ones, if
  /// half of them or more are occupied; the lowest of equals.
  public func targets(_ volume: OccupancyVolume) -> TensorValue {
    let voxels = layout.voxels, repeats = layout.factor / layout.detail
    var classes = [Int64](repeating: 0, count: layout.cells * voxels)
    var votes = [Int](repeating: 0, count: VolumeLayout.classes)
    for cell in 0..<layout.cells {
      for column in 0..<layout.detail * layout.detail {
        for k in 0..<OccupancyVolume.shape.z {
          for c in votes.indices { votes[c] = 0 }
          for i in 0..<repeats {
            for j in 0..<repeats {
              let label = volume.semantics[layout.place(cell: cell, column: column, i, j) + k]
              votes[min(Int(label), VolumeLayout.classes - 1)] += 1
            }
          }
          classes[cell * voxels + column * OccupancyVolume.shape.z + k] = Int64(Self.winner(votes))
        }
      }
    }
    return TensorValue([layout.cells, voxels], integers: classes)
  }

  private static func winner(_ votes: [Int]) -> Int {
    let free = votes.count - 1, all = votes.reduce(0, +)
    if 2 * votes[free] > all { return free }
    var best = 0
    for c in 1..<free where votes[c] > votes[best] { best = c }
    return best
  }
}

extension VolumeLayout {
  /// Where a column of Occ3D begins in `[i, j, k]`: column (i, j) of those that a told-apart one (`di · detail + dj`) of a
  /// cell stands for.
  func place(cell: Int, column: Int, _ i: Int, _ j: Int) -> Int {
    let repeats = factor / detail
    let row = cell / countY * factor + column / detail * repeats + i
    let place = cell % countY * factor + column % detail * repeats + j
    return (row * OccupancyVolume.shape.y + place) * OccupancyVolume.shape.z
  }
}
