import Geometry

/// An object found in one frame.
public struct Detection: Sendable, Hashable {
  /// The class.
  public var name: DetectionClass
  /// The box in the global frame.
  public var box: Box3D
  /// Log-odds that the box's heading points to the front rather than to the rear; 0 where only its axis was seen.
  public var frontEvidence: Double
  /// Horizontal velocity in the global frame, in metres a second.
  public var velocity: SIMD2<Double>
  /// Standard deviation of each component of the velocity in m/s; nil where the velocity was not measured.
  public var velocityDeviation: Double?
  /// Confidence in [0, 1].
  public var score: Double
  /// A nuScenes attribute name (`vehicle.moving`), or empty where the class has none.
  public var attribute: String

  /// The detection with these properties.
  public init(
    name: DetectionClass, box: Box3D, frontEvidence: Double = 1, velocity: SIMD2<Double>,
    velocityDeviation: Double? = nil, score: Double, attribute: String = ""
  ) {
    self.name = name
    self.box = box
    self.frontEvidence = frontEvidence
    self.velocity = velocity
    self.velocityDeviation = velocityDeviation
    self.score = score
    self.attribute = attribute
  }
}

/// An object followed through time.
public struct Track: Sendable, Hashable {
  /// The identity, stable through the scene.
  public var id: String
  /// What was found, at the frame's time; `score` is the track's.
  public var detection: Detection
  /// Turn rate about z in radians a second, as far as it is known.
  public var turnRate: Double
  /// Keyframes since the track was first seen.
  public var age: Int

  /// The track with these properties.
  public init(id: String, detection: Detection, turnRate: Double = 0, age: Int = 0) {
    self.id = id
    self.detection = detection
    self.turnRate = turnRate
    self.age = age
  }
}

/// Where something may go: modes with probabilities. `modes` is `[mode][12 steps of 0.5 s]` of positions in the global
/// frame in metres, beginning one step after now; `probabilities` sum to 1 and fall.
public struct Trajectories: Sendable, Hashable {
  /// The number of steps of a mode.
  public static let stepCount = 12
  /// Seconds between steps.
  public static let stepSeconds = 0.5

  /// `[mode][step]`: positions in metres.
  public var modes: [[SIMD2<Double>]]
  /// One a mode.
  public var probabilities: [Double]

  /// The modes sorted by falling probability (stable), with probabilities scaled to sum to 1.
  /// - Precondition: as many probabilities as modes, at least one, all finite and above 0; twelve steps a mode.
  public init(modes: [[SIMD2<Double>]], probabilities: [Double]) {
    precondition(
      modes.count == probabilities.count && !modes.isEmpty,
      "\(modes.count) modes, \(probabilities.count) probabilities")
    precondition(modes.allSatisfy { $0.count == Self.stepCount }, "a mode is not of \(Self.stepCount) steps")
    let total = probabilities.reduce(0, +)
    precondition(total > 0 && total.isFinite, "probabilities sum to \(total)")
    let order = probabilities.indices.sorted {
      (probabilities[$1], $0) < (probabilities[$0], $1)
    }
    self.modes = order.map { modes[$0] }
    self.probabilities = order.map { probabilities[$0] / total }
  }
}

/// A track and where it may go.
public struct AgentTrajectories: Sendable, Hashable {
  /// The agent.
  public var track: Track
  /// Its modes.
  public var trajectories: Trajectories

  /// The agent with its modes.
  public init(track: Track, trajectories: Trajectories) {
    self.track = track
    self.trajectories = trajectories
  }
}

/// BEV layers as bytes, probability = value / 255, `[i, j]` over a grid of the ego frame at the frame's time.
public struct BEVLayers: Sendable, Equatable {
  /// The grid.
  public var grid: BEVGrid
  /// Probability that a cell is occupied; 127 or 128 where nothing is known.
  public var occupancy: [UInt8]
  /// 1 where the cell was ever observed.
  public var observed: [UInt8]
  /// Map layers by name, in order: `drivable_area`, ...
  public var mapLayers: [(name: String, values: [UInt8])]

  /// The layers over this grid.
  /// - Precondition: each layer has `grid.count` values.
  public init(
    grid: BEVGrid, occupancy: [UInt8], observed: [UInt8], mapLayers: [(name: String, values: [UInt8])] = []
  ) {
    precondition(
      occupancy.count == grid.count && observed.count == grid.count
        && mapLayers.allSatisfy { $0.values.count == grid.count },
      "a BEV layer has another size than its grid")
    self.grid = grid
    self.occupancy = occupancy
    self.observed = observed
    self.mapLayers = mapLayers
  }

  /// Equal in every value.
  public static func == (a: BEVLayers, b: BEVLayers) -> Bool {
    a.grid == b.grid && a.occupancy == b.occupancy && a.observed == b.observed
      && a.mapLayers.elementsEqual(b.mapLayers) { $0 == $1 }
  }
}

/// A volume of classes in Occ3D's layout: `[i, j, k]`, 200 x 200 x 16 cells of 0.4 m over [-40, 40) m, z [-1, 5.4).
/// Classes 0 to 16 as lidarseg's sixteen and "other"; 17 is free.
public struct OccupancyVolume: Sendable, Equatable {
  /// Cells along x, y and z.
  public static let shape = (x: 200, y: 200, z: 16)
  /// The lower end in z, in metres in the ego frame.
  public static let minimumZ = -1.0
  /// The class of free space.
  public static let free: UInt8 = 17

  /// The class of each cell.
  public var semantics: [UInt8]

  /// The volume with these classes.
  /// - Precondition: 200 x 200 x 16 values.
  public init(semantics: [UInt8]) {
    precondition(
      semantics.count == Self.shape.x * Self.shape.y * Self.shape.z,
      "\(semantics.count) cells in an Occ3D volume")
    self.semantics = semantics
  }
}

/// All that was perceived at one keyframe, whichever way.
public struct FramePrediction: Sendable {
  /// The keyframe.
  public var keyframe: Keyframe
  /// The reference pose: the ego at the LiDAR's time.
  public var globalFromEgo: RigidTransform
  /// Objects, by falling score.
  public var detections: [Detection]
  /// Objects with identities.
  public var tracks: [Track]
  /// BEV layers in the ego frame.
  public var bev: BEVLayers
  /// The semantic volume in the ego frame.
  public var volume: OccupancyVolume
  /// Where the ego may go.
  public var egoTrajectories: Trajectories
  /// Where the agents may go.
  public var agents: [AgentTrajectories]
  /// Lines of the map as they were perceived, a layer each, in the global frame; empty where nothing perceives them.
  public var mapLines: [MapLayer]

  /// The prediction with these parts.
  public init(
    keyframe: Keyframe, globalFromEgo: RigidTransform, detections: [Detection], tracks: [Track],
    bev: BEVLayers,
    volume: OccupancyVolume, egoTrajectories: Trajectories, agents: [AgentTrajectories],
    mapLines: [MapLayer] = []
  ) {
    self.keyframe = keyframe
    self.globalFromEgo = globalFromEgo
    self.detections = detections
    self.tracks = tracks
    self.bev = bev
    self.volume = volume
    self.egoTrajectories = egoTrajectories
    self.agents = agents
    self.mapLines = mapLines
  }
}

/// A forecast for one annotated agent: a row of the nuScenes prediction submission.
public struct Forecast: Sendable, Hashable {
  /// The object.
  public var instanceToken: String
  /// The keyframe.
  public var sampleToken: String
  /// Its modes.
  public var trajectories: Trajectories

  /// The forecast with these modes.
  public init(instanceToken: String, sampleToken: String, trajectories: Trajectories) {
    self.instanceToken = instanceToken
    self.sampleToken = sampleToken
    self.trajectories = trajectories
  }
}
