import Algorithms
import Foundation
import Geometry

/// One drive made from a seed: its map, its traffic and the scene that the sensors see.
public struct ProceduralDrive: Sendable {
  /// What to make.
  public struct Options: Sendable {
    /// Everything derives from it.
    public var seed: UInt64
    /// The middle of the map, in global metres.
    public var origin: SIMD2<Double>
    /// Whether traffic keeps right.
    public var keepsRight: Bool
    /// When the first keyframe is, in microseconds.
    public var startMicroseconds: Int64
    /// Seconds from the first keyframe to the last; actors and ego move from a second before to a second after.
    public var seconds: Double

    /// The options with these values.
    public init(
      seed: UInt64, origin: SIMD2<Double>, keepsRight: Bool, startMicroseconds: Int64, seconds: Double
    ) {
      self.seed = seed
      self.origin = origin
      self.keepsRight = keepsRight
      self.startMicroseconds = startMicroseconds
      self.seconds = seconds
    }
  }

  /// The map.
  public let network: RoadNetwork
  /// The world, what moves in it, and the light.
  public let scene: SimulationScene
  /// How many actors were left out because they came into another.
  public let removedActors: Int
  /// How many of these were moving vehicles: others stood or walked where somebody was already.
  public let removedDrivers: Int
  /// Seconds of traffic before the drive begins.
  static let warmUp = 9.0
  /// Metres from the ego's way within which actors are kept.
  static let reach = 110.0

  /// Makes the drive.
  public init(_ options: Options) {
    var network = RoadNetworkBuilder.build(
      seed: options.seed, origin: options.origin, keepsRight: options.keepsRight)
    var space = FreeSpace(around: network.junctions.map { $0.pose.position }, margin: 70)
    space.mark(RoadSurfaces(network).groundAreas)
    network.carParks = CarParkPlacement.place(on: network, limit: 3, space: &space, seed: options.seed)
    let surfaces = RoadSurfaces(network)
    let ground = Ground(
      heights: Self.hills(seed: options.seed, around: space.grid), areas: surfaces.groundAreas)
    let surface = KerbedGround(ground, over: space.grid)

    let fixed = StaticActors(network: network, seed: options.seed)
    var recorder = DriveRecorder(options: options, surface: surface)
    recorder.run(network: network, fixed: fixed)

    space = FreeSpace(around: network.junctions.map { $0.pose.position }, margin: 70)
    space.mark(ground.areas)
    for actor in recorder.actors { Self.occupy(&space, actor) }
    let centres = stride(from: 0, to: recorder.ego.poses.count, by: 40).map {
      recorder.ego.poses[$0].translation.xy
    }
    var placement = PropPlacement(
      space: space, centres: centres, reach: 100, seed: options.seed, base: surface.height)
    Self.placeSignals(network, &placement)
    placement.placeAll()

    self.network = network
    removedActors = recorder.removed
    removedDrivers = recorder.removedDrivers
    scene = SimulationScene(
      seed: options.seed, ground: ground, props: placement.props, actors: recorder.actors, ego: recorder.ego,
      weather: Weather(seed: options.seed))
  }

  /// Gentle hills: waves of 150 to 400 m, slopes of at most three percent; one map in four is level.
  static func hills(seed: UInt64, around grid: BEVGrid) -> HeightField {
    var random = RandomSource(seed: seed, stream: 6)
    let slope = random.chance(0.25) ? 0 : random.uniform(0.003, 0.012)
    var waves: [(SIMD2<Double>, Double, Double)] = []
    for _ in 0..<3 {
      let direction = random.uniform(0, 2 * .pi)
      let number = 2 * .pi / random.uniform(150, 400)
      waves.append(
        (SIMD2(cos(direction), sin(direction)) * number, slope / number, random.uniform(0, 2 * .pi)))
    }
    let spacing = 5.0
    let countX = Int((grid.maximumX - grid.minimumX) / spacing) + 2
    let countY = Int((grid.maximumY - grid.minimumY) / spacing) + 2
    var values: [Float] = []
    values.reserveCapacity(countX * countY)
    for i in 0..<countX {
      for j in 0..<countY {
        let p = SIMD2(grid.minimumX + Double(i) * spacing, grid.minimumY + Double(j) * spacing)
        values.append(Float(waves.reduce(0.0) { $0 + $1.1 * sin($1.0.dot(p) + $1.2) }))
      }
    }
    return HeightField(
      minimumX: grid.minimumX, minimumY: grid.minimumY, spacing: spacing, countX: countX, countY: countY,
      values: values)
  }

  /// Marks where an actor stands or passes.
  static func occupy(_ space: inout FreeSpace, _ actor: Actor) {
    var last: SIMD3<Double>?
    for pose in actor.path.poses {
      if let last, (pose.translation - last).length < 0.4 { continue }
      last = pose.translation
      space.occupy(
        PlanarPose(position: pose.translation.xy, heading: pose.rotation.yaw), length: actor.size.y + 0.4,
        width: actor.size.x + 0.4)
    }
  }

  private static func placeSignals(_ network: RoadNetwork, _ placement: inout PropPlacement) {
    for junction in network.junctions where junction.hasSignals {
      for road in junction.arms.compactMap({ $0 }) {
        let r = network.roads[road]
        let lanes = network.junctions[r.to].pose == junction.pose ? r.forwardLanes : r.backwardLanes
        guard let outer = lanes.last else { continue }
        let lane = network.lanes[outer]
        let forward = lane.isForward
        let at = lane.path.pose(at: lane.stopAt + 0.4)
        let toKerb =
          r.halfWidth(forward: forward, laneWidth: network.laneWidth) - r.medianWidth / 2
          - (Double(lanes.count) - 0.5) * network.laneWidth
        let aside = -network.handedness * (toKerb + 0.7)
        // The arm reaches over -y: towards the road.
        let heading = at.heading + (network.handedness > 0 ? .pi : 0)
        placement.place(
          .trafficLight, at: PlanarPose(position: at.point(ahead: 0, aside: aside), heading: heading),
          size: SIMD3(3.5, 0.4, 5.8))
      }
    }
  }
}

extension Weather {
  /// The weather of a seed: two in three by day, some overcast, some wet, few foggy, one in six at dusk or night.
  init(seed: UInt64) {
    var random = RandomSource(seed: seed, stream: 8)
    let night = random.chance(0.16)
    let cloud = random.chance(0.4) ? random.uniform(0.6, 1) : random.uniform(0, 0.4)
    let wet = cloud > 0.6 && random.chance(0.4) ? random.uniform(0.3, 1) : 0
    let foggy = random.chance(0.08)
    self.init(
      sunAzimuth: random.uniform(0, 2 * .pi),
      sunElevation: night ? random.uniform(-0.3, 0.05) : random.uniform(0.25, 1.3), cloudCover: cloud,
      wetness: wet, fogDensity: foggy ? random.uniform(0.006, 0.015) : random.uniform(0.0002, 0.001),
      exposureBias: random.normal(mean: 0, deviation: 0.2))
  }
}
