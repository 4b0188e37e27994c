import Files
import Geometry
import Scenes

/// BEV layers and occupancy volumes as npz archives, and what `bev/grid.json` says of both grids.
public enum GridFiles {
  /// Deflate's level: a fifth of the time of zlib's own choice (6), for archives that are a third larger.
  private static let level = 1

  /// An archive of `occupancy`, `observed` and each map layer as uint8 `[i, j]`.
  public static func encode(_ layers: BEVLayers) throws -> [UInt8] {
    let shape = [layers.grid.countX, layers.grid.countY]
    var arrays = [
      (name: "occupancy", array: NpyArray(layers.occupancy, shape: shape)),
      (name: "observed", array: NpyArray(layers.observed, shape: shape)),
    ]
    for layer in layers.mapLayers { arrays.append((layer.name, NpyArray(layer.values, shape: shape))) }
    return try NpzFile.encode(arrays, level: level)
  }

  /// An archive of `semantics` as uint8 `[i, j, k]`.
  public static func encode(_ volume: OccupancyVolume) throws -> [UInt8] {
    let shape = [OccupancyVolume.shape.x, OccupancyVolume.shape.y, OccupancyVolume.shape.z]
    return try NpzFile.encode([("semantics", NpyArray(volume.semantics, shape: shape))], level: level)
  }

  /// Reads BEV layers over a grid (`bev/grid.json`'s).
  /// - Throws: `ResultsError` where a layer is missing or has another shape or type.
  public static func readLayers(_ path: String, grid: BEVGrid) throws -> BEVLayers {
    let shape = [grid.countX, grid.countY]
    var occupancy: [UInt8]?
    var observed: [UInt8]?
    var maps: [(name: String, values: [UInt8])] = []
    for (name, array) in try NpzFile.read(path) {
      let values = try bytes(array, shape, name, path)
      switch name {
      case "occupancy": occupancy = values
      case "observed": observed = values
      default: maps.append((name, values))
      }
    }
    guard let occupancy, let observed else {
      throw ResultsError(
        file: path, place: "arrays", found: "no occupancy or no observed", expected: "both")
    }
    return BEVLayers(grid: grid, occupancy: occupancy, observed: observed, mapLayers: maps)
  }

  /// Reads an occupancy volume.
  /// - Throws: `ResultsError` where `semantics` is missing, of another shape or type, or holds a class above 17.
  public static func readVolume(_ path: String) throws -> OccupancyVolume {
    guard let entry = try NpzFile.read(path).first(where: { $0.name == "semantics" }) else {
      throw ResultsError(file: path, place: "semantics", found: "none", expected: "uint8 [200, 200, 16]")
    }
    let shape = [OccupancyVolume.shape.x, OccupancyVolume.shape.y, OccupancyVolume.shape.z]
    let values = try bytes(entry.array, shape, "semantics", path)
    if let bad = values.firstIndex(where: { $0 > OccupancyVolume.free }) {
      throw ResultsError(
        file: path, place: "semantics[\(bad)]", found: "class \(values[bad])", expected: "0 to 17")
    }
    return OccupancyVolume(semantics: values)
  }

  private static func bytes(_ array: NpyArray, _ shape: [Int], _ name: String, _ path: String) throws
    -> [UInt8]
  {
    guard array.elementType == .uint8, array.shape == shape else {
      throw ResultsError(
        file: path, place: name, found: "\(array.elementType) \(array.shape)", expected: "uint8 \(shape)")
    }
    return array.bytes
  }

  /// What `bev/grid.json` holds.
  static func gridJSON(_ grid: BEVGrid) -> JSONValue {
    .members([
      "frame": .string("ego at the keyframe's LIDAR_TOP time"),
      "index": .string("[i, j]: i along x (forward), j along y (left); [0, 0] at the minimum corner"),
      "value": .string("probability * 255"),
      "bev": json(grid),
      "occupancy": .members([
        "minimum": .array([
          .number(BEVGrid.occ3D.minimumX), .number(BEVGrid.occ3D.minimumY), .number(OccupancyVolume.minimumZ),
        ]),
        "cell_size": .number(BEVGrid.occ3D.cellSize),
        "counts": .array(
          [OccupancyVolume.shape.x, OccupancyVolume.shape.y, OccupancyVolume.shape.z].map { .integer($0) }),
        "free": .integer(Int(OccupancyVolume.free)),
      ]),
    ])
  }

  private static func json(_ grid: BEVGrid) -> JSONValue {
    .members([
      "minimum": .array([.number(grid.minimumX), .number(grid.minimumY)]),
      "cell_size": .number(grid.cellSize),
      "counts": .array([.integer(grid.countX), .integer(grid.countY)]),
    ])
  }

  /// The grid in `bev/grid.json`.
  /// - Throws: `ResultsError` naming the field.
  public static func readGrid(_ path: String) throws -> BEVGrid {
    let value = try JSONValue.read(path, limit: 1 << 20)["bev"]
    let minimum = value?["minimum"]?.arrayValue?.compactMap(\.numberValue) ?? []
    let counts = value?["counts"]?.arrayValue?.compactMap(\.integerValue) ?? []
    guard minimum.count == 2, counts.count == 2, counts.allSatisfy({ (1...10_000).contains($0) }),
      let cell = value?["cell_size"]?.numberValue, cell > 0
    else {
      throw ResultsError(
        file: path, place: "bev", found: "no grid", expected: "minimum [x, y], cell_size and counts [x, y]")
    }
    return BEVGrid(
      minimumX: minimum[0], minimumY: minimum[1], cellSize: cell, countX: counts[0], countY: counts[1])
  }
}
