import Files
import Geometry
import Scenes

/// Intersection over union of each map layer that a run's BEV archives hold, over all cells of all frames.
///
/// A cell is of a layer in truth where its centre lies in one of the layer's areas, or within 0.4 m of one of its lines;
/// it is marked where its value is above 127 (one half).
/// - Source: Philion and Fidler, "Lift, Splat, Shoot", ECCV 2020, section 5.2 (threshold one half); Li et al., "HDMapNet",
///   ICRA 2022, section IV-B.
public struct MapMetrics: Sendable, Equatable {
  /// How far from a line cells belong to it, in metres.
  public static let lineReach = 0.4

  /// One layer's cells.
  public struct Layer: Sendable, Equatable {
    /// The layer.
    public let name: String
    /// Cells of the layer in truth, cells so marked, and cells that are both.
    public internal(set) var truth = 0, marked = 0, both = 0

    /// Intersection over union; nil where the layer is neither there nor marked.
    public var intersectionOverUnion: Double? {
      let union = truth + marked - both
      return union > 0 ? Double(both) / Double(union) : nil
    }
  }

  /// The layers in the order in which they were met.
  public private(set) var layers: [Layer] = []
  /// Frames that were judged.
  public private(set) var frames = 0

  /// Nothing judged yet.
  public init() {}

  /// The mean over the layers that have a figure; nil where none has.
  public var mean: Double? {
    let values = layers.compactMap(\.intersectionOverUnion)
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Judges one frame: those of its layers that the map has.
  /// - Parameters:
  ///   - layers: The prediction, in the ego frame.
  ///   - map: The truth, in the global frame.
  public mutating func add(_ bev: BEVLayers, map: [MapLayer], globalFromEgo: RigidTransform) {
    frames += 1
    for (name, values) in bev.mapLayers {
      guard let truth = map.first(where: { $0.name == name }) else { continue }
      let cells = Self.draw(truth, grid: bev.grid, globalFromEgo: globalFromEgo)
      let k = layers.firstIndex { $0.name == name } ?? layers.count
      if k == layers.count { layers.append(Layer(name: name)) }
      for (isTrue, value) in zip(cells, values) {
        layers[k].truth += isTrue ? 1 : 0
        layers[k].marked += value > 127 ? 1 : 0
        layers[k].both += isTrue && value > 127 ? 1 : 0
      }
    }
  }

  /// The cells of a layer, `[i, j]`.
  static func draw(_ layer: MapLayer, grid: BEVGrid, globalFromEgo: RigidTransform) -> [Bool] {
    var cells = [Bool](repeating: false, count: grid.count)
    let egoFromGlobal = globalFromEgo.inverse
    func inEgo(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
      points.map { (egoFromGlobal * SIMD3($0.x, $0.y, globalFromEgo.translation.z)).xy }
    }
    for area in layer.areas {
      grid.forEachCell(inRings: ([area.outline] + area.holes).map { inEgo($0.points) }) {
        cells[grid.index($0, $1)] = true
      }
    }
    for line in layer.lines {
      let points = inEgo(line)
      for (a, b) in zip(points, points.dropFirst()) {
        grid.forEachCell(within: lineReach, ofSegment: a, b) { cells[grid.index($0, $1)] = true }
      }
    }
    return cells
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "iou": .object(
        layers.map { .init(key: $0.name, value: .optional($0.intersectionOverUnion)) }),
      "mean_iou": .optional(mean), "frames": .integer(frames),
    ])
  }
}
