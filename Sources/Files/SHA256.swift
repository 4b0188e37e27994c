/// The digest that names a file's contents in run.json.
///
/// - Source: NIST FIPS 180-4, sections 4.1.2, 4.2.2, 5.1.1, 5.3.3 and 6.2.
public struct SHA256 {
  private var state: [UInt32] = SHA256.roots(of: 8, power: .half)
  private var schedule = [UInt32](repeating: 0, count: 64)

  /// The digest of bytes as 64 hexadecimal digits.
  /// - Complexity: O(bytes).
  public static func hexadecimal(_ bytes: [UInt8]) -> String {
    var digest = SHA256()
    let whole = bytes.count / 64 * 64
    bytes.withUnsafeBufferPointer { buffer in
      for start in stride(from: 0, to: whole, by: 64) { digest.add(buffer[start..<start + 64]) }
    }
    // The rest, a one bit, zeros, and the length in bits as eight bytes.
    var tail = Array(bytes[whole...]) + [0x80]
    tail += [UInt8](repeating: 0, count: (120 - tail.count % 64) % 64)
    tail += (0..<8).map { UInt8(truncatingIfNeeded: (UInt64(bytes.count) &* 8) >> UInt64(56 - 8 * $0)) }
    tail.withUnsafeBufferPointer { buffer in
      for start in stride(from: 0, to: tail.count, by: 64) { digest.add(buffer[start..<start + 64]) }
    }
    return digest.state.map { word in
      (0..<8).map { String(word >> UInt32(28 - 4 * $0) & 15, radix: 16) }.joined()
    }.joined()
  }

  private mutating func add(_ block: Slice<UnsafeBufferPointer<UInt8>>) {
    let start = block.startIndex
    for t in 0..<16 {
      schedule[t] = (0..<4).reduce(0) { $0 << 8 | UInt32(block[start + 4 * t + $1]) }
    }
    for t in 16..<64 {
      let a = schedule[t - 15], b = schedule[t - 2]
      let first = rotated(a, 7) ^ rotated(a, 18) ^ a >> 3
      let second = rotated(b, 17) ^ rotated(b, 19) ^ b >> 10
      schedule[t] = second &+ schedule[t - 7] &+ first &+ schedule[t - 16]
    }
    var s = state
    for t in 0..<64 {
      let choice = s[4] & s[5] ^ ~s[4] & s[6]
      let majority = s[0] & s[1] ^ s[0] & s[2] ^ s[1] & s[2]
      let sum1 = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25)
      let sum0 = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22)
      let first = s[7] &+ sum1 &+ choice &+ Self.constants[t] &+ schedule[t]
      let second = sum0 &+ majority
      (s[7], s[6], s[5], s[4]) = (s[6], s[5], s[4], s[3] &+ first)
      (s[3], s[2], s[1], s[0]) = (s[2], s[1], s[0], first &+ second)
    }
    for k in 0..<8 { state[k] &+= s[k] }
  }

  private func rotated(_ x: UInt32, _ count: UInt32) -> UInt32 { x >> count | x << (32 - count) }

  private enum Power { case half, third }

  /// The constants are the first 32 bits of the fractional parts of the primes' square roots and cube roots.
  private static let constants = roots(of: 64, power: .third)

  private static func roots(of count: Int, power: Power) -> [UInt32] {
    var primes: [UInt64] = []
    var candidate: UInt64 = 2
    while primes.count < count {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { UInt32(truncatingIfNeeded: scaledRoot($0, power)) }
  }

  /// `floor(root(prime) · 2^32)` in whole numbers, by bisection.
  private static func scaledRoot(_ prime: UInt64, _ power: Power) -> UInt64 {
    var low: UInt64 = 0, high: UInt64 = 1 << 37
    while high - low > 1 {
      let middle = (low + high) / 2
      if isAtMost(middle, prime, power) { low = middle } else { high = middle }
    }
    return low
  }

  /// Whether `(x / 2^32)^n` is at most the prime.
  private static func isAtMost(_ x: UInt64, _ prime: UInt64, _ power: Power) -> Bool {
    let square = x.multipliedFullWidth(by: x)
    switch power {
    case .half: return square.high < prime || (square.high == prime && square.low == 0)
    case .third:
      // square · x as three words, against prime · 2^96.
      let low = square.low.multipliedFullWidth(by: x), high = square.high.multipliedFullWidth(by: x)
      let (middle, carry) = high.low.addingReportingOverflow(low.high)
      let top = high.high + (carry ? 1 : 0)
      let bound = (prime >> 32, prime << 32)
      return (top, middle) < bound || ((top, middle) == bound && low.low == 0)
    }
  }
}
