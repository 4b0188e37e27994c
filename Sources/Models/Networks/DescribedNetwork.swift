import Geometry
import NeuralEngine
import PointClouds
import Scenes

/// What a family does with pillars of points.
protocol PillarNetwork {
  var lattice: PillarLattice { get }
  /// The network's own names of its classes.
  var classNames: [String] { get }
  /// Sweeps before the keyframe's that it sees.
  var earlierSweeps: Int { get }
  /// Points of those that are nearer to their sensor than this along x and y are left out, in metres.
  var closeLimit: Double { get }
  var givesVelocity: Bool { get }
  /// Runs the network and decodes its boxes, in its own frame, by falling score.
  func boxes(_ pillars: NetworkPillars) throws -> [NetworkBox]
}

/// Somebody else's network at work: from sweeps to detections.
public final class DescribedNetwork {
  /// What it was made from.
  public let description: NetworkDescription
  private let network: any PillarNetwork
  private let classes: [DetectionClass?]

  /// Reads the networks and their parameters, and checks that they fit each other.
  /// - Throws: `ModelError`, `EngineError`, `FileError`.
  public init(_ description: NetworkDescription, threads: Int) throws {
    self.description = description
    let options = Plan.Options(threads: threads)
    switch description.family {
    case .autowareCenterPoint: network = try AutowareCenterPoint(description, options)
    case .pointPillars, .deployedPointPillars: network = try AnchoredPillars(description, options)
    case .deployedCenterPoint: network = try DeployedCenterPoint(description, options)
    }
    classes = try description.detectionClasses(network.classNames)
  }

  /// Sweeps before the keyframe's that it sees.
  public var earlierSweeps: Int { network.earlierSweeps }
  /// Whether it tells how fast things move.
  public var givesVelocity: Bool { network.givesVelocity }

  /// Detections of a frame, by falling score, in the global frame.
  ///
  /// - Parameter sweeps: the keyframe's own first, then earlier ones, the newest first.
  public func perceive(_ sweeps: [Sweep]) throws -> [Detection] {
    guard let newest = sweeps.first else { return [] }
    let globalFromEgo = newest.globalFromEgo
    let frame = description.isInLidarFrame ? globalFromEgo * newest.egoFromSensor : globalFromEgo
    let globalFromNetwork = frame * RigidTransform(rotation: .identity, translation: description.origin)
    let cloud = NetworkCloud(
      sweeps, networkFromGlobal: globalFromNetwork.inverse, timestampMicroseconds: newest.timestampMicroseconds,
      intensityScale: description.intensityScale, closeLimit: network.closeLimit)
    let pillars = NetworkPillars(cloud, network.lattice)
    guard pillars.count > 0 else { return [] }
    return try network.boxes(pillars).compactMap { box in
      guard let name = classes[box.label] else { return nil }
      let own = box.box()
      let velocity = globalFromNetwork.rotation.rotate(SIMD3(box.velocity.x, box.velocity.y, 0))
      return Detection(
        name: name,
        box: Box3D(
          center: globalFromNetwork * own.center, size: own.size,
          rotation: globalFromNetwork.rotation * own.rotation),
        velocity: SIMD2(velocity.x, velocity.y), score: box.score)
    }
  }
}

/// A float output `[1, channel, row, column]` (or with channels last) of a network.
struct OutputMap {
  let channels: Int, rows: Int, columns: Int
  private let values: [Float]
  private let channelsLast: Bool

  init(_ value: TensorValue, channelsLast: Bool = false) throws {
    guard let floats = value.floats, value.shape.count == 4, value.shape[0] == 1 else {
      throw EngineError(field: "output", found: "\(value.type)", expected: "one map of floats")
    }
    let shape = value.shape
    values = floats
    self.channelsLast = channelsLast
    (channels, rows, columns) = channelsLast ? (shape[3], shape[1], shape[2]) : (shape[1], shape[2], shape[3])
  }

  func at(_ channel: Int, _ row: Int, _ column: Int) -> Float {
    channelsLast
      ? values[(row * columns + column) * channels + channel] : values[(channel * rows + row) * columns + column]
  }
}

/// Shapes of a network's outputs for shapes of its inputs.
func outputShapes(_ path: String, _ shapes: [String: [Int]]) throws -> [[Int]] {
  let network = try ONNXNetwork(path: path, shapes: shapes)
  return network.graph.outputs.map { network.graph.shape($0) }
}

/// Throws unless a network's output has as many channels as its parameters say.
func expectChannels(_ shape: [Int], axis: Int, _ count: Int, _ what: String, file: String) throws {
  guard shape.count == 4, shape[axis] == count else {
    throw ModelError(
      file: file, field: what, found: "a shape of \(shape)", expected: "\(count) at axis \(axis), as the parameters say")
  }
}
