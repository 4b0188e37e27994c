import Foundation

/// Breaks a dataroot in nuScenes layout: bytes of its files, records and fields of its tables, tokens, links, sizes,
/// calibrations and times.
public struct DatarootCorrupter {
  private let root: URL
  private var random: SeededRandom
  private var what: [String] = []

  /// Breaks one to three things.
  /// - Returns: what was done.
  /// - Throws: where the dataroot cannot be changed.
  public static func corrupt(_ root: URL, seed: UInt64) throws -> String {
    var corrupter = DatarootCorrupter(root: root, random: SeededRandom(seed: seed))
    for _ in 0...corrupter.random.below(3) {
      switch corrupter.random.below(7) {
      case 0: try corrupter.breakBytes()
      case 1: try corrupter.breakRecords()
      case 2: try corrupter.breakReferences()
      case 3: try corrupter.breakFiles()
      case 4:
        try corrupter.breakFields(
          ["width", "height", "nbr_samples", "nbr_annotations", "num_lidar_pts"], Self.sizes)
      case 5:
        try corrupter.breakFields(
          ["translation", "rotation", "camera_intrinsic", "size"], Self.vectors)
      default:
        try corrupter.breakFields(
          ["timestamp", "is_key_frame", "filename", "name", "channel", "modality"], Self.values)
      }
    }
    return corrupter.what.joined(separator: "; ")
  }

  private init(root: URL, random: SeededRandom) {
    self.root = root
    self.random = random
  }

  private static var sizes: [Any] {
    [0, -1, 1, 65_535, 65_536, 2_147_483_648, 1.5, "7", NSNull(), [Int]()]
  }
  private static var vectors: [Any] {
    [
      [0, 0, 0], [0, 0, 0, 0], [1e300, -1e300, 1e300], [1, 0, 0, 0, 0], [Double](), [[Double]](),
      [2, 0, 0, 0], [1e-320, 1, 2],
      [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[-5, 0, 1e9], [0, 1e-9, 5], [0, 0, 1]], "x", NSNull(), 3,
      [true, false, true],
    ]
  }
  private static var values: [Any] {
    [
      0, -1, 1, 9_007_199_254_740_991, 1_700_000_000, 1.5e15, "", "..", "../../etc/passwd", "/dev/zero",
      "a\u{0}b", "\u{1B}[2J",
      NSNull(), true, [Any](), String(repeating: "n", count: 5000), "LIDAR_TOP", "CAM_FRONT", "radar",
    ]
  }

  private func files() throws -> [String] {
    var names: [String] = []
    for case let name as String in FileManager.default.enumerator(atPath: root.path) ?? .init() {
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(
        atPath: root.appendingPathComponent(name).path, isDirectory: &isFolder),
        !isFolder.boolValue
      {
        names.append(name)
      }
    }
    return names.sorted()
  }

  private mutating func breakBytes() throws {
    guard let name = try files().randomElement(using: &random) else { return }
    let url = root.appendingPathComponent(name)
    let broken = ByteCorrupter.corrupt(Array(try Data(contentsOf: url).prefix(1 << 22)), seed: random.next())
    try Data(broken.bytes).write(to: url)
    what.append("\(name): \(broken.what)")
  }

  /// Changes the records of a random table, as far as it is still one.
  private mutating func edit(_ change: (inout [[String: Any]], inout SeededRandom) -> String) throws {
    let tables = try files().filter {
      $0.hasSuffix(".json") && !$0.contains("maps/") && !$0.hasSuffix("splits.json")
    }
    guard let name = tables.randomElement(using: &random) else { return }
    let url = root.appendingPathComponent(name)
    // What an earlier step has broken is no table any more.
    guard let found = try? JSONSerialization.jsonObject(with: Data(contentsOf: url)),
      var records = found as? [[String: Any]], !records.isEmpty
    else { return }
    let done = change(&records, &random)
    try JSONSerialization.data(withJSONObject: records, options: [.sortedKeys]).write(to: url)
    what.append("\(name): \(done)")
  }

  private mutating func breakRecords() throws {
    try edit { records, random in
      let k = random.below(records.count), other = random.below(records.count)
      switch random.below(6) {
      case 0:
        records.remove(at: k)
        return "record \(k) away"
      case 1:
        records.append(records[k])
        return "record \(k) twice"
      case 2:
        records.swapAt(k, other)
        return "records \(k) and \(other) swapped"
      case 3:
        records = []
        return "emptied"
      case 4:
        let key = random.pick(records[k].keys.sorted())
        records[k][key] = nil
        return "record \(k) without \(key)"
      default:
        let key = random.pick(records[k].keys.sorted())
        records[k][key] = records[other][random.pick(records[other].keys.sorted())]
        return "record \(k): another field as \(key)"
      }
    }
  }

  private mutating func breakReferences() throws {
    try edit { records, random in
      let k = random.below(records.count)
      let keys = records[k].keys.filter { $0.hasSuffix("token") || $0 == "prev" || $0 == "next" }.sorted()
      guard !keys.isEmpty else { return "nothing" }
      let key = random.pick(keys), other = random.below(records.count)
      let tokens: [Any] = ["", "feed", records[other]["token"] ?? "", records[k]["token"] ?? "", 7, NSNull()]
      records[k][key] = random.pick(tokens)
      return "record \(k): \(key)"
    }
  }

  private mutating func breakFields(_ keys: [String], _ values: [Any]) throws {
    try edit { records, random in
      let k = random.below(records.count)
      let own = keys.filter { records[k][$0] != nil }
      guard !own.isEmpty else { return "nothing" }
      let key = random.pick(own)
      records[k][key] = random.pick(values)
      return "record \(k): \(key)"
    }
  }

  /// A file that is gone, a folder, a FIFO, or a link.
  private mutating func breakFiles() throws {
    guard let name = try files().randomElement(using: &random) else { return }
    let url = root.appendingPathComponent(name), manager = FileManager.default
    try manager.removeItem(at: url)
    let kind = random.below(6)
    switch kind {
    case 0: break
    case 1: try manager.createDirectory(at: url, withIntermediateDirectories: false)
    case 2: mkfifo(url.path, 0o644)
    case 3: try manager.createSymbolicLink(atPath: url.path, withDestinationPath: "/etc/passwd")
    case 4: try manager.createSymbolicLink(atPath: url.path, withDestinationPath: url.lastPathComponent)
    default: try Data().write(to: url)
    }
    what.append(
      "\(name): " + ["gone", "a folder", "a FIFO", "a link out", "a link to itself", "empty"][kind])
  }
}
