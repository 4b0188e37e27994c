internal import CVectorKernels

/// A 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3), channels in blocks of 8.
///
/// A quarter of the multiplications; rounding errors are some ten times those of direct sums (under 1e-5 of the range).
/// Each result is summed in the same order whatever the split, so the bytes do not depend on the thread count.
/// Source: Lavin & Gray, arXiv 1509.09308.
struct WinogradKernel: CustomKernel {
  /// What is done to a result before it is written; `add` takes the next operand.
  enum FusedStep {
    case rectify(slope: Float), clip(Float, Float), swish(Float), hardSwish, sigmoid, add
  }

  /// `[batch, channels, rows, columns]` of the source and of the result.
  let source: [Int], target: [Int]
  /// Rows and columns of zeros before the first.
  let padding: [Int]
  let steps: [FusedStep]

  private var channels: Int { Self.padded(source[1]) }
  private var outputs: Int { Self.padded(target[1]) }
  private var tileCount: Int { target[0] * ((target[2] + 3) / 4) * ((target[3] + 3) / 4) }

  /// Channels as the blocks hold them.
  static func padded(_ channels: Int) -> Int { (channels + 7) / 8 * 8 }

  /// Floats of one thread's scratch memory, a multiple of a cache line.
  private var scratchCount: Int {
    (Int(apus_winograd_scratch_count(Int64(channels), Int64(outputs))) + 15) / 16 * 16
  }

  func scratchByteCount(threads: Int) -> Int { threads * scratchCount * 4 }

  /// The weights `[outputs, channels, 3, 3]` in the form that `run` reads.
  func transformed(_ weights: [Float]) -> KernelMemory {
    let count = Int(apus_winograd_weight_count(Int64(channels), Int64(outputs)))
    let memory = KernelMemory(count * 4)
    apus_winograd_weights(
      memory.base.assumingMemoryBound(to: Float.self), weights, Int64(target[1]), Int64(source[1]),
      Int64(outputs), Int64(channels))
    return memory
  }

  /// - Parameter addresses: the source, the transformed weights, the bias of all padded outputs, the operands, the result.
  func run(_ addresses: [UnsafeMutableRawPointer], _ context: KernelContext) {
    guard let scratch = context.scratch.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
    withUnsafeTemporaryAllocation(of: ApusFusedStep.self, capacity: steps.count) { fused in
      var operand = 3
      for (k, step) in steps.enumerated() {
        fused.initializeElement(at: k, to: described(step, addresses, &operand))
      }
      let convolution = described(addresses, UnsafePointer(fused.baseAddress))
      context.parallel(context.threads) { parts in
        for part in parts {
          withUnsafePointer(to: convolution) {
            compute($0, part, of: context.threads, scratch + part * scratchCount)
          }
        }
      }
    }
  }

  /// One thread's part: its tiles, or all tiles of its outputs where tiles are few (so that each weight is read once).
  private func compute(
    _ convolution: UnsafePointer<ApusWinograd>, _ part: Int, of parts: Int,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let panels = (outputs + 15) / 16, most = Int(APUS_WINOGRAD_TILES)
    let splitsOutputs = tileCount < 24 * parts && panels >= 2 * parts
    let tiles =
      splitsOutputs ? 0..<tileCount : tileCount * part / parts..<tileCount * (part + 1) / parts
    let range = splitsOutputs ? panels * part / parts..<panels * (part + 1) / parts : 0..<panels
    let groups = (tiles.count + most - 1) / most
    for group in 0..<groups {
      let first = tiles.lowerBound + tiles.count * group / groups
      let end = tiles.lowerBound + tiles.count * (group + 1) / groups
      apus_winograd(
        convolution, Int64(first), Int64(end - first), Int64(range.lowerBound * 16),
        Int64(min(range.upperBound * 16, outputs)), scratch)
    }
  }

  private func described(
    _ addresses: [UnsafeMutableRawPointer], _ steps: UnsafePointer<ApusFusedStep>?
  ) -> ApusWinograd {
    func floats(_ k: Int) -> UnsafeMutablePointer<Float> { addresses[k].assumingMemoryBound(to: Float.self) }
    func blocks(_ shape: [Int], _ channels: Int) -> ApusBlocks {
      let plane = shape[2] * shape[3]
      return ApusBlocks(
        sample: Int64(channels * plane), block: Int64(8 * plane), row: Int64(8 * shape[3]), pixel: 8)
    }
    return ApusWinograd(
      source: floats(0), weights: floats(1), bias: floats(2), target: floats(addresses.count - 1),
      sourceBlocks: blocks(source, channels), targetBlocks: blocks(target, outputs),
      channels: Int64(channels), outputs: Int64(outputs), height: Int64(source[2]), width: Int64(source[3]),
      targetHeight: Int64(target[2]), targetWidth: Int64(target[3]), top: Int64(padding[0]),
      left: Int64(padding[1]), realOutputs: Int64(target[1]), steps: steps, stepCount: Int64(self.steps.count)
    )
  }

  private func described(
    _ step: FusedStep, _ addresses: [UnsafeMutableRawPointer], _ operand: inout Int
  ) -> ApusFusedStep {
    switch step {
    case .rectify(let slope): return ApusFusedStep(kind: 0, a: slope, b: 0, tensor: nil)
    case .clip(let low, let high): return ApusFusedStep(kind: 1, a: low, b: high, tensor: nil)
    case .swish(let beta): return ApusFusedStep(kind: 2, a: beta, b: 0, tensor: nil)
    case .hardSwish: return ApusFusedStep(kind: 3, a: 0, b: 0, tensor: nil)
    case .sigmoid: return ApusFusedStep(kind: 5, a: 0, b: 0, tensor: nil)
    case .add:
      operand += 1
      return ApusFusedStep(
        kind: 4, a: 0, b: 0, tensor: UnsafePointer(addresses[operand - 1].assumingMemoryBound(to: Float.self))
      )
    }
  }
}
