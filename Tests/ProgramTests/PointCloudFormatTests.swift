import Foundation
import Recording
import Scenes
import Testing

/// Sweeps in other files than nuScenes writes: what they are, their content says.
@Suite struct PointCloudFormatTests {
  /// A made-up drive of one sweep, whose file a test writes.
  private final class Sweep {
    let drive: TestDrive
    let data: SensorData
    let dataset: Dataset
    /// The points as they were, `[point][x, y, z, intensity, ring]`.
    let points: [[Float]]

    init() throws {
      drive = try TestDrive(keyframes: 1)
      dataset = try Dataset(root: drive.root.path)
      let scene = try dataset.scene(named: drive.sceneNames[0])
      data = try #require(scene.measurements.first { $0.sensor.modality == .lidar })
      let cloud = try dataset.pointCloud(data)
      points = (0..<cloud.count).map {
        [cloud.x[$0], cloud.y[$0], cloud.z[$0], cloud.intensity[$0], cloud.ring[$0]]
      }
    }

    func read(_ bytes: Data) throws -> (points: [[Float]], note: String?) {
      try drive.write(bytes, to: data.file)
      let (cloud, note) = try dataset.recognizedPointCloud(data)
      #expect(cloud.age.allSatisfy { $0 == 0 })
      return (
        (0..<cloud.count).map {
          [cloud.x[$0], cloud.y[$0], cloud.z[$0], cloud.intensity[$0], cloud.ring[$0]]
        }, note
      )
    }

    /// The error that reading gives.
    func fault(_ bytes: Data) -> String {
      do {
        _ = try read(bytes)
        return ""
      } catch { return "\(error)" }
    }
  }

  private static func rows<Value: BinaryFloatingPoint>(
    _ points: [[Float]], _ columns: Int, _ type: Value.Type
  ) -> Data {
    let values = points.flatMap { point in
      (0..<columns).map { k in k < 5 ? Value(point[k]) : Value(0.001) * Value(point[4]) }
    }
    return values.withUnsafeBytes { Data($0) }
  }

  private static func text(_ text: String) -> Data { Data(text.utf8) }

  /// A PCD file; `order` are the points' columns in the order of its fields, rings as UInt16 where `shortRing`.
  static func pcd(
    _ points: [[Float]], _ encoding: String, order: [Int] = [0, 1, 2, 3, 4], shortRing: Bool = false
  ) -> Data {
    let names = ["x", "y", "z", "intensity", "ring"]
    func list(_ ring: String, _ other: String) -> String {
      order.map { shortRing && $0 == 4 ? ring : other }.joined(separator: " ")
    }
    var file = text(
      """
      # .PCD v0.7 - Point Cloud Data file format
      VERSION 0.7
      FIELDS \(order.map { names[$0] }.joined(separator: " "))
      SIZE \(list("2", "4"))
      TYPE \(list("U", "F"))
      COUNT 1 1 1 1 1
      WIDTH \(points.count)
      HEIGHT 1
      VIEWPOINT 0 0 0 1 0 0 0
      POINTS \(points.count)
      DATA \(encoding)

      """)
    func bytes(_ value: Float, _ column: Int) -> [UInt8] {
      shortRing && column == 4
        ? withUnsafeBytes(of: UInt16(value).littleEndian) { Array($0) }
        : withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
    switch encoding {
    case "ascii":
      for point in points { file += text(order.map { "\(point[$0])" }.joined(separator: " ") + "\n") }
    case "binary":
      for point in points { for k in order { file += bytes(point[k], k) } }
    default:
      let raw = order.flatMap { k in points.flatMap { bytes($0[k], k) } }
      let packed = lzf(raw)
      for size in [packed.count, raw.count] { withUnsafeBytes(of: UInt32(size).littleEndian) { file += $0 } }
      file += packed
    }
    return file
  }

  /// LZF by the first match that a table of three bytes gives.
  static func lzf(_ raw: [UInt8]) -> [UInt8] {
    var out: [UInt8] = [], literals: [UInt8] = [], last: [Int: Int] = [:], k = 0
    func flush() {
      for start in stride(from: 0, to: literals.count, by: 32) {
        let run = literals[start..<min(start + 32, literals.count)]
        out.append(UInt8(run.count - 1))
        out += run
      }
      literals = []
    }
    while k < raw.count {
      guard k + 2 < raw.count else {
        literals.append(raw[k])
        k += 1
        continue
      }
      let key = Int(raw[k]) << 16 | Int(raw[k + 1]) << 8 | Int(raw[k + 2])
      let before = last.updateValue(k, forKey: key)
      guard let before, k - before <= 8192 else {
        literals.append(raw[k])
        k += 1
        continue
      }
      var length = 3
      while length < 264, k + length < raw.count, raw[before + length] == raw[k + length] { length += 1 }
      flush()
      let distance = k - before - 1, coded = length - 2
      out.append(UInt8(min(coded, 7) << 5 | distance >> 8))
      if coded >= 7 { out.append(UInt8(coded - 7)) }
      out.append(UInt8(distance & 255))
      k += length
    }
    flush()
    return out
  }

  @Test(arguments: [4, 6]) func rowsOfAnotherWidthAreReadAsWhatTheyAre(columns: Int) throws {
    let sweep = try Sweep()
    // A size that also fits five columns, and one that does not.
    for count in [sweep.points.count / 20 * 20, sweep.points.count / 20 * 20 - 1] {
      let points = Array(sweep.points.prefix(count))
      let found = try sweep.read(Self.rows(points, columns, Float.self))
      #expect(found.points.count == count)
      #expect(
        found.note?.contains("\(columns) float32 columns a point") == true, "\(found.note ?? "no note")")
      for (a, b) in zip(found.points, points) {
        #expect(Array(a.prefix(min(columns, 5))) == Array(b.prefix(min(columns, 5))))
        if columns < 5 { #expect(a[4] == 0) }
      }
    }
  }

  @Test(arguments: [4, 5, 6]) func doublesAreReadAsDoubles(columns: Int) throws {
    let sweep = try Sweep()
    let points = Array(sweep.points.prefix(sweep.points.count / 20 * 20))
    let found = try sweep.read(Self.rows(points, columns, Double.self))
    #expect(found.note?.contains("\(columns) float64 columns a point") == true, "\(found.note ?? "no note")")
    #expect(
      found.points.map { Array($0.prefix(min(columns, 5))) }
        == points.map { Array($0.prefix(min(columns, 5))) })
  }

  @Test func nuScenesOwnRowsStayWhatTheyAre() throws {
    let sweep = try Sweep()
    func check(_ points: [[Float]]) throws {
      let found = try sweep.read(Self.rows(points, 5, Float.self))
      #expect(found.note == nil)
      #expect(found.points.count == points.count)
    }
    try check(sweep.points)
    // Sizes that fit four and six columns too, no rings, no intensities, NaN in every third point, few points, none.
    try check(Array(sweep.points.prefix(sweep.points.count / 60 * 60)))
    try check(sweep.points.prefix(1200).map { [$0[0], $0[1], $0[2], 0, -1] })
    try check(sweep.points.prefix(1200).map { [$0[0], $0[1], $0[2], 0, 0] })
    try check(
      sweep.points.prefix(1200).enumerated().map { $0 % 3 == 0 ? [.nan, .nan, .nan, $1[3], $1[4]] : $1 })
    for count in [0, 1, 4, 12, 20, 60] { try check(Array(sweep.points.prefix(count))) }
    // A file cut short is no file of four columns, though its size would do.
    let cut = Self.rows(Array(sweep.points.prefix(1001)), 5, Float.self).prefix(1000 * 20 + 16)
    #expect(sweep.fault(cut).contains("20016 bytes, a remainder of 16"))
  }

  @Test(
    arguments: ["ascii", "binary", "binary_compressed"],
    [[0, 1, 2, 3, 4], [4, 3, 0, 1, 2], [2, 4, 1, 0, 3]])
  func pcdOfAnyEncodingAndOrder(encoding: String, order: [Int]) throws {
    let sweep = try Sweep()
    for shortRing in [false, true] {
      let found = try sweep.read(Self.pcd(sweep.points, encoding, order: order, shortRing: shortRing))
      #expect(found.points == sweep.points)
      #expect(found.note == nil)
    }
  }

  @Test func pcdTextWithShortRowsAndNaN() throws {
    let sweep = try Sweep()
    let head =
      "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 4\nHEIGHT 1\nPOINTS 4\nDATA ascii\n"
    let found = try sweep.read(Self.text(head + "1 2 3\n4 5\nnan nan nan\n-1e-3 7.5 8\r\n"))
    #expect(found.note == "1 of 4 lines have not 3 values and are left out")
    #expect(found.points.count == 3)
    #expect(found.points[0] == [1, 2, 3, 0, 0])
    #expect(found.points[1][0].isNaN)
    #expect(found.points[2] == [-0.001, 7.5, 8, 0, 0])
    #expect(sweep.fault(Self.text(head + "1 2 3\n1,5 2 3\n1 2 3\n1 2 3\n")).contains("point 1: x \"1,5\""))
    #expect(
      sweep.fault(Self.text(head + "1.00000 2.00000 3.00000\n1.00000 2.00000 3.00000\n")).contains(
        "2 lines of points (expected 4"))
  }

  /// F38 and F40: nothing is believed that the file's size does not bear out.
  @Test func lyingHeadersAreRefusedWithTheirLine() throws {
    let sweep = try Sweep()
    let lines = [
      "VERSION": "0.7", "FIELDS": "x y z i", "SIZE": "4 4 4 4", "TYPE": "F F F F", "COUNT": "1 1 1 1",
      "WIDTH": "10",
      "HEIGHT": "1", "POINTS": "10", "DATA": "binary",
    ]
    let order = ["VERSION", "FIELDS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "POINTS", "DATA"]
    func file(_ change: [String: String?], body: Int = 160) -> Data {
      let head = order.compactMap { key in (change[key] ?? lines[key]).flatMap { $0 }.map { "\(key) \($0)\n" }
      }.joined()
      return Self.text(head) + Data(repeating: 0, count: body)
    }
    #expect(try sweep.read(file([:])).points.count == 10)
    let wrong: [(change: [String: String?], line: String)] = [
      (["WIDTH": "4611686018427387904", "HEIGHT": "4", "POINTS": nil], "POINTS"), (["WIDTH": "-1"], "WIDTH"),
      (["POINTS": "11"], "POINTS"), (["SIZE": "0 4 4 4"], "SIZE"), (["SIZE": "4 4 4"], "SIZE"),
      (["COUNT": "1000000000 1 1 1"], "COUNT"), (["COUNT": "2 1 1 1", "WIDTH": "8", "POINTS": "8"], "COUNT"),
      (["DATA": nil], "DATA"),
      (["DATA": "zip"], "DATA"), (["TYPE": "Q F F F"], "TYPE"), (["TYPE": "F F F F F"], "TYPE"),
      (["FIELDS": "a y z i"], "FIELDS"), (["WIDTH": "11", "POINTS": "11"], "POINTS"),
      (["WIDTH": "9000000000000000000", "POINTS": "9000000000000000000"], "POINTS"),
      (["WIDTH": nil, "POINTS": nil], "POINTS"), (["DATA": "binary_compressed"], "PCD data"),
    ]
    for (change, line) in wrong {
      let fault = sweep.fault(file(change))
      #expect(fault.contains(".pcd.bin: PCD") && fault.contains(line), "\(change): \(fault)")
    }
    for (packed, raw) in [(8, 160), (1 << 30, 160), (8, 1 << 31), (0, 160)] {
      var body = Data()
      for size in [packed, raw] { withUnsafeBytes(of: UInt32(size).littleEndian) { body += $0 } }
      let fault = sweep.fault(
        file(["DATA": "binary_compressed"], body: 0) + body + Data(repeating: 0x20, count: 8))
      #expect(fault.contains("PCD data (binary_compressed)"), "\(fault)")
    }
  }

  /// Any change of any byte gives points or one error, and never a crash.
  @Test func corruptedFilesGivePointsOrAnError() throws {
    let sweep = try Sweep()
    let points = Array(sweep.points.prefix(60))
    var random = UInt64(20_261_128)
    func next(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(random >> 33) % bound
    }
    for encoding in ["ascii", "binary", "binary_compressed"] {
      let whole = Self.pcd(points, encoding)
      for _ in 0..<400 {
        var bytes = whole
        for _ in 0...next(4) { bytes[next(next(2) == 0 ? 220 : bytes.count)] = UInt8(next(256)) }
        if next(4) == 0 { bytes = bytes.prefix(next(bytes.count)) }
        let fault = sweep.fault(bytes)
        #expect(fault.isEmpty || fault.contains(sweep.data.file), "\(fault)")
      }
    }
  }

  @Test func otherFormatsAreNamed() throws {
    let sweep = try Sweep()
    for (text, word) in [
      ("ply\nformat", "PLY"), ("LASF....", "LAS"), ("<!DOCTYPE html>", "HTML"),
      ("version https://git-lfs.github", "LFS"),
    ] {
      #expect(sweep.fault(Self.text(text)).contains(word))
    }
  }

  @Test func aDriveOfPCDReplaysAsBefore() throws {
    let drive = try TestDrive(keyframes: 2)
    let folder = try TemporaryFolder()
    #expect(try Apus.run(["replay", drive.root.path, "--out", folder.path("a")]).status == 0)
    let dataset = try Dataset(root: drive.root.path)
    for data in try dataset.scene(named: drive.sceneNames[0]).measurements
    where data.sensor.modality == .lidar {
      let cloud = try dataset.pointCloud(data)
      let points = (0..<cloud.count).map {
        [cloud.x[$0], cloud.y[$0], cloud.z[$0], cloud.intensity[$0], cloud.ring[$0]]
      }
      try drive.write(Self.pcd(points, "binary", order: [4, 3, 0, 1, 2]), to: data.file)
    }
    let outcome = try Apus.run(["replay", drive.root.path, "--out", folder.path("b")])
    #expect(outcome.status == 0, "\(outcome.standardError)")
    #expect(try ReplayTests.outputs(folder.path("a")) == ReplayTests.outputs(folder.path("b")))
  }

  @Test func fourColumnsAreToldByReplayAndInspect() throws {
    let drive = try TestDrive(keyframes: 2)
    for file in drive.files(of: "LIDAR_TOP") + drive.files(of: "LIDAR_TOP", keyframes: false) {
      let floats = try drive.read(file).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      let four = floats.indices.filter { $0 % 5 != 4 }.map { floats[$0] }
      try drive.write(four.withUnsafeBytes { Data($0) }, to: file)
    }
    let folder = try TemporaryFolder()
    #expect(try Apus.run(["replay", drive.root.path, "--out", folder.path("run")]).status == 0)
    let words = "read as 4 float32 columns a point (x, y, z, intensity)"
    let manifest = try String(contentsOf: URL(fileURLWithPath: folder.path("run/run.json")), encoding: .utf8)
    #expect(manifest.contains(words) && manifest.contains("pcd.bin"))
    #expect(try Apus.run(["inspect", drive.root.path]).standardError.contains(words))
  }
}
