import Geometry
import NeuralEngine
import Scenes

/// Occ3D's volume between its own layout and the volume head's `[cell, class, voxel]`.
public struct VolumeDecoder: Sendable {
  private let layout: VolumeLayout
  private var semantics: [UInt8]

  /// A decoder for a network over a grid.
  /// - Throws: `NetworkError` where the grid's cells do not tile the volume.
  public init(grid: BEVGrid, file: String = "network") throws {
    layout = try VolumeLayout(grid: grid, file: file)
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
    for column in 0..<layout.factor * layout.factor {
      let first = logits + cell * VolumeLayout.classes * voxels + 16 * column
      var best = load(first), label = SIMD16<Int32>.zero
      for k in 1..<VolumeLayout.classes {
        let value = load(first + k * voxels)
        let isBetter = value .> best
        best.replace(with: value, where: isBetter)
        label.replace(with: SIMD16(repeating: Int32(truncatingIfNeeded: k)), where: isBetter)
      }
      let place = layout.place(cell: cell, column: column)
      UnsafeMutableRawPointer(target + place).storeBytes(
        of: SIMD16<UInt8>(truncatingIfNeeded: label), as: SIMD16<UInt8>.self)
    }
  }

  @inline(__always)
  private static func load(_ pointer: UnsafePointer<Float>) -> SIMD16<Float> {
    UnsafeRawPointer(pointer).loadUnaligned(as: SIMD16<Float>.self)
  }

  /// A volume as the head's loss wants it: the class of each voxel, `[cell, voxel]`.
  public func targets(_ volume: OccupancyVolume) -> TensorValue {
    var classes = [Int64](repeating: 0, count: layout.cells * layout.voxels)
    for cell in 0..<layout.cells {
      for column in 0..<layout.factor * layout.factor {
        let place = layout.place(cell: cell, column: column)
        for k in 0..<OccupancyVolume.shape.z {
          classes[cell * layout.voxels + column * 16 + k] = Int64(volume.semantics[place + k])
        }
      }
    }
    return TensorValue([layout.cells, layout.voxels], integers: classes)
  }
}

extension VolumeLayout {
  /// Where a cell's column (`di · factor + dj`) begins in `[i, j, k]`.
  func place(cell: Int, column: Int) -> Int {
    let i = cell / countY * factor + column / factor, j = cell % countY * factor + column % factor
    return (i * OccupancyVolume.shape.y + j) * OccupancyVolume.shape.z
  }
}
