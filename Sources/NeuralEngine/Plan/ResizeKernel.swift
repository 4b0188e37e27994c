internal import CVectorKernels

/// Linear interpolation along the last two axes for any arrangement whose elements lie as
/// `[outer, height, width, inner]`: plain (inner 1), channels last (outer is the batch) or blocks of 16 or 8 channels.
///
/// Rows of the output are made one by one: two input rows are mixed into a line of scratch memory, then that line's
/// columns. Work is split by output row, so the bytes do not depend on the thread count.
struct LinearResizeKernel: CustomKernel {
  /// Taps and weights along one axis: output i is `x[low] · (1 - weight) + x[high] · weight`.
  struct Axis: Sendable {
    var low: [Int], high: [Int], weight: [Float]
  }

  let outer: Int, inner: Int
  let height: Int, width: Int
  let rows: Axis, columns: Axis
  /// Elements from one outer part of the output to the next, and before the first (a slot in a concatenation).
  let targetStride: Int, targetPixel: Int

  var outputHeight: Int { rows.low.count }
  var outputWidth: Int { columns.low.count }

  func scratchByteCount(threads: Int) -> Int { threads * lineStride * 4 }

  private var lineStride: Int { (width * inner + 31) / 16 * 16 }

  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    let source = UnsafePointer(addresses[0].assumingMemoryBound(to: Float.self))
    let target = addresses[1].assumingMemoryBound(to: Float.self)
    guard let lines = context.scratch.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
    let work = outer * outputHeight, threads = context.threads
    // One part per thread, so that each has a line of its own.
    context.parallel(threads) { parts in
      for part in parts {
        let line = lines + part * lineStride
        var last = -1
        for row in work * part / threads..<work * (part + 1) / threads {
          let o = row / outputHeight, i = row % outputHeight
          let plane = source + o * height * width * inner
          let key = o * outputHeight + i
          if key != last { mixRows(plane, i, line) }
          last = key
          mixColumns(line, target + o * targetStride + i * outputWidth * targetPixel)
        }
      }
    }
  }

  private func mixRows(_ plane: UnsafePointer<Float>, _ i: Int, _ line: UnsafeMutablePointer<Float>) {
    let count = width * inner
    let a = plane + rows.low[i] * count, b = plane + rows.high[i] * count
    let weight = rows.weight[i]
    if weight == 0 { return line.update(from: a, count: count) }
    apus_mix_float_rows(line, a, b, weight, Int64(count))
  }

  private func mixColumns(_ line: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>) {
    if inner == 1 {
      for j in 0..<outputWidth {
        let a = line[columns.low[j]], b = line[columns.high[j]]
        target[j * targetPixel] = a + (b - a) * columns.weight[j]
      }
      return
    }
    for j in 0..<outputWidth {
      let a = UnsafePointer(line) + columns.low[j] * inner, b = UnsafePointer(line) + columns.high[j] * inner
      apus_mix_float_rows(target + j * targetPixel, a, b, columns.weight[j], Int64(inner))
    }
  }
}

extension Operator.Resize {
  /// Taps and weights of linear interpolation along an axis; nil for coordinates it does not cover.
  func linearAxis(_ axis: Int, input: Int) -> LinearResizeKernel.Axis? {
    let output = sizes[axis], scale = Double(scales[axis])
    // A given scale may differ from the quotient of sizes; ONNX aligns corners by the scaled extent.
    let quotient = Double(output) / Double(input)
    let scaled = Float(quotient) == scales[axis] ? Double(output) : scale * Double(input)
    var result = LinearResizeKernel.Axis(low: [], high: [], weight: [])
    for i in 0..<output {
      let x: Double
      switch coordinates {
      case .halfPixel: x = (Double(i) + 0.5) / scale - 0.5
      case .pytorchHalfPixel: x = output > 1 ? (Double(i) + 0.5) / scale - 0.5 : 0
      case .alignCorners: x = scaled != 1 ? Double(i * (input - 1)) / (scaled - 1) : 0
      case .asymmetric: x = Double(i) / scale
      case .halfPixelSymmetric, .crop: return nil
      }
      let clamped = min(max(x, 0), Double(input - 1)), low = Int(clamped)
      result.low.append(low)
      result.high.append(min(low + 1, input - 1))
      result.weight.append(Float(clamped - Double(low)))
    }
    return result
  }
}
