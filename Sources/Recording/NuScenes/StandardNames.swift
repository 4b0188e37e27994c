import Scenes

/// The categories, attributes and visibility levels of nuScenes, for datasets that are written.
///
/// - Source: the nuScenes schema and nuScenes-lidarseg's `category.json`; names and indices are facts of the dataset.
public enum StandardNames {
  /// A category and its lidarseg index.
  public struct Category: Sendable, Hashable {
    /// The name, `vehicle.car`.
    public var name: String
    /// The index in lidarseg files, or nil.
    public var index: Int?

    /// The category of this name.
    public init(name: String, index: Int? = nil) {
      self.name = name
      self.index = index
    }
  }

  /// The 32 categories of lidarseg in order of their index, noise (0) to `vehicle.ego` (31).
  public static let categories: [Category] = [
    "noise", "animal", "human.pedestrian.adult", "human.pedestrian.child",
    "human.pedestrian.construction_worker",
    "human.pedestrian.personal_mobility", "human.pedestrian.police_officer", "human.pedestrian.stroller",
    "human.pedestrian.wheelchair", "movable_object.barrier", "movable_object.debris",
    "movable_object.pushable_pullable", "movable_object.trafficcone", "static_object.bicycle_rack",
    "vehicle.bicycle", "vehicle.bus.bendy", "vehicle.bus.rigid", "vehicle.car", "vehicle.construction",
    "vehicle.emergency.ambulance", "vehicle.emergency.police", "vehicle.motorcycle", "vehicle.trailer",
    "vehicle.truck", "flat.driveable_surface", "flat.other", "flat.sidewalk", "flat.terrain",
    "static.manmade",
    "static.other", "static.vegetation", "vehicle.ego",
  ].enumerated().map { Category(name: $1, index: $0) }

  /// The eight attributes.
  public static let attributes = [
    BoxAttribute.vehicleMoving, .vehicleStopped, .vehicleParked, .cycleWithRider, .cycleWithoutRider,
    .pedestrianSittingLyingDown, .pedestrianStanding, .pedestrianMoving,
  ].map(\.rawValue)

  /// The four levels of visibility, whose tokens are "1" to "4".
  public static let visibilities = ["v0-40", "v40-60", "v60-80", "v80-100"]
}

/// Tokens made of names: the same name gives the same 32 hexadecimal digits everywhere.
public enum StableToken {
  /// The token of a name, such as `scene-0001/sample/3`: FNV-1a of 128 bits.
  /// - Source: Fowler, Noll and Vo, FNV-1a (draft-eastlake-fnv).
  public static func make(_ name: String) -> String {
    var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    for byte in name.utf8 {
      hash ^= UInt128(byte)
      hash &*= 0x0000_0000_0100_0000_0000_0000_0000_013b
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
