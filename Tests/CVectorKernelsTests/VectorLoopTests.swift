import CVectorKernels
import Testing

/// The loops give the same bytes with every instruction set that this machine has (`tools/check_vector_variants.py` does
/// the same for all of them), and Winograd's convolution gives direct sums.
@Suite(.serialized) struct VectorLoopTests {
  /// Numbers from a seed, between -1 and 1.
  struct Numbers {
    var state: UInt64

    mutating func next(_ count: Int) -> [Float] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
      }
    }
  }

  /// What a loop gives with each set.
  private func results(_ loop: () -> [Float]) -> [[UInt32]] {
    let before = apus_vector_loops()
    defer { _ = apus_hold_vector_loops(before) }
    return (0...apus_machine_set()).map { set in
      #expect(apus_hold_vector_loops(set) == 0)
      return loop().map(\.bitPattern)
    }
  }

  @Test func everySetGivesTheSameBytes() {
    var numbers = Numbers(state: 7)
    let (a, b, packed) = (numbers.next(107), numbers.next(107), numbers.next(7 * 48))
    let loops: [(String, () -> [Float])] = [
      (
        "mix",
        {
          var y = a
          apus_mix_float_rows(&y, a, b, 0.3, 107)
          return y
        }
      ),
      (
        "GELU",
        {
          var y = a
          apus_gelu_tanh(&y, a, 107)
          return y
        }
      ),
      (
        "normalisation",
        {
          var y = a
          apus_normalize_rows(&y, a, 0, 1, 107, 1e-5, 1, b, 1, nil, 1)
          return y
        }
      ),
      (
        "pillar",
        {
          var y = [Float](repeating: 0, count: 48)
          apus_encode_pillar(&y, a, 7, 5, b, 1, packed, 48)
          return y
        }
      ),
    ]
    for (name, loop) in loops {
      let found = results(loop)
      #expect(Set(found).count == 1, "\(name), seed 7")
      #expect(Set(found[0]).count > 10, "\(name): hardly any different numbers")
    }
  }

  @Test func aSetThatTheMachineLacksIsRefused() {
    #expect(apus_hold_vector_loops(apus_machine_set() + 1) == -1)
    #expect(apus_hold_vector_loops(-1) == -1)
    #expect(apus_set_name(1).map { String(cString: $0) } == "avx2")
    #expect(apus_set_name(5) == nil)
  }

  /// A convolution with channels and outputs that are padded to blocks of eight.
  struct Case: Sendable, CustomTestStringConvertible {
    var batch: Int
    var channels: Int
    var outputs: Int
    var height: Int
    var width: Int
    var zeros: Int

    init(batch: Int = 1, channels: Int, outputs: Int, height: Int, width: Int, zeros: Int = 1) {
      self.batch = batch
      self.channels = channels
      self.outputs = outputs
      self.height = height
      self.width = width
      self.zeros = zeros
    }

    var testDescription: String { "\(channels) to \(outputs), \(height) x \(width), \(zeros) zeros" }
    var rows: Int { height + 2 * zeros - 2 }
    var columns: Int { width + 2 * zeros - 2 }
    var paddedChannels: Int { (channels + 7) / 8 * 8 }
    var paddedOutputs: Int { (outputs + 7) / 8 * 8 }

    /// `[batch, channel, row, column]`, each element by its taps.
    func directSums(_ x: [Float], _ w: [Float], _ bias: [Float]) -> [Double] {
      var result: [Double] = []
      for n in 0..<batch {
        for k in 0..<outputs {
          for place in 0..<rows * columns {
            var sum = Double(bias[k])
            for c in 0..<channels {
              for tap in 0..<9 {
                let (r, q) = (place / columns + tap / 3 - zeros, place % columns + tap % 3 - zeros)
                guard (0..<height).contains(r), (0..<width).contains(q) else { continue }
                sum +=
                  Double(w[(k * channels + c) * 9 + tap])
                  * Double(x[((n * channels + c) * height + r) * width + q])
              }
            }
            result.append(sum)
          }
        }
      }
      return result
    }

    /// Where an element of a plain tensor lies in blocks of eight channels.
    func blocked(_ index: Int, channels: Int, plane: Int) -> Int {
      let (n, c, p) = (index / plane / channels, index / plane % channels, index % plane)
      return ((n * ((channels + 7) / 8) + c / 8) * plane + p) * 8 + c % 8
    }
  }

  static let cases = [
    Case(channels: 16, outputs: 16, height: 8, width: 8),
    Case(batch: 2, channels: 19, outputs: 21, height: 13, width: 11),
    Case(channels: 40, outputs: 24, height: 6, width: 6, zeros: 0),
    Case(batch: 3, channels: 8, outputs: 37, height: 5, width: 9, zeros: 2),
  ]

  /// Whole and cut tiles, padded blocks, tiles and outputs in parts.
  @Test(.enabled(if: apus_machine_set() >= 1, "Winograd's loops need AVX2"), arguments: cases)
  func winogradGivesDirectSums(_ o: Case) {
    var numbers = Numbers(state: 11)
    let x = numbers.next(o.batch * o.channels * o.height * o.width)
    let w = numbers.next(o.outputs * o.channels * 9)
    let bias = numbers.next(o.paddedOutputs)
    var source = [Float](repeating: 0, count: o.batch * o.paddedChannels * o.height * o.width)
    for i in x.indices { source[o.blocked(i, channels: o.channels, plane: o.height * o.width)] = x[i] }
    let (c8, k8, plane) = (Int64(o.paddedChannels), Int64(o.paddedOutputs), Int64(o.rows * o.columns))
    var packed = [Float](repeating: 0, count: Int(apus_winograd_weight_count(c8, k8)))
    apus_winograd_weights(&packed, w, Int64(o.outputs), Int64(o.channels), k8, c8)
    var scratch = [Float](repeating: 0, count: Int(apus_winograd_scratch_count(c8, k8)))
    var target = [Float](repeating: .nan, count: o.batch * o.paddedOutputs * o.rows * o.columns)
    let tiles = o.batch * ((o.rows + 3) / 4) * ((o.columns + 3) / 4)
    source.withUnsafeBufferPointer { source in
      packed.withUnsafeBufferPointer { packed in
        bias.withUnsafeBufferPointer { bias in
          target.withUnsafeMutableBufferPointer { target in
            let sourcePlane = Int64(o.height * o.width)
            var convolution = ApusWinograd(
              source: source.baseAddress, weights: packed.baseAddress, bias: bias.baseAddress,
              target: target.baseAddress,
              sourceBlocks: ApusBlocks(
                sample: c8 * sourcePlane, block: 8 * sourcePlane, row: Int64(8 * o.width), pixel: 8),
              targetBlocks: ApusBlocks(
                sample: k8 * plane, block: 8 * plane, row: Int64(8 * o.columns), pixel: 8),
              channels: c8, outputs: k8, height: Int64(o.height), width: Int64(o.width),
              targetHeight: Int64(o.rows), targetWidth: Int64(o.columns), top: Int64(o.zeros),
              left: Int64(o.zeros), realOutputs: Int64(o.outputs), steps: nil, stepCount: 0)
            for first in stride(from: 0, to: tiles, by: 5) {
              for output in stride(from: 0, to: k8, by: 16) {
                apus_winograd(
                  &convolution, Int64(first), Int64(min(5, tiles - first)), output, min(output + 16, k8),
                  &scratch)
              }
            }
          }
        }
      }
    }
    let expected = o.directSums(x, w, bias)
    let places = expected.indices.map { o.blocked($0, channels: o.outputs, plane: o.rows * o.columns) }
    let worst = zip(expected, places).map { abs($0 - Double(target[$1])) }.max() ?? .infinity
    let largest = expected.map(abs).max() ?? 0
    #expect(largest > 1 && worst / largest < 1e-5, "seed 11")
    // Outputs that only fill a block are zeros.
    let real = Set(places)
    #expect(target.indices.allSatisfy { real.contains($0) || target[$0] == 0 })
  }
}
