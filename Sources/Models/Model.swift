import Files
import Foundation
import LiftSplat
import NeuralEngine
import Perception
import Scenes
import TrajectoryRefiner

/// A network with all that running it takes: configuration, weights and int8 scales; one safetensors file.
public struct Model: Sendable {
  /// What a network is built from; a YAML file of `configurations/` or a model file's metadata.
  public struct Configuration: Codable, Hashable, Sendable {
    /// For people, and for run.json.
    public var name: String
    /// Cameras and LiDAR to the bird's-eye view and its heads.
    public var perception: NetworkConfiguration
    /// Trajectories of agents and ego; nil: they are physics, as the classical way has them.
    public var trajectories: RefinerConfiguration?

    enum CodingKeys: String, CodingKey, CaseIterable { case name, perception, trajectories }

    /// Reads a configuration: without `perception` it is the default network, without `trajectories` physics.
    /// - Throws: `DecodingError`, for an unknown key too, and what the parts throw.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      self.init(
        name: try section.value(.name) ?? "network", perception: try section.value(.perception) ?? .init(),
        trajectories: try section.value(.trajectories))
    }

    /// The configuration of these parts.
    public init(name: String, perception: NetworkConfiguration, trajectories: RefinerConfiguration?) {
      self.name = name
      self.perception = perception
      self.trajectories = trajectories
    }
  }

  /// int8 scales of the two graphs a frame runs through, by tensor name.
  public struct Scales: Codable, Equatable, Sendable {
    /// Of the image branch.
    public var image: [String: TensorScale]
    /// Of everything after it.
    public var frame: [String: TensorScale]

    /// The scales of both graphs.
    public init(image: [String: TensorScale], frame: [String: TensorScale]) {
      self.image = image
      self.frame = frame
    }
  }

  /// The file, for errors.
  public let file: String
  /// What it is built from.
  public let configuration: Configuration
  /// The graphs of perception.
  public let network: PerceptionNetwork
  /// The graphs of trajectories, where there are any.
  public let refiner: RefinerNetwork?
  /// Scales for `--precision int8`; nil where the model was not quantised.
  public var scales: Scales?
  /// The file's SHA-256; nil for a model that is not from a file.
  public private(set) var sha256: String?
  /// All weights by name, as a graph without operators.
  private var weights: Graph

  /// A model with first values that depend on the configuration and the seed alone.
  ///
  /// - Throws: what the parts throw for a configuration they cannot be built from, and `ModelError` where the parts do
  ///   not fit each other.
  public init(_ configuration: Configuration, seed: UInt64, file: String = "model") throws {
    self.configuration = configuration
    self.file = file
    do { network = try PerceptionNetwork(configuration.perception, file: file) } catch let error
      as NetworkError
    {
      throw ModelError(error, file: file) ?? error
    }
    refiner = configuration.trajectories.map { RefinerNetwork($0) }
    try Self.check(configuration, file: file)
    weights = Graph(name: file, seed: seed)
    var graphs = [try network.graph(seed: seed)]
    if let trajectories = configuration.trajectories {
      graphs.append(try TrajectoryRefiner.graph(trajectories, seed: seed))
    }
    for graph in graphs {
      for id in graph.weights where weights.tensor(named: graph[id].name) == nil {
        if let value = graph.value(id) { _ = weights.addWeight(graph[id].name, value) }
      }
    }
  }

  private static func check(_ configuration: Configuration, file: String) throws {
    guard let trajectories = configuration.trajectories else { return }
    let hasHead = configuration.perception.heads.contains(.trajectories)
    let given = hasHead ? configuration.perception.trajectories.channels : 0
    guard trajectories.bevChannels == 0 || trajectories.bevChannels == given else {
      throw ModelError(
        file: file, field: "trajectories.bevChannels", found: "\(trajectories.bevChannels)",
        expected: hasHead
          ? "\(given), as perception.trajectories.channels, or 0"
          : "0, as perception has no head of trajectories")
    }
  }

  /// All weights by name.
  package var weightValues: [String: TensorValue] {
    Dictionary(
      weights.weights.compactMap { id in weights.value(id).map { (weights[id].name, $0) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// Number of learned values.
  public var parameterCount: Int { weights.parameterCount }

  /// A graph of this model's parts with this model's weights.
  public func withWeights(_ graph: Graph) throws -> Graph {
    var graph = graph
    try graph.takeWeights(from: weights)
    return graph
  }
}

/// A model file, or a model's configuration, that does not hold what it should.
public struct ModelError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file.
  public var file: String
  /// The field.
  public var field: String
  /// What was found there.
  public var found: String
  /// What would have been right.
  public var expected: String

  /// An error in `field` of `file`.
  public init(file: String, field: String, found: String, expected: String) {
    self.file = file
    self.field = field
    self.found = found
    self.expected = expected
  }

  /// The fault of a decoder in `file`, with the path to the value.
  ///
  /// - Parameter error: a `DecodingError`, or what a part's own checks have thrown; nil for any other error.
  public init?(_ error: any Error, file: String) {
    switch error {
    case let error as DecodingError: self.init(decoding: error, file: file)
    case let error as RefinerError:
      self.init(
        file: file, field: "trajectories.\(error.field)", found: error.found, expected: error.expected)
    case let error as LiftSplatError:
      self.init(
        file: file, field: "perception.camera.depth.\(error.field)", found: error.found,
        expected: error.expected)
    case let error as NetworkError:
      self.init(
        file: error.file, field: "perception.\(error.field)", found: error.found, expected: error.expected)
    default: return nil
    }
  }

  /// What decoders call what they want, in words; all else is a mapping.
  private static let words = [
    "Int": "an integer", "Double": "a number", "Float": "a number", "Bool": "true or false", "String": "text",
    "Scalar": "text", "Sequence": "a list", "Array<Any>": "a list",
  ]

  private init(decoding error: DecodingError, file: String) {
    let context: DecodingError.Context
    var key: (any CodingKey)?
    var found: String?, expected = "YAML that describes a network"
    switch error {
    case .typeMismatch(let type, let c), .valueNotFound(let type, let c):
      context = c
      found = "a value of another type"
      expected = Self.words["\(type)"] ?? "a mapping"
    case .keyNotFound(let absent, let c):
      (context, key) = (c, absent)
      (found, expected) = ("nothing", "a value: all of this section is given or none")
    case .dataCorrupted(let c):
      context = c
      if !c.codingPath.isEmpty { expected = "what configurations/default.yaml has there" }
    @unknown default: context = .init(codingPath: [], debugDescription: "\(error)")
    }
    // A part's own checks say more than the decoder does.
    if let inner = context.underlyingError, let fault = ModelError(inner, file: file) {
      self = fault
      return
    }
    let words = found ?? context.underlyingError.map { "\($0)" } ?? context.debugDescription
    let path = context.codingPath + [key].compactMap { $0 }
    let place = path.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }.joined(separator: ".")
    self.init(
      file: file, field: place.isEmpty ? "configuration" : place,
      found: words.split(whereSeparator: \.isWhitespace).joined(separator: " "), expected: expected)
  }

  /// `<file>: <field>: <found> (expected <expected>)`.
  public var description: String { "\(file): \(field): \(found) (expected \(expected))" }
}

// MARK: Files

extension Model {
  /// The first metadata value of a model file.
  static let format = "apus-model-1"

  /// Whether a safetensors file says that it is a model.
  public static func isModel(_ file: SafetensorsFile) -> Bool { file.metadata("format") == format }

  /// Reads a model file.
  ///
  /// - Throws: `ArrayFileError` for a broken file or one that is not safetensors, `ModelError` for metadata that do not
  ///   describe a network, `EngineError` listing every weight that is missing, unexpected or of another shape.
  public init(contentsOf path: String) throws {
    let bytes = try RegularFile.read(path)
    let file = try SafetensorsFile(bytes, name: path)
    func field(_ key: String) throws -> String {
      guard let text = file.metadata(key) else {
        throw ModelError(
          file: path, field: "__metadata__.\(key)", found: "none", expected: "a model that apus has written")
      }
      return text
    }
    let format = try field("format")
    guard format == Self.format else {
      throw ModelError(
        file: path, field: "__metadata__.format", found: format, expected: Self.format)
    }
    let configuration: Configuration = try Self.decode(try field("configuration"), "configuration", path)
    let classes: [String] = try Self.decode(try field("classes"), "classes", path)
    let known = DetectionClass.allCases.map(\.rawValue)
    guard classes == known else {
      throw ModelError(
        file: path, field: "__metadata__.classes", found: classes.joined(separator: ", "),
        expected: known.joined(separator: ", "))
    }
    try self.init(configuration, seed: 0, file: path)
    try weights.loadWeights(file)
    if let text = file.metadata("scales") { scales = try Self.decode(text, "scales", path) }
    sha256 = SHA256.hexadecimal(bytes)
  }

  private static func decode<Value: Decodable>(_ text: String, _ key: String, _ file: String) throws -> Value
  {
    do { return try JSONDecoder().decode(Value.self, from: Data(text.utf8)) } catch {
      guard var fault = ModelError(error, file: file) else { throw error }
      fault.field = "__metadata__.\(key): \(fault.field)"
      throw fault
    }
  }

  /// Writes the model, whole or not at all: weights, and in the metadata what the network is, its classes and grid, and
  /// its int8 scales. The same model gives the same bytes.
  /// - Throws: `FileError`.
  public func write(_ path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    func text<Value: Encodable>(_ value: Value) throws -> String {
      String(decoding: try encoder.encode(value), as: UTF8.self)
    }
    var metadata = [
      (key: "format", value: Self.format), (key: "configuration", value: try text(configuration)),
      (key: "classes", value: try text(DetectionClass.allCases.map(\.rawValue))),
      (key: "grid", value: try text(configuration.perception.resultGrid)),
    ]
    if let scales { metadata.append((key: "scales", value: try text(scales))) }
    try weights.saveWeights(path, metadata: metadata)
  }
}
