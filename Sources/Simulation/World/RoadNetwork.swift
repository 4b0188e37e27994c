import Geometry

/// A seeded map: roads between junctions, their lanes, and what joins them.
public struct RoadNetwork: Sendable {
  /// 1 where traffic keeps right, -1 where it keeps left.
  public var handedness: Double
  /// Width of a lane in metres.
  public var laneWidth: Double
  /// The roads.
  public var roads: [Road]
  /// Where roads meet.
  public var junctions: [Junction]
  /// Lanes of roads, and connectors through junctions.
  public var lanes: [Lane]
  /// Where people cross.
  public var crossings: [Crossing]
  /// Car parks.
  public var carParks: [CarPark]
}

/// A road between two junctions along a reference line (the border between its directions).
public struct Road: Sendable {
  /// The reference line, from junction `from` to junction `to`.
  public var path: ArcPath
  /// Places in `junctions`.
  public var from: Int, to: Int
  /// The arms of those junctions (0 to 3).
  public var fromArm: Int, toArm: Int
  /// Lanes along the path and against it.
  public var lanesForward: Int, lanesBackward: Int
  /// Metres between the directions.
  public var medianWidth: Double
  /// Metres of parking at the kerb, along the path's side and the other (0: none).
  public var parkingForward: Double, parkingBackward: Double
  /// Metres of sidewalk on both sides.
  public var sidewalkWidth: Double
  /// Metres a second.
  public var speedLimit: Double
  /// Lanes in `lanes`, innermost first.
  public var forwardLanes: [Int] = [], backwardLanes: [Int] = []

  /// Metres from the reference line to the kerb, on the side of the forward lanes and on the other.
  public func halfWidth(forward: Bool, laneWidth: Double) -> Double {
    let lanes = Double(forward ? lanesForward : lanesBackward)
    let gutter = lanes == 0 ? 0.5 : 0.3
    return medianWidth / 2 + lanes * laneWidth + (forward ? parkingForward : parkingBackward) + gutter
  }
}

/// A place where up to four roads meet, an arm a quarter turn from the next.
public struct Junction: Sendable {
  /// The middle; the heading is arm 0's direction.
  public var pose: PlanarPose
  /// The road of each arm.
  public var arms: [Int?]
  /// Metres from the middle to where each arm's road begins.
  public var radii: [Double]
  /// Whether signals rule it; otherwise whoever came first.
  public var hasSignals: Bool
  /// Seconds by which the signals' cycle is shifted.
  public var signalOffset: Double
  /// Connectors in `lanes`.
  public var connectors: [Int] = []

  /// The number of arms with roads.
  public var degree: Int { arms.reduce(0) { $0 + ($1 == nil ? 0 : 1) } }
}

/// How a connector goes through its junction.
public enum Turn: String, Sendable, Hashable, Codable {
  /// Straight on.
  case straight
  /// Towards the near kerb (right where traffic keeps right).
  case near
  /// Across the oncoming lanes.
  case far
}

/// A lane of a road, or a connector through a junction, in the direction of travel.
public struct Lane: Sendable {
  /// The centre line.
  public var path: ArcPath
  /// The road, for a lane.
  public var road: Int?
  /// Whether a road's lane runs along its path.
  public var isForward = true
  /// Place among its direction's lanes, 0 at the road's middle.
  public var place = 0
  /// The junction, for a connector.
  public var junction: Int?
  /// How a connector turns.
  public var turn: Turn = .straight
  /// Lanes from which one comes, and to which one goes on.
  public var incoming: [Int] = [], outgoing: [Int] = []
  /// For a connector: those that it must not be driven together with.
  public var conflicts: [Int] = []
  /// Metres a second.
  public var speedLimit: Double
  /// Where a vehicle's front waits before the junction, in metres along; the length where there is no stop line.
  public var stopAt: Double
  /// Crossings that the lane passes, with where along.
  public var crossings: [(crossing: Int, from: Double, to: Double)] = []
}

/// Where people cross a road, near a junction.
public struct Crossing: Sendable {
  /// The road.
  public var road: Int
  /// Metres along the road's path: from and to.
  public var from: Double, to: Double
  /// Whether it lies at the road's start.
  public var isAtStart: Bool
  /// The band from kerb to kerb.
  public var area: Polygon
}

/// A car park beside a road: a rectangle with bays.
public struct CarPark: Sendable {
  /// The pose of its middle.
  public var pose: PlanarPose
  /// Metres along its x and y.
  public var length: Double, width: Double
  /// Bays: the middle, facing in; 2.5 m wide and 5 m long.
  public var bays: [PlanarPose]
  /// The way from the road.
  public var driveway: Polygon

  /// The outline.
  public var outline: Polygon {
    let l = length / 2
    let w = width / 2
    return Polygon(
      [(l, w), (-l, w), (-l, -w), (l, -w)].map { pose.point(ahead: $0.0, aside: $0.1) })
  }
}
