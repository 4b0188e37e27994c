/// The output channel of each weight, from its position in the row-major array.
struct WeightChannels {
  var stride: Int, extent: Int
  /// Weights of a group of channels, where groups come first.
  var group: Int?
  var count: Int
  /// Weights that lie side by side and read neighbours of one input channel: the kernel's extent.
  var taps: Int

  func channel(_ i: Int) -> Int { i / stride % extent + (group.map { i / $0 * extent } ?? 0) }

  /// The largest rounded weight on this CPU.
  ///
  /// Without VNNI, vpmaddubsw adds two products of an unsigned and a signed byte and saturates at 16 bits. With weights
  /// of -64...64 the sum is at most 2 · 255 · 64 = 32640 and stays exact; scales per output channel keep the loss of one
  /// bit small. Exact 16-bit products would take as many instructions as single precision.
  static var limit: Float { Library.hasVNNI ? 127 : 64 }

  /// Weights rounded to `-limit...limit` by a scale per output channel.
  ///
  /// Each is rounded to the nearest; then those that lie closest to the middle between two integers are rounded the
  /// other way until the kernel of each input channel, and all weights of an output channel, keep their sums to half a
  /// step: activations after ReLU have large means, which a changed sum would turn into a constant error.
  /// Source: Krishnamoorthi, arXiv 1806.08342, section 3.1, for the scales.
  func rounded(_ weights: [Float], limit: Float = WeightChannels.limit) -> (
    integers: [Float], scales: [Float]
  ) {
    var members = [[Int]](repeating: [], count: count)
    for i in weights.indices { members[channel(i)].append(i) }
    let scales = members.map { indices in
      let step = indices.reduce(0) { max($0, abs(weights[$1])) } / limit
      return step >= .leastNormalMagnitude ? step : 1
    }
    var integers = weights
    for (c, indices) in members.enumerated() {
      var rests = [Float](repeating: 0, count: indices.count)
      for (k, i) in indices.enumerated() {
        let exact = weights[i] / scales[c]
        integers[i] = min(max(exact.rounded(.toNearestOrEven), -limit), limit)
        rests[k] = exact - integers[i]
      }
      if taps > 1 {
        for first in Swift.stride(from: 0, to: indices.count, by: taps) {
          keepSum(first..<min(first + taps, indices.count), indices, limit, &rests, &integers)
        }
      }
      keepSum(0..<indices.count, indices, limit, &rests, &integers)
    }
    return (integers, scales)
  }

  /// Rounds some weights of a range the other way, so that what rounding left over sums to half a step at most.
  private func keepSum(
    _ range: Range<Int>, _ indices: [Int], _ limit: Float, _ rests: inout [Float], _ integers: inout [Float]
  ) {
    let sum = range.reduce(0) { $0 + Double(rests[$1]) }
    let changes = Int(abs(sum).rounded())
    guard changes > 0 else { return }
    let sign: Float = sum > 0 ? 1 : -1
    let order = range.sorted { (rests[$1] * sign, $0) < (rests[$0] * sign, $1) }
    for k in order.prefix(changes) where abs(integers[indices[k]] + sign) <= limit {
      integers[indices[k]] += sign
      rests[k] -= sign
    }
  }
}
