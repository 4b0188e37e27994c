/// The ten classes of the nuScenes detection challenge, in the devkit's order.
public enum DetectionClass: String, Sendable, Hashable, Codable, CaseIterable {
  case car, truck, bus, trailer, constructionVehicle = "construction_vehicle", pedestrian, motorcycle, bicycle
  case trafficCone = "traffic_cone", barrier

  /// The class of an annotation's category, or nil for a category that detection does not score.
  /// - Source: nuscenes-devkit, `eval/detection/utils.py`, `category_to_detection_name`.
  public init?(category: String) {
    switch category {
    case "vehicle.car": self = .car
    case "vehicle.truck": self = .truck
    case "vehicle.bus.bendy", "vehicle.bus.rigid": self = .bus
    case "vehicle.trailer": self = .trailer
    case "vehicle.construction": self = .constructionVehicle
    case "human.pedestrian.adult", "human.pedestrian.child", "human.pedestrian.construction_worker",
      "human.pedestrian.police_officer":
      self = .pedestrian
    case "vehicle.motorcycle": self = .motorcycle
    case "vehicle.bicycle": self = .bicycle
    case "movable_object.trafficcone": self = .trafficCone
    case "movable_object.barrier": self = .barrier
    default: return nil
    }
  }

  /// Whether the class is one of the seven of the tracking challenge (no cones, barriers or construction vehicles).
  public var isTracked: Bool { self != .trafficCone && self != .barrier && self != .constructionVehicle }
}

/// What kind of sensor a channel is.
public enum Modality: String, Sendable, Hashable, Codable {
  case camera, lidar, radar
}
