/// A token as 128 bits: 32 lower-case hexadecimal digits as their value, any other text as a number in a `TokenPool`.
struct TokenKey: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  /// The empty token: none.
  static let none = TokenKey(high: .max, low: .max)

  /// The key of 32 lower-case hexadecimal digits, or nil for another text.
  init?(hexadecimal text: UnsafeRawBufferPointer) {
    guard text.count == 32 else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    for k in 0..<32 {
      let byte = text[k]
      let digit: UInt64
      switch byte {
      case 0x30...0x39: digit = UInt64(byte) - 0x30
      case 0x61...0x66: digit = UInt64(byte) - 0x57
      default: return nil
      }
      if k < 16 { halves.0 = halves.0 << 4 | digit } else { halves.1 = halves.1 << 4 | digit }
    }
    // The pool's keys have all upper bits set: such a text goes into the pool as well.
    guard halves.0 != .max else { return nil }
    self.init(high: halves.0, low: halves.1)
  }

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// The tokens that are not 32 hexadecimal digits, numbered as they come.
struct TokenPool: Sendable {
  private var texts: [String] = []
  private var numbers: [String: Int] = [:]

  /// The key of a token, new or known.
  mutating func key(_ text: UnsafeRawBufferPointer) -> TokenKey {
    if let key = TokenKey(hexadecimal: text) { return key }
    if text.isEmpty { return .none }
    let string = String(decoding: text, as: UTF8.self)
    let number = numbers[string] ?? texts.count
    if number == texts.count {
      numbers[string] = number
      texts.append(string)
    }
    return TokenKey(high: .max, low: UInt64(number))
  }

  /// The key of a known token, or nil for one that no table has.
  func find(_ token: String) -> TokenKey? {
    var token = token
    let key = token.withUTF8 { TokenKey(hexadecimal: UnsafeRawBufferPointer($0)) }
    return key ?? numbers[token].map { TokenKey(high: .max, low: UInt64($0)) }
  }

  /// The token of a key.
  func text(_ key: TokenKey) -> String {
    if key == .none { return "" }
    if key.high == .max { return texts[Int(key.low)] }
    return Self.hexadecimal(key.high) + Self.hexadecimal(key.low)
  }

  private static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Rows by token: a hash table of row numbers, four to eight bytes a row.
struct TokenIndex: Sendable {
  /// No row.
  static let noRow = UInt32.max

  private var slots: [UInt32]
  private let mask: Int
  private let seed: (UInt64, UInt64)

  /// An index of nothing.
  init() {
    slots = [Self.noRow]
    mask = 0
    seed = (1, 1)
  }

  /// The index of these keys.
  /// - Throws: `Duplicate` with both rows of a key that is there twice.
  init(_ keys: [TokenKey]) throws(Duplicate) {
    var capacity = 4
    while capacity * 2 < keys.count * 3 { capacity *= 2 }
    slots = [UInt32](repeating: Self.noRow, count: capacity)
    mask = capacity - 1
    // Seeded, so that nobody can choose tokens that collide; no result depends on it.
    seed = (UInt64.random(in: 1 ... .max), UInt64.random(in: 1 ... .max))
    for (row, key) in keys.enumerated() {
      var slot = start(key)
      while slots[slot] != Self.noRow {
        let other = Int(slots[slot])
        if keys[other] == key { throw Duplicate(first: other, second: row) }
        slot = (slot + 1) & mask
      }
      slots[slot] = UInt32(row)
    }
  }

  /// Two rows with one token.
  struct Duplicate: Error {
    let first: Int
    let second: Int
  }

  private func start(_ key: TokenKey) -> Int {
    let product = (key.high ^ seed.0).multipliedFullWidth(by: key.low ^ seed.1)
    let mixed = (product.high ^ product.low) &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: mixed >> 20) & mask
  }

  /// The row of a key in the same keys that the index was made of, or `noRow`.
  func row(_ key: TokenKey, in keys: [TokenKey]) -> UInt32 {
    var slot = start(key)
    while slots[slot] != Self.noRow {
      if keys[Int(slots[slot])] == key { return slots[slot] }
      slot = (slot + 1) & mask
    }
    return Self.noRow
  }
}
