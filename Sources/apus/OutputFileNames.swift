/// Names of npy files for a network's outputs, whose own names may be none for files.
///
/// An output keeps its name where that is safe: no `/`, `\\`, `:`, control character or dot at the start, 200 bytes at
/// most. Others have these replaced by `_`, and a number behind where that name is taken.
struct OutputFileNames {
  /// A file's name for each output, in their order; no two are alike.
  let files: [String]
  /// Whether an output's file is not its name.
  let areChanged: Bool

  init(_ names: [String]) {
    let safe = names.map(Self.safe)
    var taken: Set<String> = [], files = names.map { _ in "" }
    for keeps in [true, false] {
      for (k, name) in names.enumerated() where (safe[k] == name) == keeps {
        var file = safe[k], number = 2
        while !taken.insert(file.lowercased()).inserted {
          file = "\(safe[k])_\(number)"
          number += 1
        }
        files[k] = file + ".npy"
      }
    }
    self.files = files
    areChanged = zip(names, files).contains { $0 + ".npy" != $1 }
  }

  private static func safe(_ name: String) -> String {
    var characters = name.unicodeScalars.map { scalar -> Character in
      let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
      return isControl || "/\\:".unicodeScalars.contains(scalar) ? "_" : Character(scalar)
    }
    if characters.first == "." { characters[0] = "_" }
    while String(characters).utf8.count > 200 { characters.removeLast() }
    return characters.isEmpty ? "output" : String(characters)
  }
}
