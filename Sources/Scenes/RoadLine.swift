import Geometry

/// A point of a road's or lane's line with what is known of the way there.
public struct RoadPoint: Sendable, Hashable {
  /// In the global frame, in metres; z is 0 where the height is not known.
  public var position: SIMD3<Double>
  /// 1/m, positive to the left.
  public var curvature: Double
  /// Radians from x, counter-clockwise.
  public var heading: Double
  /// Rise over run ahead.
  public var slope: Double

  /// The point with these values.
  public init(position: SIMD3<Double>, curvature: Double = 0, heading: Double = 0, slope: Double = 0) {
    self.position = position
    self.curvature = curvature
    self.heading = heading
    self.slope = slope
  }
}

/// A line of a map in the order of its points: a road's centre line as navigation knows it, or a lane's border.
public struct RoadLine: Sendable, Hashable {
  /// What a line is.
  public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
    case laneDivider = "lane_divider", roadDivider = "road_divider"
    /// The border of a lane.
    case lane
    /// The centre line of a lane.
    case laneCenter = "lane_center"
    case pedestrianCrossing = "ped_crossing", stopLine = "stop_line"
    /// Roads between junctions (SD map).
    case twoWay = "two_way", oneWay = "one_way"
    /// Ways through junctions (SD map): a near turn crosses no oncoming traffic.
    case straight, nearTurn = "near_turn", farTurn = "far_turn"
    /// The way that the ego is to take.
    case route

    /// Whether the line is a road of an SD map.
    public var isRoad: Bool {
      switch self {
      case .twoWay, .oneWay, .straight, .nearTurn, .farTurn: true
      default: false
      }
    }
  }

  /// What it is.
  public var kind: Kind
  /// Metres a second, where it is known.
  public var speedLimit: Double?
  /// The points, at least two.
  public var points: [RoadPoint]

  /// The line with these points.
  public init(kind: Kind, speedLimit: Double? = nil, points: [RoadPoint]) {
    self.kind = kind
    self.speedLimit = speedLimit
    self.points = points
  }
}
