/// `y = x · gate[sample, channel]` on 8-bit numbers with channels fastest.
///
/// Elements are independent, so the bytes do not depend on the thread count.
struct EightBitGateKernel: CustomKernel {
  let samples: Int, channels: Int, positions: Int
  /// The source's step over the target's.
  let factor: Float
  let sourceZero: Int, targetZero: Int

  func scratchByteCount(threads: Int) -> Int { 0 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let source = UnsafePointer(addresses[0].assumingMemoryBound(to: UInt8.self))
    let gates = UnsafePointer(addresses[1].assumingMemoryBound(to: Float.self))
    let target = addresses[2].assumingMemoryBound(to: UInt8.self)
    let zero = Float(sourceZero), offset = Float(targetZero)
    context.parallel(samples * positions, grain: 1 + 16384 / channels) { rows in
      for row in rows {
        let x = source + row * channels, y = target + row * channels
        let gate = gates + row / positions * channels
        for c in 0..<channels {
          let value = (Float(x[c]) - zero) * (gate[c] * factor) + offset
          y[c] = roundedByte(value)
        }
      }
    }
  }
}

/// A number rounded to the nearest of 0...255, ties to even.
///
/// Adding 1.5 · 2^23 leaves the rounded integer in the lowest bits; unlike a call to round, loops of it are vectorised.
@inline(__always)
func roundedByte(_ value: Float) -> UInt8 {
  UInt8(truncatingIfNeeded: (min(max(value, 0), 255) + 12_582_912).bitPattern)
}

/// The mean over all positions of 8-bit numbers with channels fastest: floats `[sample, channel]`.
///
/// Work is split by sample and channel; sums are integers and exact.
struct EightBitMeanKernel: CustomKernel {
  let samples: Int, channels: Int, positions: Int
  let scale: TensorScale

  func scratchByteCount(threads: Int) -> Int { samples * channels * 4 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let source = UnsafePointer(addresses[0].assumingMemoryBound(to: UInt8.self))
    let target = addresses[1].assumingMemoryBound(to: Float.self)
    guard let sums = context.scratch.baseAddress?.assumingMemoryBound(to: UInt32.self) else { return }
    let width = 32, blocks = (channels + width - 1) / width
    let step = Double(scale.scale), zero = Double(scale.zeroPoint * positions)
    context.parallel(samples * blocks, grain: 1 + 16384 / (positions * width)) { parts in
      for part in parts {
        let sample = part / blocks, first = part % blocks * width
        let count = min(width, channels - first)
        let sum = sums + sample * channels + first
        let x = source + sample * positions * channels + first
        sum.update(repeating: 0, count: count)
        for position in 0..<positions {
          let row = x + position * channels
          for c in 0..<count { sum[c] &+= UInt32(row[c]) }
        }
        let y = target + sample * channels + first
        for c in 0..<count { y[c] = Float((Double(sum[c]) - zero) * step / Double(positions)) }
      }
    }
  }
}

/// Linear interpolation along height and width of 8-bit numbers with channels fastest, in fixed point: weights along the
/// height have 8 bits, along the width 16. Results lie within 1.02 steps of the exact ones, and within 0.52 where no
/// weight is cut short.
///
/// Work is split by output row, so the bytes do not depend on the thread count.
struct EightBitResizeKernel: CustomKernel {
  let samples: Int, channels: Int, height: Int, width: Int
  let rows: LinearResizeKernel.Axis, columns: LinearResizeKernel.Axis

  private var lineStride: Int { (width * channels + 31) / 32 * 32 }

  func scratchByteCount(threads: Int) -> Int { threads * lineStride * 2 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let source = UnsafePointer(addresses[0].assumingMemoryBound(to: UInt8.self))
    let target = addresses[1].assumingMemoryBound(to: UInt8.self)
    guard let lines = context.scratch.baseAddress?.assumingMemoryBound(to: UInt16.self) else { return }
    let outputHeight = rows.low.count, work = samples * outputHeight, threads = context.threads
    let targetRow = columns.low.count * channels
    context.parallel(threads) { parts in
      for part in parts {
        let line = lines + part * lineStride
        for row in work * part / threads..<work * (part + 1) / threads {
          let plane = source + row / outputHeight * height * width * channels
          mixRows(plane, row % outputHeight, line)
          mixColumns(line, target + row * targetRow)
        }
      }
    }
  }

  /// `line = a · (256 - weight) + b · weight`, at most 255 · 256.
  private func mixRows(_ plane: UnsafePointer<UInt8>, _ i: Int, _ line: UnsafeMutablePointer<UInt16>) {
    let count = width * channels
    let a = plane + rows.low[i] * count, b = plane + rows.high[i] * count
    let weight = UInt16((rows.weight[i] * 256).rounded()), rest = 256 - weight
    for k in 0..<count { line[k] = UInt16(a[k]) &* rest &+ UInt16(b[k]) &* weight }
  }

  private func mixColumns(_ line: UnsafeMutablePointer<UInt16>, _ target: UnsafeMutablePointer<UInt8>) {
    for j in 0..<columns.low.count {
      let a = UnsafePointer(line) + columns.low[j] * channels
      let b = UnsafePointer(line) + columns.high[j] * channels
      let y = target + j * channels
      let weight = UInt32(min((columns.weight[j] * 65536).rounded(), 65535)), rest = 65535 - weight
      for c in 0..<channels {
        let high = UInt16(truncatingIfNeeded: (UInt32(a[c]) &* rest) >> 16)
        let low = UInt16(truncatingIfNeeded: (UInt32(b[c]) &* weight) >> 16)
        y[c] = UInt8(truncatingIfNeeded: (high &+ low &+ 129) >> 8)
      }
    }
  }
}
