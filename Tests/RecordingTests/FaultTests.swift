import Foundation
import Geometry
import Recording
import Scenes
import Testing

@Test func missingDatarootNamesThePathAndItsVersions() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let gone = "\(small.root)/nowhere"
  #expect(openingError(gone) == "\(gone): dataroot: no such folder (expected a folder with v1.0-*)")
  let file = "\(small.tables)/scene.json"
  #expect(openingError(file) == "\(file): dataroot: a file (expected a folder with v1.0-*)")
  #expect(
    openingError(small.root, version: "v1.0-trainval")
      == "\(small.root): version: no folder v1.0-trainval (expected a version folder: v1.0-mini)")
  try FileManager.default.createDirectory(
    atPath: "\(small.root)/v1.0-test", withIntermediateDirectories: false)
  #expect(openingError(small.root)?.contains("2 version folders: v1.0-mini, v1.0-test") == true)
}

@Test func allMissingTablesAreListedAtOnce() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  for table in ["sample_data", "log"] {
    try FileManager.default.removeItem(atPath: "\(small.tables)/\(table).json")
  }
  #expect(openingError(small.root)?.contains("no log.json, sample_data.json") == true)
}

@Test func tableCutAtAnyByteGivesFileOffsetLineAndColumn() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  for table in ["sample_data", "calibrated_sensor", "scene"] {
    let whole = try small.bytes(table)
    let content = try #require(whole.lastIndex(of: 0x5d))
    for cut in stride(from: 1, through: content, by: table == "scene" ? 1 : 7) {
      try small.put(table, Array(whole[0..<cut]))
      let lines = whole[0..<cut].split(separator: 0x0a, omittingEmptySubsequences: false)
      let place = "byte \(cut) (\(lines.count):\((lines.last?.count ?? 0) + 1))"
      let line = try #require(openingError(small.root))
      #expect(line.contains("\(table).json: \(place): "), "cut at \(cut): \(line)")
    }
    try small.put(table, whole)
  }
  #expect(openingError(small.root) == nil)
}

@Test func damagedByteIsFoundAtItsPlace() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let whole = try small.bytes("sample_annotation")
  // A lost quotation mark turns every string behind it inside out; the place is still its own line.
  let text = String(decoding: whole, as: UTF8.self)
  let range = try #require(text.range(of: "\"size\""))
  let offset = text[..<range.lowerBound].utf8.count
  var broken = whole
  broken.remove(at: offset)
  try small.put("sample_annotation", broken)
  #expect(openingError(small.root)?.contains("sample_annotation.json: byte \(offset) (2:") == true)
  broken = whole
  broken[offset + 6] = 0x3b  // ';' for ':'
  try small.put("sample_annotation", broken)
  #expect(openingError(small.root)?.contains("found") == false)
  #expect(openingError(small.root)?.contains("sample_annotation.json: byte \(offset + 6) (2:") == true)
}

@Test(arguments: ["{}", "3", "", "null", "[1]", "[[]]", "[{}", "[{},]", "[] []", "{\"a\": []}"])
func tableThatIsNoListOfRecordsIsRefused(_ text: String) throws {
  let small = try SmallDataset()
  defer { small.remove() }
  try small.put("sample", Array(text.utf8))
  let line = try #require(openingError(small.root))
  #expect(line.contains("sample.json: ") && line.contains("(expected "))
  if !text.hasPrefix("[") { #expect(line.hasSuffix("(expected an array of records)")) }
}

@Test func missingOrWrongFieldsNameTableRecordTokenAndField() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let whole = try small.bytes("sample_data")
  let token = try Dataset(root: small.root).scene(named: "scene-9001").measurements[0].token
  for (old, new, found) in [
    ("\"ego_pose_token\"", "\"ego_pose\"", "ego_pose_token: missing (expected a text)"),
    (
      "\"ego_pose_token\": \"\(token)\"", "\"ego_pose_token\": null", "ego_pose_token: null (expected a text)"
    ),
    (
      "\"ego_pose_token\": \"\(token)\"", "\"ego_pose_token\": 5",
      "ego_pose_token: the number 5.0 (expected a text)"
    ),
    (
      "\"is_key_frame\": true", "\"is_key_frame\": 1", "is_key_frame: the number 1.0 (expected true or false)"
    ),
  ] {
    try small.edit("sample_data", old, new)
    let line = try #require(openingError(small.root))
    #expect(line.hasSuffix("sample_data.json: record 0 (token \(token)): \(found)"), "\(line)")
    try small.put("sample_data", whole)
  }
}

@Test func unknownFieldsAreIgnoredAndByteOrderMarkAndCRLFAccepted() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  try small.edit("sample", "{", "{\"extra\": {\"deep\": [1, {\"a\": null}]}, ")
  let text = String(decoding: try small.bytes("sample"), as: UTF8.self)
  try small.put("sample", [0xef, 0xbb, 0xbf] + Array(text.replacingOccurrences(of: "\n", with: "\r\n").utf8))
  #expect(openingError(small.root) == nil)
}

@Test func duplicateTokenNamesBothRecords() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let frames = try Dataset(root: small.root).scene(named: "scene-9001").keyframes
  try small.edit("sample", "{\"token\": \"\(frames[2].token)\"", "{\"token\": \"\(frames[0].token)\"")
  #expect(
    openingError(small.root)?.hasSuffix(
      "sample.json: record 2: token: \(frames[0].token), as in record 0 (expected each token once)") == true)
}

@Test func duplicateKeyInOneObjectIsRefused() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  try small.edit("scene", "\"name\"", "\"name\": \"other\", \"name\"")
  #expect(openingError(small.root)?.contains("\"name\": the key twice in one object") == true)
  let other = try SmallDataset()
  defer { other.remove() }
  try other.edit("scene", "\"name\"", "\"x\": 1, \"x\": 2, \"name\"")
  #expect(openingError(other.root)?.contains("\"x\": the key twice in one object") == true)
}

@Test func danglingKeysAreNamedAndAllListed() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let frames = try Dataset(root: small.root).scene(named: "scene-9001").keyframes
  try small.edit("sample_data", "\"sample_token\": \"\(frames[0].token)\"", "\"sample_token\": \"nobody\"")
  try small.edit("sample_annotation", "\"attribute_tokens\": [\"", "\"attribute_tokens\": [\"x")
  try small.edit("instance", "\"category_token\": \"", "\"category_token\": \"y")
  #expect(
    openingError(small.root)
      == "sample_data.sample_token: record 0 names token \"nobody\" (expected one of table sample)")
  let all = try Dataset.danglingKeys(root: small.root)
  #expect(
    all.map(\.field) == [
      "sample_data.sample_token", "instance.category_token", "sample_annotation.attribute_tokens",
    ])
  #expect(all.map(\.target) == ["sample", "category", "attribute"])
}

@Test func cyclesAndBreaksInTheSampleChainAreErrors() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let frames = try Dataset(root: small.root).scene(named: "scene-9001").keyframes
  let whole = try small.bytes("sample")
  for (old, new, found) in [
    ("\"next\": \"\"", "\"next\": \"\(frames[0].token)\"", "or a cycle"),
    (
      "\"next\": \"\(frames[2].token)\"", "\"next\": \"\"",
      "the chain's end (expected the scene's last sample)"
    ),
    ("\"prev\": \"\(frames[0].token)\"", "\"prev\": \"\"", "another sample than the one before it"),
  ] {
    try small.edit("sample", old, new)
    let dataset = try Dataset(root: small.root)
    let line = try #require(errorLine { _ = try dataset.scene(named: "scene-9001") })
    #expect(line.contains("scene scene-9001, sample ") && line.contains(found), "\(line)")
    try small.put("sample", whole)
  }
}

@Test func cyclesInAnInstancesChainEnd() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let frames = try Dataset(root: small.root).scene(named: "scene-9001").keyframes
  let dataset = try Dataset(root: small.root)
  let boxes = try frames.flatMap { try dataset.annotations(sample: $0.token) }
  try small.edit("sample_annotation", "\"next\": \"\(boxes[3].token)\"", "\"next\": \"\(boxes[0].token)\"")
  let broken = try Dataset(root: small.root)
  #expect(throws: RecordingError.self) { try broken.annotations(instance: boxes[0].instanceToken) }
}

@Test(arguments: [
  "../../etc/passwd", "/etc/passwd", "samples/../../x", "samples/a\0b", "", "samples/link/passwd",
])
func fileNamesThatLeadOutAreNotOpened(_ name: String) throws {
  let small = try SmallDataset()
  defer { small.remove() }
  // A link at the top would be the owner's; one below is the data's.
  try FileManager.default.createSymbolicLink(
    atPath: "\(small.root)/samples/link", withDestinationPath: "/etc")
  let dataset = try Dataset(root: small.root)
  do {
    _ = try dataset.readFile(name)
    Issue.record("\(name) was read")
  } catch let error as RecordingError {
    #expect(error.kind == .invalid)
    #expect(error.description.contains("(expected a path inside \(small.root))"))
  }
}

@Test func linksInsideTheRootAndALinkedRootAreFollowed() throws {
  let small = try SmallDataset()
  let link = small.root + "-link"
  defer {
    small.remove()
    try? FileManager.default.removeItem(atPath: link)
  }
  try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: small.root)
  let dataset = try Dataset(root: link)
  let sweep = try #require(
    dataset.scene(named: "scene-9001").measurements.first { $0.sensor.modality == .lidar })
  #expect(try dataset.pointCloud(sweep).count == 4)
}

@Test func foldersFifosAndLoopsGiveAnErrorAndNoWait() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let dataset = try Dataset(root: small.root)
  #expect(mkfifo("\(small.root)/pipe", 0o600) == 0)
  try FileManager.default.createSymbolicLink(atPath: "\(small.root)/loop", withDestinationPath: "loop")
  for (name, found) in [("pipe", "a FIFO"), ("samples", "a folder"), ("loop", "(errno \(ELOOP))")] {
    do {
      _ = try dataset.readFile(name)
      Issue.record("\(name) was read")
    } catch let error as RecordingError {
      #expect(error.kind == .unreadable && error.description.contains(found), "\(error)")
    }
  }
  do {
    _ = try dataset.readFile("samples/absent.jpg")
  } catch let error as RecordingError {
    #expect(error.kind == .missing && error.found.contains("errno \(ENOENT)"))
  }
  // The same for a table.
  try FileManager.default.removeItem(atPath: "\(small.tables)/log.json")
  #expect(mkfifo("\(small.tables)/log.json", 0o600) == 0)
  #expect(openingError(small.root)?.contains("log.json: type: a FIFO") == true)
}

@Test func invalidTextIsRefusedWithItsPlace() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let whole = try small.bytes("log")
  let text = String(decoding: whole, as: UTF8.self)
  let range = try #require(text.range(of: "n000"))
  let offset = text[..<range.lowerBound].utf8.count
  var broken = whole
  broken[offset] = 0xff
  try small.put("log", broken)
  #expect(openingError(small.root)?.contains("log.json: byte \(offset) (2:") == true)
  for escape in ["\\ud800", "\\udc00", "\\ud800\\u0041", "\\q", "\\u12g4"] {
    try small.put("log", Array(text.replacingOccurrences(of: "n000", with: escape).utf8))
    #expect(
      openingError(small.root)?.contains("log.json: byte \(offset) (2:") == true || escape == "\\u12g4",
      "\(escape)")
    #expect(openingError(small.root) != nil)
  }
  try small.put("log", Array(text.replacingOccurrences(of: "n000", with: "\\ud83d\\ude97 é").utf8))
  #expect(try Dataset(root: small.root).recording(sceneNamed: "scene-9001").log.vehicle == "🚗 é")
}

@Test func deepNestingAndHugeRecordsAreRefused() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let whole = String(decoding: try small.bytes("log"), as: UTF8.self)
  let deep = String(repeating: "[", count: 100_000)
  try small.put("log", Array(whole.replacingOccurrences(of: "{", with: "{\"x\": \(deep), ").utf8))
  #expect(openingError(small.root)?.contains("nesting deeper than 64") == true)
  let long = String(repeating: "y", count: 20_000_000)
  try small.put("log", Array(whole.replacingOccurrences(of: "{", with: "{\"x\": \"\(long)\", ").utf8))
  #expect(openingError(small.root)?.contains("a record of more than") == true)
  let large = String(repeating: "y", count: 9_000_000)
  try small.put("log", Array(whole.replacingOccurrences(of: "{", with: "{\"x\": \"\(large)\", ").utf8))
  #expect(openingError(small.root) == nil)
}

@Test(arguments: [
  "0", "-5", "9223372036854775807", "1600000000000000.5", "1e15", "\"1\"", "18446744073709551615",
])
func impossibleTimestampsAreErrors(_ text: String) throws {
  for table in ["sample", "ego_pose", "sample_data"] {
    let small = try SmallDataset()
    defer { small.remove() }
    try small.edit(table, "\"timestamp\": 1", "\"timestamp\": \(text), \"was\": 1")
    let line = try #require(openingError(small.root))
    #expect(line.contains("\(table).json: record 0 (token ") && line.contains(": timestamp: "), "\(line)")
  }
}

@Test func quaternionsMustBeOfUnitLength() throws {
  for (values, isError) in [
    ("[0, 0, 0, 0]", true), ("[1.02, 0, 0, 0]", true), ("[1, 0, 0]", true), ("[1, 0, 0, \"0\"]", true),
    ("[1.0005, 0, 0, 0]", false),
  ] {
    let small = try SmallDataset()
    defer { small.remove() }
    for table in ["calibrated_sensor", "ego_pose", "sample_annotation"] {
      let whole = try small.bytes(table)
      try small.edit(table, "\"rotation\": ", "\"rotation\": \(values), \"was\": ")
      let line = openingError(small.root)
      #expect(
        (line?.contains("\(table).json: record 0 (token ") == true && line?.contains(": rotation: ") == true)
          == isError)
      #expect((line != nil) == isError)
      if !isError, table == "calibrated_sensor" {
        let scene = try Dataset(root: small.root).scene(named: "scene-9001")
        #expect(scene.measurements.contains { $0.sensor.egoFromSensor.rotation.norm == 1 })
      }
      try small.put(table, whole)
    }
  }
}

@Test func intrinsicsAreCheckedByElement() throws {
  let good = "[[800.0, 0.0, 320.0], [0.0, 810.0, 180.0], [0.0, 0.0, 1.0]]"
  for (matrix, place) in [
    ("[]", "camera_intrinsic of CAM_FRONT: an empty matrix"),
    ("[[800, 0, 320, 0], [0, 810, 180, 0], [0, 0, 1, 0]]", "camera_intrinsic of CAM_FRONT: rows of 4, 4, 4"),
    ("[[-3, 0, 320], [0, 810, 180], [0, 0, 1]]", "camera_intrinsic[0][0] of CAM_FRONT: -3.0"),
    ("[[800, 0, 320], [0, 0, 180], [0, 0, 1]]", "camera_intrinsic[1][1] of CAM_FRONT: 0.0"),
    ("[[800, 0, 641], [0, 810, 180], [0, 0, 1]]", "camera_intrinsic[0][2] of CAM_FRONT: 641.0"),
    ("[[800, 0, 320], [0, 810, -1], [0, 0, 1]]", "camera_intrinsic[1][2] of CAM_FRONT: -1.0"),
    ("[[800, 0, null], [0, 810, 180], [0, 0, 1]]", "camera_intrinsic[0][2] of CAM_FRONT: no number"),
    ("null", "camera_intrinsic of CAM_FRONT: missing"),
  ] {
    let small = try SmallDataset()
    defer { small.remove() }
    try small.edit("calibrated_sensor", good, matrix)
    let line = try #require(openingError(small.root))
    #expect(line.contains("calibrated_sensor.json: ") && line.contains(place), "\(line)")
  }
}

@Test func cloudOfOddSizeNamesFileSizeAndRemainder() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  let dataset = try Dataset(root: small.root)
  let sweep = try #require(
    dataset.scene(named: "scene-9001").measurements.first { $0.sensor.modality == .lidar })
  try Data(repeating: 0, count: 87).write(to: URL(fileURLWithPath: "\(small.root)/\(sweep.file)"))
  #expect(
    errorLine { _ = try dataset.pointCloud(sweep) }
      == "\(small.root)/\(sweep.file): size: 87 bytes, a remainder of 7 "
      + "(expected a multiple of 20: 5 float32 columns a point (x, y, z, intensity, ring))")
}

@Test func randomDamageNeverCrashes() throws {
  let small = try SmallDataset()
  defer { small.remove() }
  var random = SystemRandomNumberGenerator()
  let seed = UInt64.random(in: 1 ... .max, using: &random)
  print("randomDamageNeverCrashes: seed \(seed)")
  var state = seed
  func next(_ n: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % UInt64(n))
  }
  let tables = ["sample_data", "sample_annotation", "calibrated_sensor", "scene", "ego_pose", "category"]
  for _ in 0..<300 {
    let table = tables[next(tables.count)]
    let whole = try small.bytes(table)
    var broken = whole
    for _ in 0...next(4) {
      let k = next(broken.count)
      switch next(3) {
      case 0: broken[k] = UInt8(next(256))
      case 1: broken.remove(at: k)
      default: broken.insert(Array("{}[],:\"\\019-eE.nu".utf8)[next(17)], at: k)
      }
    }
    try small.put(table, broken)
    if let dataset = try? Dataset(root: small.root), let scene = try? dataset.scene(named: "scene-9001") {
      for frame in scene.keyframes { _ = try? dataset.annotations(sample: frame.token) }
    }
    try small.put(table, whole)
  }
}
