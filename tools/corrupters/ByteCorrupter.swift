/// Breaks a file's bytes.
public enum ByteCorrupter {
  /// Numbers that lengths, counts and offsets break on.
  private static let edges: [UInt64] = [
    0, 1, 0x7F, 0x80, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_FFFF_FFFF,
  ]

  /// Changes one to four places.
  /// - Parameter near: half of the places lie within so many bytes from the beginning, where headers are.
  /// - Returns: the bytes, and what was done.
  public static func corrupt(_ bytes: [UInt8], seed: UInt64, near: Int = 4096) -> (
    bytes: [UInt8], what: String
  ) {
    var random = SeededRandom(seed: seed)
    var result = bytes, what: [String] = []
    for _ in 0...random.below(4) {
      let range = random.below(2) == 0 ? min(near, result.count) : result.count
      let at = random.below(range)
      let length = min(1 + random.below(16), result.count - at)
      switch random.below(8) {
      case 0 where !result.isEmpty:
        result[at] ^= 1 << UInt8(random.below(8))
        what.append("a bit at \(at)")
      case 1 where !result.isEmpty:
        result[at] = UInt8(random.below(256))
        what.append("a byte at \(at)")
      case 2:
        result = Array(result.prefix(at))
        what.append("cut at \(at)")
      case 3:
        result.insert(contentsOf: (0..<length).map { _ in UInt8(random.below(256)) }, at: at)
        what.append("\(length) bytes more at \(at)")
      case 4:
        result.removeSubrange(at..<at + length)
        what.append("\(length) bytes less at \(at)")
      case 5:
        let from = random.below(result.count), count = min(random.below(512), result.count - from)
        result.insert(contentsOf: Array(result[from..<from + count]), at: at)
        what.append("\(count) bytes of \(from) again at \(at)")
      case 6:
        let value = random.pick(edges)
        for k in 0..<min(8, result.count - at) {
          result[at + k] = UInt8(truncatingIfNeeded: value >> UInt64(8 * k))
        }
        what.append("the number \(value) at \(at)")
      default:
        // A length of protobuf or JSON: digits, or a run of continued bytes.
        for k in at..<at + length { result[k] = random.pick([0xFF, 0x39, 0x2D, 0x80]) }
        what.append("\(length) edges at \(at)")
      }
    }
    return (result, what.joined(separator: ", "))
  }
}
