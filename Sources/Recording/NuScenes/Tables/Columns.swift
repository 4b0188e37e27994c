/// Texts in one block of bytes.
struct StringColumn: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  mutating func append(_ text: some Collection<UInt8>) {
    bytes.append(contentsOf: text)
    ends.append(bytes.count)
  }

  subscript(_ row: Int) -> String {
    String(decoding: bytes[(row == 0 ? 0 : ends[row - 1])..<ends[row]], as: UTF8.self)
  }

  mutating func trim() {
    bytes = Array(bytes)
    ends = Array(ends)
  }
}

/// File names as a shared beginning, kept once, and the rest: `samples/CAM_FRONT/<log>__CAM_FRONT__` and
/// `1532402927612460.jpg`. A third of the memory of whole names.
struct FileNameColumn: Sendable {
  private var prefixes: [String] = []
  private var numbers: [String: UInt32] = [:]
  private var prefix: [UInt32] = []
  private var rest = StringColumn()

  var count: Int { prefix.count }

  mutating func append(_ name: UnsafeRawBufferPointer) {
    // Behind the last '_' or '/'.
    let cut = (name.lastIndex { $0 == 0x5f || $0 == 0x2f } ?? -1) + 1
    let text = String(decoding: name[0..<cut], as: UTF8.self)
    let number = numbers[text] ?? UInt32(prefixes.count)
    if Int(number) == prefixes.count {
      prefixes.append(text)
      numbers[text] = number
    }
    prefix.append(number)
    rest.append(UnsafeRawBufferPointer(rebasing: name[cut...]))
  }

  subscript(_ row: Int) -> String { prefixes[Int(prefix[row])] + rest[row] }

  mutating func trim() {
    numbers = [:]
    prefix = Array(prefix)
    rest.trim()
  }
}

/// Rows of one table by the row of another: `rows(of: k)` in the order of their table.
struct RowGroups: Sendable {
  private let starts: [UInt32]
  private let rows: [UInt32]

  /// The groups of `owners[row]`; rows whose owner is `TokenIndex.noRow` are in none.
  /// - Complexity: O(rows + owners), by counting.
  init(owners: [UInt32], count: Int) {
    var starts = [UInt32](repeating: 0, count: count + 1)
    for owner in owners where owner != TokenIndex.noRow { starts[Int(owner) + 1] += 1 }
    for k in 0..<count { starts[k + 1] += starts[k] }
    var next = starts
    var rows = [UInt32](repeating: 0, count: Int(starts[count]))
    for (row, owner) in owners.enumerated() where owner != TokenIndex.noRow {
      rows[Int(next[Int(owner)])] = UInt32(row)
      next[Int(owner)] += 1
    }
    self.starts = starts
    self.rows = rows
  }

  func rows(of owner: Int) -> ArraySlice<UInt32> { rows[Int(starts[owner])..<Int(starts[owner + 1])] }
}
