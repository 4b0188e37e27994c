import Foundation
import Models
import Testing

/// Descriptions of other people's networks: what is wrong is named before anything runs.
@Suite struct NetworkDescriptionTests {
  private let text = """
    format: apus-network-1
    family: mmdeploy-centerpoint
    files: {network: net.onnx}
    classes: {car: car, van: null}
    frame: lidar
    """

  /// What reading a description says, or an empty text.
  private func complaint(_ text: String, withNetwork: Bool = true) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-net-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(at: folder) } catch {} }
    if withNetwork { try Data([1, 2, 3]).write(to: folder.appendingPathComponent("net.onnx")) }
    let file = folder.appendingPathComponent("NETWORK.yaml")
    try Data(text.utf8).write(to: file)
    do {
      let description = try NetworkDescription(contentsOf: file.path)
      #expect(description.family == .deployedCenterPoint && description.sha256.count == 64)
      return ""
    } catch { return "\(error)" }
  }

  @Test func wholeDescriptionIsRead() throws { #expect(try complaint(text) == "") }

  @Test func unknownKeysAreNamed() throws {
    let found = try complaint(text + "\ncolour: blue\n")
    #expect(found.contains("NETWORK.yaml: colour: an unknown key"))
    #expect(try complaint(text.replacingOccurrences(of: "net.onnx}", with: "net.onnx, head: x}")).contains("files.head"))
  }

  @Test func missingFilesAreNamedWithTheirKey() throws {
    let found = try complaint(text, withNetwork: false)
    #expect(found.contains("files.network") && found.contains("net.onnx"))
  }

  @Test func valuesAreChecked() throws {
    for (old, new, place) in [
      ("car: car", "car: lorry", "classes.car"), ("frame: lidar", "frame: camera", "frame"),
      ("network-1", "network-2", "format"), ("mmdeploy-centerpoint", "yolo", "family"),
      ("frame: lidar", "frame: lidar\norigin: [1, 2]", "origin"),
    ] {
      #expect(try complaint(text.replacingOccurrences(of: old, with: new)).contains("NETWORK.yaml: \(place): "))
    }
  }
}
