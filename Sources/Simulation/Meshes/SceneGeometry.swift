import Algorithms
import Geometry
import Glibc

/// All surfaces of a `SimulationScene`, made once and read by every sensor.
///
/// Local frame: global moved by `origin` (whole metres near the ego), so that Float32 keeps a tenth of a millimetre.
public struct SceneGeometry: Sendable {
  /// A standing thing with its levels of detail: 0 the finest.
  package struct Fixture: Sendable {
    /// Meshes in the local frame, finest first.
    package var levels: [TriangleMesh]
    /// Beyond which distance (metres from the camera) level k + 1 is drawn.
    package var switchDistances: [Float]
    /// The level that rays and shadows meet.
    package var castLevel: Int
    /// The nuScenes-lidarseg class.
    package var lidarseg: UInt8
    /// The bounds of level 0.
    package var minimum: SIMD3<Float>, maximum: SIMD3<Float>
  }

  /// An actor's shapes in its box frame, one a phase of its walk.
  package struct ActorShape: Sendable {
    /// The actor's place in `scene.actors`.
    package var actor: Int
    /// Meshes by phase (one where nothing moves), about the box's centre.
    package var phases: [TriangleMesh]
    /// The hierarchies over the meshes.
    package var hierarchies: [BoundingVolumeHierarchy]
    /// The radius of the sphere about the box's centre that holds the shape.
    package var radius: Float
  }

  /// The scene that this is the geometry of.
  public let scene: SimulationScene
  /// Where the local frame's origin lies in the global frame, in metres.
  public let origin: SIMD3<Double>
  package let ground: GroundMesh
  package let fixtures: [Fixture]
  package let actors: [ActorShape]
  /// Ground and fixtures (at their cast level) as one mesh with its hierarchy, and the class of each triangle.
  package let standing: TriangleMesh
  package let standingClasses: [UInt8]
  package let standingHierarchy: BoundingVolumeHierarchy

  /// Makes the meshes and hierarchies of a scene; which thread makes what changes nothing.
  /// - Parameters:
  ///   - focalLength: the longest of the cameras that are to look at it, in pixels (of the finest grid they draw on);
  ///     levels of detail that none of them would show are not made. 0: there are no cameras.
  ///   - threads: how many to work on.
  /// - Complexity: O(n log n) in triangles; about a second for a city block.
  public init(_ scene: SimulationScene, focalLength: Double = 1e4, threads: Int = 1) {
    self.scene = scene
    var low = SIMD3<Double>(repeating: .infinity)
    var high = SIMD3<Double>(repeating: -.infinity)
    for pose in scene.ego.poses {
      low = pointwiseMin(low, pose.translation)
      high = pointwiseMax(high, pose.translation)
    }
    let middle = (low + high) / 2
    let origin = SIMD3(middle.x.rounded(), middle.y.rounded(), middle.z.rounded())
    self.origin = origin
    let margin = SIMD2<Double>(110, 110)
    ground = GroundMesh(scene.ground, window: (low.xy - margin, high.xy + margin), origin: origin)
    let places = scene.ego.poses.map { $0.translation.xy }
    fixtures = parallel(scene.props.count, threads: threads) { k in
      let prop = scene.props[k]
      let place = prop.globalFromProp.translation.xy
      let distance = places.reduce(Double.infinity) { min($0, ($1 - place).length) }
      return Self.fixture(prop, origin: origin, focalLength: focalLength, distance: distance)
    }
    actors = parallel(scene.actors.count, threads: threads) { Self.shape(scene.actors[$0], at: $0) }
    var standing = ground.mesh
    var classes = [UInt8](repeating: LidarsegClass.terrain, count: standing.count)
    let total = fixtures.reduce(standing.count) { $0 + $1.levels[$1.castLevel].count }
    standing.reserveCapacity(triangles: total)
    classes.reserveCapacity(total)
    for fixture in fixtures {
      let mesh = fixture.levels[fixture.castLevel]
      standing.append(mesh)
      classes.append(contentsOf: repeatElement(fixture.lidarseg, count: mesh.count))
    }
    self.standing = standing
    standingClasses = classes
    standingHierarchy = BoundingVolumeHierarchy(standing)
  }

  /// - Parameter distance: from the prop to the ego's way, in metres.
  private static func fixture(
    _ prop: Prop, origin: SIMD3<Double>, focalLength: Double, distance: Double
  ) -> Fixture {
    let size = SIMD3<Float>(Float(prop.size.x), Float(prop.size.y), Float(prop.size.z))
    // Cameras sit within 3 m of the ego's origin.
    let nearest = Float(max(0, distance - 3 - Double(size.length)) * 1266 / max(focalLength, 1))
    var levels: [TriangleMesh]
    var distances: [Float] = []
    var castLevel = 0
    switch prop.kind {
    case .tree:
      distances = [13, 28, 65]
      let counts = nearest > distances[0] ? [1600, 420, 110] : [9000, 1600, 420, 110]
      levels = counts.map { PlantMeshes.tree(size: size, seed: prop.seed, leaves: $0) }
      castLevel = counts.count - 3
    case .bush:
      distances = [9, 22, 50]
      let most = min(8000, max(300, Int(min(300 * (size.x * size.y + size.z * (size.x + size.y)), 1e4))))
      let shares = nearest > distances[0] ? [3, 10, 30] : [1, 3, 10, 30]
      levels = shares.map { PlantMeshes.bush(size: size, seed: prop.seed, leaves: max(24, most / $0)) }
      castLevel = shares.count - 3
    case .building: levels = [BuildingMesh.make(size: size, seed: prop.seed)]
    default: levels = [StreetFurnitureMeshes.make(prop.kind, size: size, seed: prop.seed)]
    }
    distances.removeFirst(distances.isEmpty ? 0 : distances.count + 1 - levels.count)
    var pose = prop.globalFromProp
    pose.translation -= origin
    let place = pose.affine
    levels = levels.map { $0.mapped { place.apply($0.x, $0.y, $0.z) } }
    let (low, high) = levels[0].bounds
    return Fixture(
      levels: levels, switchDistances: distances, castLevel: castLevel, lidarseg: prop.kind.lidarsegIndex,
      minimum: low, maximum: high)
  }

  private static func shape(_ actor: Actor, at index: Int) -> ActorShape {
    let phases = phaseCount(actor)
    let meshes = (0..<phases).map { (k: Int) -> TriangleMesh in
      mesh(actor, phase: 2 * Float.pi * (Float(k) + 0.5) / Float(phases))
    }
    var radius: Float = 0
    for mesh in meshes {
      let (low, high) = mesh.bounds
      radius = max(radius, pointwiseMax(SIMD3<Float>.zero - low, high).length)
    }
    return ActorShape(
      actor: index, phases: meshes, hierarchies: meshes.map { BoundingVolumeHierarchy($0) }, radius: radius)
  }

  /// How many shapes a walk (or the pedals) is cut into.
  private static func phaseCount(_ actor: Actor) -> Int {
    let moves = actor.path.distances[actor.path.distances.count - 1] > 0.5
    if actor.category.hasPrefix("human.pedestrian"), !actor.isSitting { return moves ? 12 : 1 }
    return actor.category == "vehicle.bicycle" && actor.hasRider && moves ? 8 : 1
  }

  private static func mesh(_ actor: Actor, phase: Float) -> TriangleMesh {
    let size = SIMD3<Float>(Float(actor.size.x), Float(actor.size.y), Float(actor.size.z))
    let seed = actor.appearanceSeed
    switch actor.category {
    case "vehicle.car", "vehicle.emergency.police": return CarMesh.make(size: size, seed: seed)
    case "vehicle.truck", "vehicle.emergency.ambulance":
      return LargeVehicleMeshes.truck(size: size, seed: seed)
    case "vehicle.bus.rigid", "vehicle.bus.bendy": return LargeVehicleMeshes.bus(size: size, seed: seed)
    case "vehicle.trailer": return LargeVehicleMeshes.trailer(size: size, seed: seed)
    case "vehicle.construction": return LargeVehicleMeshes.construction(size: size, seed: seed)
    case "vehicle.motorcycle", "vehicle.bicycle":
      return PersonMeshes.cycle(
        size: size, seed: seed, isMotor: actor.category == "vehicle.motorcycle", hasRider: actor.hasRider,
        phase: phase)
    case "movable_object.trafficcone": return RoadObjectMeshes.cone(size: size, seed: seed)
    case "movable_object.barrier": return RoadObjectMeshes.barrier(size: size, seed: seed)
    default:
      if actor.category.hasPrefix("human.pedestrian") {
        let stands = actor.path.distances[actor.path.distances.count - 1] <= 0.5
        return PersonMeshes.pedestrian(
          size: size, seed: seed, category: actor.category, phase: stands ? 0.25 : phase,
          sits: actor.isSitting)
      }
      return RoadObjectMeshes.other(size: size, seed: seed, category: actor.category)
    }
  }

  /// The shape's phase at that moment.
  package func phase(of shape: ActorShape, at timestampMicroseconds: Int64) -> Int {
    let count = shape.phases.count
    guard count > 1 else { return 0 }
    let phase = scene.actors[shape.actor].walkPhase(at: timestampMicroseconds) / (2 * .pi)
    return min(count - 1, max(0, Int(phase * Double(count))))
  }
}
