/// Text as one short line that a terminal shows as it is: names and values in errors come from files that anybody wrote.
enum OneLine {
  /// The most characters of a line.
  static let limit = 600

  /// The text with control characters escaped (`\\n`, `\\u{1B}`), those that turn the direction of text among them, and its
  /// middle cut out where it is too long: the file stands in front, what was expected at the end.
  static func of(_ text: String) -> String {
    let all = text.unicodeScalars
    var cut = String.UnicodeScalarView()
    if all.count > limit {
      cut.append(contentsOf: all.prefix(limit * 2 / 3))
      cut.append(contentsOf: " .. ".unicodeScalars)
      cut.append(contentsOf: all.suffix(limit / 3 - 4))
    } else {
      cut = all
    }
    var line = String.UnicodeScalarView()
    for scalar in cut {
      line.append(contentsOf: escape(scalar)?.unicodeScalars ?? String.UnicodeScalarView([scalar]))
    }
    return String(line)
  }

  /// A scalar's escape; nil for what may be shown.
  private static func escape(_ scalar: Unicode.Scalar) -> String? {
    switch scalar.value {
    case 0x0A: "\\n"
    case 0x0D: "\\r"
    case 0x09: "\\t"
    case 0x00..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
      "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    default: nil
    }
  }
}
