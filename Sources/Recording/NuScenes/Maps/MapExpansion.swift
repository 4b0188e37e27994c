import Geometry
import Scenes

/// A location's map as nuScenes' map expansion 1.3 has it, with geometry in place of node tokens. Global frame, metres.
///
/// - Source: nuscenes-devkit 1.2.0, docs/tutorial of the map expansion and `map_expansion/map_api.py`.
public struct MapExpansion: Sendable, Equatable {
  /// One area of a layer with what the layer says of it.
  public struct AreaRecord: Sendable, Equatable {
    /// The record's token.
    public var token: String
    /// The outline and its holes; `drivable_area` alone may have several.
    public var areas: [MapLayer.Area]

    /// The record with these areas.
    public init(token: String, areas: [MapLayer.Area]) {
      self.token = token
      self.areas = areas
    }
  }

  /// A stretch of road, or an intersection.
  public struct RoadSegment: Sendable, Equatable {
    /// The token and area.
    public var record: AreaRecord
    /// Whether it is an intersection.
    public var isIntersection: Bool
    /// The drivable area it lies in, or empty.
    public var drivableAreaToken: String

    /// The segment with these properties.
    public init(record: AreaRecord, isIntersection: Bool, drivableAreaToken: String = "") {
      self.record = record
      self.isIntersection = isIntersection
      self.drivableAreaToken = drivableAreaToken
    }
  }

  /// Lanes of one direction in a road segment.
  public struct RoadBlock: Sendable, Equatable {
    /// The token and area.
    public var record: AreaRecord
    /// Where traffic comes in and goes out: lines, or empty.
    public var fromEdge: [SIMD2<Double>], toEdge: [SIMD2<Double>]
    /// The road segment it lies in, or empty.
    public var roadSegmentToken: String

    /// The block with these properties.
    public init(
      record: AreaRecord, fromEdge: [SIMD2<Double>] = [], toEdge: [SIMD2<Double>] = [],
      roadSegmentToken: String = ""
    ) {
      self.record = record
      self.fromEdge = fromEdge
      self.toEdge = toEdge
      self.roadSegmentToken = roadSegmentToken
    }
  }

  /// A point of a lane's divider and the marking that begins there.
  public struct DividerPoint: Sendable, Equatable {
    /// The place.
    public var position: SIMD2<Double>
    /// The marking: `SINGLE_SOLID_WHITE`, `DOUBLE_DASHED_WHITE`, `NIL`, ...
    public var type: String

    /// The point with this marking.
    public init(position: SIMD2<Double>, type: String) {
      self.position = position
      self.type = type
    }
  }

  /// A lane.
  public struct Lane: Sendable, Equatable {
    /// The token and area.
    public var record: AreaRecord
    /// `CAR` or `BIKE`.
    public var type: String
    /// Where traffic comes in and goes out: lines, or empty.
    public var fromEdge: [SIMD2<Double>], toEdge: [SIMD2<Double>]
    /// The markings on either side in the direction of travel.
    public var leftDivider: [DividerPoint], rightDivider: [DividerPoint]

    /// The lane with these properties.
    public init(
      record: AreaRecord, type: String = "CAR", fromEdge: [SIMD2<Double>] = [], toEdge: [SIMD2<Double>] = [],
      leftDivider: [DividerPoint] = [], rightDivider: [DividerPoint] = []
    ) {
      self.record = record
      self.type = type
      self.fromEdge = fromEdge
      self.toEdge = toEdge
      self.leftDivider = leftDivider
      self.rightDivider = rightDivider
    }
  }

  /// A place to cross on foot.
  public struct PedestrianCrossing: Sendable, Equatable {
    /// The token and area.
    public var record: AreaRecord
    /// The road segment it crosses, or empty.
    public var roadSegmentToken: String

    /// The crossing with these properties.
    public init(record: AreaRecord, roadSegmentToken: String = "") {
      self.record = record
      self.roadSegmentToken = roadSegmentToken
    }
  }

  /// Where vehicles stop.
  public struct StopLine: Sendable, Equatable {
    /// The token and area.
    public var record: AreaRecord
    /// `PED_CROSSING`, `TURN_STOP`, `STOP_SIGN`, `YIELD` or `TRAFFIC_LIGHT`.
    public var type: String
    /// The crossings that it is for.
    public var pedestrianCrossingTokens: [String]
    /// The traffic lights that it is for.
    public var trafficLightTokens: [String]
    /// The road block it closes, or empty.
    public var roadBlockToken: String

    /// The stop line with these properties.
    public init(
      record: AreaRecord, type: String, pedestrianCrossingTokens: [String] = [],
      trafficLightTokens: [String] = [],
      roadBlockToken: String = ""
    ) {
      self.record = record
      self.type = type
      self.pedestrianCrossingTokens = pedestrianCrossingTokens
      self.trafficLightTokens = trafficLightTokens
      self.roadBlockToken = roadBlockToken
    }
  }

  /// A place to park.
  public struct CarparkArea: Sendable, Equatable {
    /// The token and area.
    public var record: AreaRecord
    /// The direction in which cars stand, in radians.
    public var orientation: Double
    /// The road block it lies at, or empty.
    public var roadBlockToken: String

    /// The area with these properties.
    public init(record: AreaRecord, orientation: Double, roadBlockToken: String = "") {
      self.record = record
      self.orientation = orientation
      self.roadBlockToken = roadBlockToken
    }
  }

  /// The line between two directions of traffic.
  public struct RoadDivider: Sendable, Equatable {
    /// The record's token.
    public var token: String
    /// The line.
    public var line: [SIMD2<Double>]
    /// The road segment it divides, or empty.
    public var roadSegmentToken: String

    /// The divider with these properties.
    public init(token: String, line: [SIMD2<Double>], roadSegmentToken: String = "") {
      self.token = token
      self.line = line
      self.roadSegmentToken = roadSegmentToken
    }
  }

  /// The line between two lanes.
  public struct LaneDivider: Sendable, Equatable {
    /// The record's token.
    public var token: String
    /// The line and its markings.
    public var points: [DividerPoint]

    /// The divider with these points.
    public init(token: String, points: [DividerPoint]) {
      self.token = token
      self.points = points
    }
  }

  /// The lanes before and behind a lane or lane connector.
  public struct Connection: Sendable, Equatable {
    /// The lane's or connector's token.
    public var token: String
    /// Where traffic comes from, and where it goes.
    public var incoming: [String], outgoing: [String]

    /// The connection of a lane.
    public init(token: String, incoming: [String], outgoing: [String]) {
      self.token = token
      self.incoming = incoming
      self.outgoing = outgoing
    }
  }

  /// A lane's centre line as Dubins curves.
  public struct ArclinePath: Sendable, Equatable {
    /// One curve: three pieces, each an arc to the left or right, or a straight line.
    public struct Curve: Sendable, Equatable {
      /// x, y and heading at either end.
      public var start: SIMD3<Double>, end: SIMD3<Double>
      /// `LSL`, `LSR`, `RSL`, `RSR`, `LRL` or `RLR`.
      public var shape: String
      /// The arcs' radius in metres.
      public var radius: Double
      /// The pieces' lengths in metres.
      public var segmentLengths: SIMD3<Double>

      /// The curve with these measures.
      public init(
        start: SIMD3<Double>, end: SIMD3<Double>, shape: String, radius: Double, segmentLengths: SIMD3<Double>
      ) {
        self.start = start
        self.end = end
        self.shape = shape
        self.radius = radius
        self.segmentLengths = segmentLengths
      }
    }

    /// The lane's or connector's token.
    public var token: String
    /// The curves in the direction of travel.
    public var curves: [Curve]

    /// The path of a lane.
    public init(token: String, curves: [Curve]) {
      self.token = token
      self.curves = curves
    }
  }

  /// Width and height of the mapped rectangle, which begins at (0, 0), in metres.
  public var canvasEdge: SIMD2<Double>
  /// Where vehicles may drive.
  public var drivableAreas: [AreaRecord] = []
  /// Road segments.
  public var roadSegments: [RoadSegment] = []
  /// Road blocks.
  public var roadBlocks: [RoadBlock] = []
  /// Lanes.
  public var lanes: [Lane] = []
  /// Ways between lanes across intersections.
  public var laneConnectors: [AreaRecord] = []
  /// Pedestrian crossings.
  public var pedestrianCrossings: [PedestrianCrossing] = []
  /// Walkways.
  public var walkways: [AreaRecord] = []
  /// Stop lines.
  public var stopLines: [StopLine] = []
  /// Car parks.
  public var carparkAreas: [CarparkArea] = []
  /// Road dividers.
  public var roadDividers: [RoadDivider] = []
  /// Lane dividers.
  public var laneDividers: [LaneDivider] = []
  /// How lanes follow each other.
  public var connectivity: [Connection] = []
  /// The lanes' centre lines.
  public var arclinePaths: [ArclinePath] = []

  /// An empty map of this size.
  public init(canvasEdge: SIMD2<Double>) { self.canvasEdge = canvasEdge }

  /// The layers of areas and lines, always all eleven in this order: `drivable_area`, `road_segment`, `road_block`,
  /// `lane`, `lane_connector`, `ped_crossing`, `walkway`, `stop_line`, `carpark_area`, `road_divider`, `lane_divider`.
  public var layers: [MapLayer] {
    func areas(_ name: String, _ records: [AreaRecord]) -> MapLayer {
      MapLayer(name: name, areas: records.flatMap(\.areas))
    }
    return [
      areas("drivable_area", drivableAreas), areas("road_segment", roadSegments.map(\.record)),
      areas("road_block", roadBlocks.map(\.record)), areas("lane", lanes.map(\.record)),
      areas("lane_connector", laneConnectors), areas("ped_crossing", pedestrianCrossings.map(\.record)),
      areas("walkway", walkways), areas("stop_line", stopLines.map(\.record)),
      areas("carpark_area", carparkAreas.map(\.record)),
      MapLayer(name: "road_divider", lines: roadDividers.map(\.line)),
      MapLayer(name: "lane_divider", lines: laneDividers.map { $0.points.map(\.position) }),
    ]
  }
}

extension Dataset {
  /// The layers of a location's map as `MapExpansion.layers` lists them, or none where there is no map expansion.
  /// - Throws: `RecordingError` where the file cannot be read as a map.
  public func mapLayers(location: String) throws -> [MapLayer] {
    try mapExpansion(location: location)?.map.layers ?? []
  }

  /// What is odd about a location's map, a sentence each: it is absent, lies one folder too high, or has holes.
  ///
  /// A log without a location wants no map.
  /// - Throws: `RecordingError` where the file cannot be read as a map.
  public func mapWarnings(location: String) throws -> [String] {
    guard !location.isEmpty else { return [] }
    if let found = try mapExpansion(location: location) { return found.warnings }
    let belongs = "maps/expansion/\(location).json", high = "maps/\(location).json"
    if try fileExists(high) {
      return ["\(root)/\(high): the map lies one folder too high and is not read (expected \(belongs))"]
    }
    return ["\(root)/\(belongs): no such file (expected the map of \(location))"]
  }

  /// A location's map and what had to be left out of it (a sentence each), or nil where there is no map expansion.
  /// - Throws: `RecordingError` where the file cannot be read as a map.
  public func mapExpansion(location: String) throws -> (map: MapExpansion, warnings: [String])? {
    let relative = "maps/expansion/\(location).json"
    guard try fileExists(relative) else { return nil }
    var reader = MapReader(file: "\(root)/\(relative)")
    return try JSONFile.read(try filePath(relative), limit: 1 << 30) { try reader.read($0) }
  }
}
