import Scenes

/// How something moves, as far as anchors and limits tell it apart.
public enum AgentKind: Int, Sendable, Hashable, Codable, CaseIterable {
  /// Motor vehicles other than the ego.
  case vehicle = 0
  /// People on foot and cyclists: slower, and free to turn.
  case vulnerable = 1
  /// The recording vehicle itself.
  case ego = 2

  /// The kind of a detection class; what is none of the ten counts as a vehicle.
  public init(_ name: DetectionClass?) {
    switch name {
    case .pedestrian, .bicycle: self = .vulnerable
    default: self = .vehicle
    }
  }
}
