import Files
import Foundation
import Geometry
import NeuralEngine
import Scenes

/// What a YAML file says of somebody else's network: its family, its files and what the family leaves open.
///
/// `Sources/Models/Networks/README.md` has the format.
public struct NetworkDescription: Sendable {
  /// How a family's files are run and read.
  public enum Family: String, Sendable, CaseIterable {
    /// Autoware's lidar_centerpoint: an encoder of pillars and a head.
    case autowareCenterPoint = "autoware-centerpoint"
    /// CUDA-PointPillars' one file, its scatter a custom node.
    case pointPillars = "pointpillars"
    /// mmdeploy's CenterPoint, scatter inside.
    case deployedCenterPoint = "mmdeploy-centerpoint"
    /// mmdeploy's PointPillars, scatter inside.
    case deployedPointPillars = "mmdeploy-pointpillars"

    /// ONNX files by key; `parameters` are apart.
    var files: [String] { self == .autowareCenterPoint ? ["encoder", "head"] : ["network"] }
  }

  /// The description's file.
  public let file: String
  /// How its files are run and read.
  public let family: Family
  /// SHA-256 of the description and all files that it names, for run.json.
  public let sha256: String
  /// The network's class names, and what nuScenes calls them; nil: they are left out after suppression.
  let classes: [String: DetectionClass?]
  /// Whether the network's coordinates are the LiDAR's, else the ego's.
  let isInLidarFrame: Bool
  /// Where the network's origin lies in that frame.
  let origin: SIMD3<Double>
  /// Factor of recorded intensities.
  let intensityScale: Double
  /// Whether yaws are the negated ones, a quarter turn on.
  let negatesYaw: Bool
  /// Paths of ONNX files by key.
  let networks: [String: String]
  /// Paths of the family's own parameter files.
  let parameterFiles: [String]
  private let path: String

  /// Reads and checks a description; the networks themselves are read by `DescribedNetwork`.
  /// - Throws: `ModelError` naming file, field, what was found and what was expected; `FileError`.
  public init(contentsOf path: String) throws {
    let fields = try DescriptionFields(file: path)
    self.path = path
    file = path
    _ = try fields.text("format", oneOf: ["apus-network-1"])
    let name = try fields.text("family", oneOf: Family.allCases.map(\.rawValue))
    guard let family = Family(rawValue: name) else { throw fields.error("family", name, "a known family") }
    self.family = family
    let isAutoware = family == .autowareCenterPoint
    try fields.allow(
      ["format", "family", "files", "classes", "frame", "origin", "intensity_scale"]
        + [isAutoware ? "yaw" : "parameters"])
    isInLidarFrame = try fields.text("frame", oneOf: ["ego", "lidar"]) == "lidar"
    let shift = fields.has("origin") ? try fields.numbers("origin", count: 3) : [0, 0, 0]
    origin = SIMD3(shift[0], shift[1], shift[2])
    intensityScale = fields.has("intensity_scale") ? try fields.number("intensity_scale") : 1
    negatesYaw = isAutoware && fields.has("yaw") && (try fields.text("yaw", oneOf: ["as-is", "negated"])) == "negated"
    let files = try fields.section("files")
    try files.allow(family.files + (isAutoware ? ["parameters"] : []))
    let folder = (path as NSString).deletingLastPathComponent
    func resolved(_ name: String) -> String {
      name.hasPrefix("/") || folder.isEmpty ? name : folder + "/" + name
    }
    var networks: [String: String] = [:]
    var digests = [SHA256.hexadecimal(try RegularFile.read(path))]
    for key in family.files {
      let file = resolved(try files.text(key))
      do { digests.append(SHA256.hexadecimal(try RegularFile.read(file))) } catch {
        throw files.error(key, "\(error)", "an ONNX file")
      }
      networks[key] = file
    }
    self.networks = networks
    parameterFiles = isAutoware ? try files.texts("parameters").map(resolved) : []
    for file in parameterFiles { digests.append(SHA256.hexadecimal(try RegularFile.read(file))) }
    sha256 = SHA256.hexadecimal(Array(digests.joined().utf8))
    classes = try Self.classes(try fields.section("classes"))
  }

  private static func classes(_ fields: DescriptionFields) throws -> [String: DetectionClass?] {
    var classes: [String: DetectionClass?] = [:]
    for key in fields.keys {
      guard let name = try fields.optionalText(key) else {
        classes[key] = .some(nil)
        continue
      }
      guard let known = DetectionClass(rawValue: name) else {
        throw fields.error(key, name, "null or one of \(DetectionClass.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      classes[key] = known
    }
    return classes
  }

  /// The `parameters` of a family without files for them.
  func parameters() throws -> DescriptionFields { try DescriptionFields(file: path).section("parameters") }

  /// The path of an ONNX file.
  func network(_ key: String) -> String { networks[key] ?? "" }

  /// What nuScenes calls each of the network's classes.
  /// - Throws: `ModelError` for a class that the description lacks or that the network does not have.
  func detectionClasses(_ names: [String]) throws -> [DetectionClass?] {
    for name in classes.keys.sorted() where !names.contains(name) {
      throw ModelError(
        file: file, field: "classes", found: "\(name), which the network does not have",
        expected: names.joined(separator: ", "))
    }
    return try names.map { name in
      guard let known = classes[name] else {
        throw ModelError(
          file: file, field: "classes", found: "nothing for the network's class \(name)",
          expected: "a detection name, or null to leave it out")
      }
      return known
    }
  }
}
