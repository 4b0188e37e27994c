internal import CVectorKernels

/// `y = x · gate[sample, channel]` on 8-bit numbers with channels fastest, in fixed point.
///
/// Gates become 16-bit integers by the largest of them; results lie within 0.63 steps of the exact ones while no gate
/// turns a step of the source into more than 8 of the target. Elements are independent, so the bytes do not depend on the thread count.
struct EightBitGateKernel: CustomKernel {
  let samples: Int, channels: Int, positions: Int
  /// The source's step over the target's.
  let factor: Float
  let sourceZero: Int, targetZero: Int

  func scratchByteCount(threads: Int) -> Int { samples * channels * 2 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let source = UnsafePointer(addresses[0].assumingMemoryBound(to: UInt8.self))
    let gates = UnsafePointer(addresses[1].assumingMemoryBound(to: Float.self))
    let target = addresses[2].assumingMemoryBound(to: UInt8.self)
    guard let fixed = context.scratch.baseAddress?.assumingMemoryBound(to: Int16.self) else { return }
    let bits = fill(fixed, gates)
    // x has 7 more bits than its steps, the gate `bits`, and the product loses 16.
    let shift = Int16(max(bits + 7 - 16, 0)), half = shift > 0 ? Int16(1) << (shift - 1) : 0
    let sourceZero = Int16(sourceZero), targetZero = Int16(targetZero)
    context.parallel(samples * positions, grain: 1 + 16384 / channels) { rows in
      for row in rows {
        let x = source + row * channels, y = target + row * channels
        let gate = UnsafePointer(fixed) + row / positions * channels
        for c in 0..<channels {
          let difference = (Int16(x[c]) &- sourceZero) &<< 7
          let product = Int16(truncatingIfNeeded: (Int32(difference) &* Int32(gate[c])) &>> 16)
          let value = ((product &+ half) &>> shift) &+ targetZero
          y[c] = UInt8(truncatingIfNeeded: min(max(value, 0), 255))
        }
      }
    }
  }

  /// Gates times the factor as integers with the bits after the point that the largest leaves; how many.
  private func fill(_ fixed: UnsafeMutablePointer<Int16>, _ gates: UnsafePointer<Float>) -> Int {
    var largest: Float = 0
    for i in 0..<samples * channels { largest = max(largest, abs(gates[i])) }
    var bits = 14
    while bits > 9, largest * factor * Float(1 << bits) > 32767 { bits -= 1 }
    let one = factor * Float(1 << bits)
    for i in 0..<samples * channels {
      let value = (gates[i] * one).rounded(.toNearestOrEven)
      // Not a number is not above either.
      fixed[i] = value > -32767 ? Int16(min(value, 32767)) : -32767
    }
    return bits
  }
}

/// The mean over all positions of 8-bit numbers with channels fastest: floats `[sample, channel]`.
///
/// Work is split by sample and channel; sums are integers and exact.
struct EightBitMeanKernel: CustomKernel {
  let samples: Int, channels: Int, positions: Int
  let scale: TensorScale

  private static let width = 32, block = 256

  func scratchByteCount(threads: Int) -> Int { samples * (channels + Self.width) * 2 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let source = UnsafePointer(addresses[0].assumingMemoryBound(to: UInt8.self))
    let target = addresses[1].assumingMemoryBound(to: Float.self)
    guard let scratch = context.scratch.baseAddress?.assumingMemoryBound(to: UInt16.self) else { return }
    let width = Self.width, blocks = (channels + width - 1) / width
    let step = Double(scale.scale), zero = Double(scale.zeroPoint * positions)
    context.parallel(samples * blocks, grain: 1 + 16384 / (positions * width)) { parts in
      for part in parts {
        let sample = part / blocks, first = part % blocks * width
        let count = min(width, channels - first)
        let x = source + sample * positions * channels + first, y = target + sample * channels + first
        let sums = scratch + sample * (channels + width) + first
        for c in 0..<count { y[c] = 0 }
        // 256 numbers of 8 bits fit a sum of 16; sums of those stay exact in single precision up to 2^24.
        for from in stride(from: 0, to: positions, by: Self.block) {
          sums.update(repeating: 0, count: width)
          for position in from..<min(from + Self.block, positions) {
            let row = x + position * channels
            if count == width {
              for c in 0..<32 { sums[c] &+= UInt16(row[c]) }
            } else {
              for c in 0..<count { sums[c] &+= UInt16(row[c]) }
            }
          }
          for c in 0..<count { y[c] += Float(sums[c]) }
        }
        for c in 0..<count { y[c] = Float((Double(y[c]) - zero) * step / Double(positions)) }
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
    let weight = UInt16((rows.weight[i] * 256).rounded())
    apus_mix_rows(line, a, b, weight, Int64(count))
  }

  private func mixColumns(_ line: UnsafeMutablePointer<UInt16>, _ target: UnsafeMutablePointer<UInt8>) {
    for j in 0..<columns.low.count {
      let a = UnsafePointer(line) + columns.low[j] * channels
      let b = UnsafePointer(line) + columns.high[j] * channels
      let y = target + j * channels
      let weight = UInt32(min((columns.weight[j] * 65536).rounded(), 65535))
      apus_mix_columns(y, a, b, weight, Int64(channels))
    }
  }
}
