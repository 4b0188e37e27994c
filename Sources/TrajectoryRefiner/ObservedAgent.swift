import Foundation
import Geometry
import Scenes

/// An agent as it is seen at one moment, on the plane of the global frame.
public struct ObservedAgent: Sendable, Hashable {
  /// The identity, the same through the scene.
  public var id: String
  /// How it moves.
  public var kind: AgentKind
  /// What it is; nil for the ego and what is none of the ten classes.
  public var name: DetectionClass?
  /// In metres.
  public var position: SIMD2<Double>
  /// In radians.
  public var heading: Double
  /// Width, length and height in metres.
  public var size: SIMD3<Double>

  /// The agent with these properties.
  public init(
    id: String, kind: AgentKind, name: DetectionClass?, position: SIMD2<Double>, heading: Double,
    size: SIMD3<Double>
  ) {
    self.id = id
    self.kind = kind
    self.name = name
    self.position = position
    self.heading = heading
    self.size = size
  }

  /// A track.
  public init(_ track: Track) {
    let detection = track.detection
    self.init(
      id: track.id, kind: AgentKind(detection.name), name: detection.name,
      position: detection.box.center.xy, heading: detection.box.yaw, size: detection.box.size)
  }

  /// An annotated vehicle, person or animal; nil for what does not move by itself.
  public init?(_ annotation: Annotation) {
    guard AnnotationCategory.movesByItself(annotation.category) else { return nil }
    let name = DetectionClass(category: annotation.category)
    let walks = !annotation.isVehicle
    self.init(
      id: annotation.instanceToken, kind: walks ? .vulnerable : AgentKind(name), name: name,
      position: annotation.box.center.xy, heading: annotation.box.yaw, size: annotation.box.size)
  }

  /// The recording vehicle: its rear axle is its place, and its size that of nuScenes' (1.73 x 4.08 x 1.56 m).
  public static func ego(
    _ globalFromEgo: RigidTransform, size: SIMD3<Double> = SIMD3(1.73, 4.08, 1.56)
  ) -> ObservedAgent {
    ObservedAgent(
      id: "ego", kind: .ego, name: nil, position: globalFromEgo.translation.xy,
      heading: globalFromEgo.rotation.yaw, size: size)
  }
}

extension AgentHistories {
  /// Notes where agents are now. A second sample of a moment, or an earlier one, is left out.
  public mutating func observe(_ agents: [ObservedAgent], at timestampMicroseconds: Int64) {
    observe(agents.map { ($0.id, $0.position, $0.heading) }, at: timestampMicroseconds)
  }
}
