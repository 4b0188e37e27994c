/// What annotations say, in nuScenes' words: the one place that knows its categories, attributes and map layers.
public enum AnnotationCategory {
  /// Whether a category is of vehicles: `vehicle.*`, bicycles among them.
  public static func isVehicle(_ category: String) -> Bool { category.hasPrefix("vehicle.") }

  /// Whether a category is of people: `human.*`.
  public static func isPerson(_ category: String) -> Bool { category.hasPrefix("human.") }

  /// Whether things of a category move by themselves: vehicles, people and animals.
  public static func movesByItself(_ category: String) -> Bool {
    isVehicle(category) || isPerson(category) || category.hasPrefix("animal")
  }
}

extension Annotation {
  /// Whether the object is a vehicle, bicycles among them.
  public var isVehicle: Bool { AnnotationCategory.isVehicle(category) }

  /// Whether the prediction challenge asks for a forecast: a vehicle that was annotated in the keyframe before.
  public var isForecast: Bool { isVehicle && previousToken != nil }
}

/// The eight attributes of nuScenes.
public enum BoxAttribute: String, Sendable, Hashable, CaseIterable {
  case pedestrianMoving = "pedestrian.moving"
  case pedestrianSittingLyingDown = "pedestrian.sitting_lying_down"
  case pedestrianStanding = "pedestrian.standing"
  case cycleWithRider = "cycle.with_rider"
  case cycleWithoutRider = "cycle.without_rider"
  case vehicleMoving = "vehicle.moving"
  case vehicleParked = "vehicle.parked"
  case vehicleStopped = "vehicle.stopped"
}

/// The nuScenes attribute that a class has at a speed, or empty where the class has none.
/// - Parameter speed: in m/s; below half a metre a second an object stands.
public func attributeName(for name: DetectionClass, speed: Double) -> String {
  attribute(of: name, speed: speed)?.rawValue ?? ""
}

private func attribute(of name: DetectionClass, speed: Double) -> BoxAttribute? {
  let moves = speed >= 0.5
  switch name {
  case .car, .truck, .bus, .trailer, .constructionVehicle: return moves ? .vehicleMoving : .vehicleParked
  case .pedestrian: return moves ? .pedestrianMoving : .pedestrianStanding
  case .motorcycle, .bicycle: return moves ? .cycleWithRider : .cycleWithoutRider
  case .trafficCone, .barrier: return nil
  }
}

extension Scene {
  /// The LiDAR whose pose and time stand for a keyframe: `LIDAR_TOP`, else the first by name; nil without a LiDAR.
  public var referenceLidar: String? {
    let channels = Set(measurements.lazy.filter { $0.sensor.modality == .lidar }.map(\.sensor.channel))
    return channels.contains(Self.usualLidar) ? Self.usualLidar : channels.min()
  }

  /// nuScenes' name of its one LiDAR.
  public static let usualLidar = "LIDAR_TOP"
}

/// A layer of the map, named as in nuScenes.
public enum MapLayerName: String, Codable, Hashable, Sendable, CaseIterable {
  case drivableArea = "drivable_area", laneDivider = "lane_divider", roadDivider = "road_divider"
  case crossing = "ped_crossing", walkway

  /// Whether the layer is of lines, which are traced as polylines.
  public var isLine: Bool { self == .laneDivider || self == .roadDivider }
}
