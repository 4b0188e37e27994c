import Geometry

/// All that a drive holds for its sensors: the standing world, what moves in it, the ego's way and the light.
///
/// Global frame, metres, z up; the sensors make meshes of it (Meshes), cast rays (LiDAR) and draw it (Cameras).
public struct SimulationScene: Sendable {
  /// The seed that appearance (textures, noise) derives from.
  public var seed: UInt64
  /// The ground and what is painted on it.
  public var ground: Ground
  /// What stands: buildings, trees, poles, signs, fences.
  public var props: [Prop]
  /// What is annotated, moving or not: vehicles, people, cones, barriers. `id` is the place in this array plus 1.
  public var actors: [Actor]
  /// `globalFromEgo` over time.
  public var ego: MotionPath
  /// Light and weather.
  public var weather: Weather

  /// The scene with these parts.
  public init(
    seed: UInt64, ground: Ground, props: [Prop], actors: [Actor], ego: MotionPath, weather: Weather
  ) {
    self.seed = seed
    self.ground = ground
    self.props = props
    self.actors = actors
    self.ego = ego
    self.weather = weather
  }
}

/// Light and weather of a scene.
public struct Weather: Sendable, Hashable, Codable {
  /// The sun's direction: azimuth in radians counter-clockwise from global x, elevation in radians (below 0 at night).
  public var sunAzimuth: Double, sunElevation: Double
  /// 0 clear sky, 1 overcast (no shadows).
  public var cloudCover: Double
  /// 0 dry, 1 soaked: darker, glossier ground; LiDAR returns from it weaken.
  public var wetness: Double
  /// Extinction in 1/m: 0 none, 0.02 fog.
  public var fogDensity: Double
  /// Stops of exposure away from right.
  public var exposureBias: Double

  /// The weather with these properties.
  public init(
    sunAzimuth: Double, sunElevation: Double, cloudCover: Double, wetness: Double, fogDensity: Double,
    exposureBias: Double
  ) {
    self.sunAzimuth = sunAzimuth
    self.sunElevation = sunElevation
    self.cloudCover = cloudCover
    self.wetness = wetness
    self.fogDensity = fogDensity
    self.exposureBias = exposureBias
  }

  /// A dry, sunny noon with a few clouds.
  public static let clearNoon = Weather(
    sunAzimuth: 0.9, sunElevation: 0.9, cloudCover: 0.2, wetness: 0, fogDensity: 0.0005, exposureBias: 0)
}

/// What a patch of ground is made of.
public enum GroundMaterial: UInt8, Sendable, Hashable, Codable, CaseIterable {
  /// Earth and grass: what lies where no area does.
  case terrain
  /// Asphalt of roads and of junctions.
  case road
  /// Asphalt or concrete of car parks.
  case carPark
  /// Paving.
  case sidewalk
  /// Planted or paved islands and medians.
  case median
  /// White paint: crossings, stop lines, dividers, bays.
  case whitePaint
  /// Yellow paint: dividers between directions.
  case yellowPaint

  /// The nuScenes-lidarseg class of the surface.
  public var lidarsegIndex: UInt8 {
    switch self {
    case .terrain: LidarsegClass.terrain
    case .sidewalk: LidarsegClass.sidewalk
    case .median: LidarsegClass.otherFlat
    case .road, .carPark, .whitePaint, .yellowPaint: LidarsegClass.driveableSurface
    }
  }
}

/// An area of one material.
public struct GroundArea: Sendable, Hashable {
  /// The material.
  public var material: GroundMaterial
  /// The outer border (either winding, not closed) and the holes.
  public var outline: Polygon
  /// Borders of what is left out.
  public var holes: [Polygon]
  /// Metres above the smooth surface: 0 for roads and paint, about 0.14 for sidewalks (the kerb's height).
  public var elevation: Double

  /// The area with these properties.
  public init(material: GroundMaterial, outline: Polygon, holes: [Polygon] = [], elevation: Double = 0) {
    self.material = material
    self.outline = outline
    self.holes = holes
    self.elevation = elevation
  }
}

/// A thing that stands: `globalFromProp` has its origin on the ground under the prop's middle, x along its length.
public struct Prop: Sendable, Hashable {
  /// What stands.
  public enum Kind: UInt8, Sendable, Hashable, Codable, CaseIterable {
    case building, tree, bush, streetLight, trafficLight, sign, pole, fence, wall, bench, hydrant, bin,
      busShelter

    /// The nuScenes-lidarseg class of the surface.
    public var lidarsegIndex: UInt8 {
      self == .tree || self == .bush ? LidarsegClass.vegetation : LidarsegClass.manmade
    }
  }

  /// What it is.
  public var kind: Kind
  /// What its looks derive from.
  public var seed: UInt64
  /// Width (along its y), length (along its x) and height in metres. A street light's or signal's arm reaches over -y.
  public var size: SIMD3<Double>
  /// Where it stands.
  public var globalFromProp: RigidTransform

  /// The prop with these properties.
  public init(kind: Kind, seed: UInt64, size: SIMD3<Double>, globalFromProp: RigidTransform) {
    self.kind = kind
    self.seed = seed
    self.size = size
    self.globalFromProp = globalFromProp
  }
}

/// Something that is annotated: its box, its looks and its way.
public struct Actor: Sendable, Hashable {
  /// The identity, 1 upwards; sensors report it per pixel and per point (0: no actor).
  public var id: Int32
  /// The nuScenes category, `vehicle.car`.
  public var category: String
  /// Width, length and height in metres: the mesh fills this box.
  public var size: SIMD3<Double>
  /// What its looks derive from: body style, colour, clothes.
  public var appearanceSeed: UInt64
  /// Whether somebody sits on it (bicycles and motorcycles): the box then holds the rider too.
  public var hasRider: Bool
  /// Whether a pedestrian sits or lies and so does not stand upright in the box.
  public var isSitting: Bool
  /// `globalFromBox` over time: the pose of the box's centre, x forward.
  public var path: MotionPath

  /// The actor with these properties.
  public init(
    id: Int32, category: String, size: SIMD3<Double>, appearanceSeed: UInt64, hasRider: Bool = false,
    isSitting: Bool = false, path: MotionPath
  ) {
    self.id = id
    self.category = category
    self.size = size
    self.appearanceSeed = appearanceSeed
    self.hasRider = hasRider
    self.isSitting = isSitting
    self.path = path
  }

  /// Whether the actor exists at that moment.
  public func exists(at timestampMicroseconds: Int64) -> Bool {
    guard let first = path.timestamps.first, let last = path.timestamps.last else { return false }
    return first <= timestampMicroseconds && timestampMicroseconds <= last
  }

  /// The box at that moment, or nil where the actor does not exist then.
  public func box(at timestampMicroseconds: Int64) -> Box3D? {
    guard exists(at: timestampMicroseconds) else { return nil }
    let pose = path.pose(at: timestampMicroseconds)
    return Box3D(center: pose.translation, size: size, rotation: pose.rotation)
  }

  /// The phase of the walk (or of the pedals) at that moment, in radians in [0, 2 pi): one cycle is two steps.
  public func walkPhase(at timestampMicroseconds: Int64) -> Double {
    let stride = max(0.3, 0.8 * size.z)  // metres of two steps
    let cycles = path.distance(at: timestampMicroseconds) / stride
    return 2 * .pi * (cycles - cycles.rounded(.down))
  }

  /// The nuScenes-lidarseg class of the actor's points.
  public var lidarsegIndex: UInt8 { LidarsegClass.index(ofCategory: category) }
}

/// The nuScenes-lidarseg classes that the simulator uses, in the devkit's numbering.
/// - Source: nuscenes-devkit, `utils/color_map.py` and the order of lidarseg's `category.json`.
public enum LidarsegClass {
  /// `noise`: a record of a missing return.
  public static let noise: UInt8 = 0
  /// `flat.driveable_surface`.
  public static let driveableSurface: UInt8 = 24
  /// `flat.other`.
  public static let otherFlat: UInt8 = 25
  /// `flat.sidewalk`.
  public static let sidewalk: UInt8 = 26
  /// `flat.terrain`.
  public static let terrain: UInt8 = 27
  /// `static.manmade`.
  public static let manmade: UInt8 = 28
  /// `static.other`.
  public static let otherStatic: UInt8 = 29
  /// `static.vegetation`.
  public static let vegetation: UInt8 = 30
  /// `vehicle.ego`.
  public static let ego: UInt8 = 31

  /// The 32 category names by index.
  public static let names = [
    "noise", "animal", "human.pedestrian.adult", "human.pedestrian.child",
    "human.pedestrian.construction_worker", "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer", "human.pedestrian.stroller", "human.pedestrian.wheelchair",
    "movable_object.barrier", "movable_object.debris", "movable_object.pushable_pullable",
    "movable_object.trafficcone", "static_object.bicycle_rack", "vehicle.bicycle", "vehicle.bus.bendy",
    "vehicle.bus.rigid", "vehicle.car", "vehicle.construction", "vehicle.emergency.ambulance",
    "vehicle.emergency.police", "vehicle.motorcycle", "vehicle.trailer", "vehicle.truck",
    "flat.driveable_surface", "flat.other", "flat.sidewalk", "flat.terrain", "static.manmade", "static.other",
    "static.vegetation", "vehicle.ego",
  ]

  /// The index of a category; `static.other` for one that lidarseg does not have.
  public static func index(ofCategory category: String) -> UInt8 {
    names.firstIndex(of: category).map { UInt8($0) } ?? otherStatic
  }
}
