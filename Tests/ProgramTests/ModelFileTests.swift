import Foundation
import Testing

/// Rows F46 to F50 of the fault table: model files that are broken or do not fit, through replay and inspect.
@Suite(.serialized) struct ModelFileTests {
  /// Both commands must refuse the file in one line that names it and holds these words; a replay writes nothing.
  private static func refuse(
    _ bytes: Data, _ words: [String], folder: TemporaryFolder, drive: TestDrive,
    name: String = "broken.safetensors"
  ) throws {
    let path = folder.path(name)
    try bytes.write(to: URL(fileURLWithPath: path))
    let inspection = try Apus.run(["inspect", path])
    #expect(inspection.status == 1, "\(words): \(inspection.standardOutput.prefix(80))")
    #expect(inspection.standardError.split(separator: "\n").count == 1, "\(inspection.standardError)")
    let replay = try FaultTests.refusal(drive, ["--model", path])
    for line in [inspection.lastLine, replay] {
      #expect(line.hasPrefix("apus: \(path): "), "\(line)")
      for word in words { #expect(line.contains(word), "\(word): \(line)") }
    }
  }

  @Test func f46HeadersThatLie() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    let model = try OpenSafetensors(TinyModel.create(in: folder))
    let header = Data(try model.headerText().utf8)
    func file(_ length: UInt64) -> Data { OpenSafetensors.file(header, model.data, length: length) }
    func refuse(_ bytes: Data, _ words: String...) throws {
      try Self.refuse(bytes, words, folder: folder, drive: drive)
    }
    try refuse(file(0), "header")
    try refuse(file(.max), "HeaderTooLarge")
    try refuse(file(100_000_001), "HeaderTooLarge", "100000000")
    try refuse(file(99_999_999), "InvalidHeaderLength")
    try refuse(file(UInt64(header.count + model.data.count + 1)), "InvalidHeaderLength")
    try refuse(file(UInt64(header.count - 1)), "header")
    try refuse(Data(), "HeaderTooSmall")
    try refuse(Data([7, 0, 0]), "HeaderTooSmall")
    var broken = header
    let metadata = try #require(header.range(of: Data("apus-model-1".utf8)))
    broken[metadata.lowerBound] = 0xff
    try refuse(OpenSafetensors.file(broken, model.data), "header")
    try refuse(OpenSafetensors.file(Data("[]".utf8), Data()), "InvalidHeaderStart")
    let name = model.names[0]
    let entry = String(
      decoding: try JSONSerialization.data(withJSONObject: model.entry(name), options: [.sortedKeys]),
      as: UTF8.self)
    let twice = "{\"\(name)\":\(entry),\(try model.headerText().dropFirst())"
    try refuse(OpenSafetensors.file(Data(twice.utf8), model.data), "header", name)
  }

  @Test func f47OffsetsThatLie() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    let model = try OpenSafetensors(TinyModel.create(in: folder))
    // A tensor in the middle of the data, with some bytes of its own.
    let name = try #require(
      model.names.dropFirst(4).first { model.offsets($0)[1] - model.offsets($0)[0] >= 8 })
    let offsets = model.offsets(name)
    func refuse(_ value: [Any], _ words: String...) throws {
      var changed = model
      changed.set("data_offsets", of: name, to: value)
      try Self.refuse(changed.bytes(), words, folder: folder, drive: drive)
    }
    try refuse([offsets[0] - 4, offsets[1] - 4], name, "overlap")
    try refuse([offsets[1], offsets[0]], name, "in order")
    try refuse([-4, offsets[1]], "data_offsets")
    try refuse([offsets[0], offsets[1] + 4], "data_offsets")
    try refuse([Int.max - (offsets[1] - offsets[0]), Int.max], "data_offsets")
    try refuse([offsets[0]], "data_offsets")
    try refuse([0.5, 1], "data_offsets")
    var shape = model
    shape.set("shape", of: name, to: [1 << 40, 1 << 40])
    try Self.refuse(shape.bytes(), [name, "shape"], folder: folder, drive: drive)
    // A hole: all that follows lies four bytes later.
    var hole = model
    for later in model.names.dropFirst(5) {
      hole.set("data_offsets", of: later, to: model.offsets(later).map { $0 + 4 })
    }
    hole.data += Data(count: 4)
    try Self.refuse(hole.bytes(), [model.names[5], "hole"], folder: folder, drive: drive)
    var longer = model
    longer.data += Data(count: 3)
    try Self.refuse(longer.bytes(), ["3 bytes that no tensor has"], folder: folder, drive: drive)
    var shorter = model
    shorter.data.removeLast(4)
    try Self.refuse(shorter.bytes(), ["data_offsets"], folder: folder, drive: drive)
  }

  /// All that does not fit is listed in the one line.
  @Test func f48WeightsThatDoNotFitAreAllListed() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    var model = try OpenSafetensors(TinyModel.create(in: folder))
    let named = model.names.filter { (model.entry($0)["shape"] as? [Int] ?? []).count == 4 }
    let (shape, type, renamed) = (named[0], named[1], named[2])
    let extents = try #require(model.entry(shape)["shape"] as? [Int])
    model.set("shape", of: shape, to: [extents.reduce(1, *)])
    model.set("dtype", of: type, to: "I32")
    model.header["something.else"] = model.header.removeValue(forKey: renamed)
    try Self.refuse(
      model.bytes(), [shape, type, "\(renamed): missing", "something.else: not in the network"],
      folder: folder,
      drive: drive)
    // Of another network's configuration nothing is loaded either.
    var other = try OpenSafetensors(TinyModel.create(in: folder, [("stem: 4", "stem: 8")], name: "wide"))
    other.header["__metadata__"] = try OpenSafetensors(TinyModel.create(in: folder)).header["__metadata__"]
    try Self.refuse(other.bytes(), ["image.stem.convolution.weight"], folder: folder, drive: drive)
  }

  @Test func metadataThatDescribeNoNetwork() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    let model = try OpenSafetensors(TinyModel.create(in: folder))
    func refuse(_ key: String, _ value: String?, _ words: String...) throws {
      var changed = model
      var metadata = try #require(changed.header["__metadata__"] as? [String: String])
      metadata[key] = value
      changed.header["__metadata__"] = metadata
      try Self.refuse(changed.bytes(), ["__metadata__.\(key)"] + words, folder: folder, drive: drive)
    }
    for text in ["{", "[]", "7", "{\"perception\": {\"camera\": {\"height\": 1e99}}}"] {
      try refuse("configuration", text)
    }
    try refuse("configuration", nil, "none")
    try refuse("configuration", "{\"nam\": \"x\"}", "did you mean name?")
    try refuse("configuration", "{\"trajectories\": {\"modes\": 0}}", "trajectories.modes", "1 to 256")
    try refuse("classes", "[\"car\"]", "car")
    try refuse("scales", "{}")
    // A safetensors file that is no model: inspect lists its arrays, replay wants a model.
    var arrays = model
    arrays.header["__metadata__"] = ["format": "pt"]
    try arrays.bytes().write(to: URL(fileURLWithPath: folder.path("arrays.safetensors")))
    #expect(try Apus.run(["inspect", folder.path("arrays.safetensors")]).status == 0)
    let line = try FaultTests.refusal(drive, ["--model", folder.path("arrays.safetensors")])
    #expect(line.contains("__metadata__.format: pt (expected apus-model-1)"), "\(line)")
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func f49WeightsThatAreNoNumbers(value: Float) throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    var model = try OpenSafetensors(TinyModel.create(in: folder))
    let name = try #require(model.names.first { $0.hasPrefix("heads.") && $0.hasSuffix("weight") })
    let place = model.offsets(name)[0] + 8
    withUnsafeBytes(of: value) { model.data.replaceSubrange(place..<(place + 4), with: $0) }
    try Self.refuse(model.bytes(), [name, "element 2", "finite"], folder: folder, drive: drive)
  }

  @Test func f50PicklesAreNeverExecuted() throws {
    let folder = try TemporaryFolder(), drive = try TestDrive(keyframes: 2)
    for name in ["weights.pth", "weights.safetensors"] {
      for version in 2...5 as ClosedRange<UInt8> {
        try Self.refuse(
          Data([0x80, version]) + Data("}q\u{0}(X\u{5}\u{0}\u{0}\u{0}layerq\u{1}u.".utf8),
          ["pickle is never executed", "convert with"], folder: folder, drive: drive, name: name)
      }
      try Self.refuse(
        Data([0x50, 0x4b, 0x03, 0x04]) + Data("\u{0}\u{0}archive/data.pkl".utf8),
        ["pickle is never executed", "convert with"], folder: folder, drive: drive, name: name)
    }
  }

  @Test func aFileThatIsNotThereOrAFolder() throws {
    let drive = try TestDrive(keyframes: 2), folder = try TemporaryFolder()
    #expect(
      try FaultTests.refusal(drive, ["--model", folder.path("none.safetensors")]).contains("none.safetensors")
    )
    #expect(try FaultTests.refusal(drive, ["--model", folder.url.path]).contains("folder"))
  }
}
