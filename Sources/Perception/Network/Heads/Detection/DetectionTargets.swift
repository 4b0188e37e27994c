import Foundation
import Geometry
import NeuralEngine
import Scenes

/// What the detection head should have said about a frame: the inputs of its losses.
///
/// Heat maps are 1 at an object's cell and fall off as a Gaussian whose width follows its size; regressions stand at that
/// cell alone, where `mask` is 1. Of two objects in one cell the first is kept. Planes are `[channel, i, j]`.
/// - Source: Yin et al., CenterPoint, arXiv 2006.11275, section 4, with the radius of Law & Deng, CornerNet,
///   arXiv 1808.01244, as CenterPoint's code computes it (least overlap 0.1, at least 2 cells).
public struct DetectionTargets: Sendable {
  /// The planes by the names of the outputs that they are for: heat maps (probabilities, not logits), offset, height, size
  /// (logarithms), rotation, velocity, attribute (1 for the right one).
  public private(set) var tensors: [String: TensorValue] = [:]
  /// Names of the masks in `tensors`: cells with an object, with a known velocity, with an attribute; each `[1, 1, i, j]`.
  public static let mask = "detection.mask"
  /// As above.
  public static let velocityMask = "detection.velocity.mask", attributeMask = "detection.attribute.mask"
  /// The least overlap that a box off by the radius would have, and the least radius in cells.
  public static let minimumOverlap = 0.1, minimumRadius = 2

  private let grid: BEVGrid
  private var planes: [String: [Float]] = [:]

  /// The targets of a frame.
  /// - Parameter objects: in the global frame; a velocity that is not finite is unknown, an empty attribute too. Those
  ///   outside the grid, of another class, or with sides that are not above 0 are left out.
  public init(
    _ objects: [Detection], globalFromEgo: RigidTransform, head: NetworkConfiguration.Detection, grid: BEVGrid
  ) {
    self.grid = grid
    let channels = [
      (NetworkTensors.heatmap, head.classes.count), (NetworkTensors.offset, 2), (NetworkTensors.height, 1),
      (NetworkTensors.size, 3), (NetworkTensors.rotation, 2), (NetworkTensors.velocity, 2),
      (NetworkTensors.attribute, DetectionAttributes.names.count), (Self.mask, 1), (Self.velocityMask, 1),
      (Self.attributeMask, 1),
    ]
    for (name, count) in channels { planes[name] = [Float](repeating: 0, count: count * grid.count) }
    let egoFromGlobal = globalFromEgo.inverse
    for object in objects {
      guard let k = head.classes.firstIndex(of: object.name) else { continue }
      let velocity = SIMD3(object.velocity.x, object.velocity.y, 0)
      draw(
        object, box: object.box.transformed(by: egoFromGlobal), classIndex: k,
        velocity: egoFromGlobal.rotation.rotate(velocity))
    }
    for (name, count) in channels {
      tensors[name] = TensorValue([1, count, grid.countX, grid.countY], planes[name] ?? [])
    }
    planes = [:]
  }

  private mutating func draw(
    _ object: Detection, box: Box3D, classIndex: Int, velocity: SIMD3<Double>
  ) {
    guard let (i, j) = grid.cell(x: box.center.x, y: box.center.y), box.size.min() > 0, box.size.isFinite,
      box.center.z.isFinite, box.yaw.isFinite
    else { return }
    let radius = Self.radius(length: box.length / grid.cellSize, width: box.width / grid.cellSize)
    drawGaussian(classIndex: classIndex, i: i, j: j, radius: radius)
    let cell = grid.index(i, j)
    guard planes[Self.mask]?[cell] == 0 else { return }
    set(Self.mask, cell, [1])
    set(
      NetworkTensors.offset, cell,
      [
        (box.center.x - grid.minimumX) / grid.cellSize - Double(i),
        (box.center.y - grid.minimumY) / grid.cellSize - Double(j),
      ])
    set(NetworkTensors.height, cell, [box.center.z])
    set(NetworkTensors.size, cell, [log(box.size.x), log(box.size.y), log(box.size.z)])
    set(NetworkTensors.rotation, cell, [sin(box.yaw), cos(box.yaw)])
    if velocity.x.isFinite, velocity.y.isFinite {
      set(NetworkTensors.velocity, cell, [velocity.x, velocity.y])
      set(Self.velocityMask, cell, [1])
    }
    let attributes = DetectionAttributes.indices(of: object.name)
    if let k = DetectionAttributes.names.firstIndex(of: object.attribute), attributes.contains(k) {
      planes[NetworkTensors.attribute]?[k * grid.count + cell] = 1
      set(Self.attributeMask, cell, [1])
    }
  }

  private mutating func set(_ name: String, _ cell: Int, _ values: [Double]) {
    for (channel, value) in values.enumerated() { planes[name]?[channel * grid.count + cell] = Float(value) }
  }

  /// The largest of what is there and a Gaussian of deviation (2 radius + 1) / 6 around a cell, cut off at the radius.
  private mutating func drawGaussian(classIndex: Int, i: Int, j: Int, radius: Int) {
    let deviation = Double(2 * radius + 1) / 6
    for a in max(i - radius, 0)...min(i + radius, grid.countX - 1) {
      for b in max(j - radius, 0)...min(j + radius, grid.countY - 1) {
        let square = Double((a - i) * (a - i) + (b - j) * (b - j))
        let value = Float(exp(-square / (2 * deviation * deviation)))
        let place = classIndex * grid.count + grid.index(a, b)
        if let there = planes[NetworkTensors.heatmap]?[place], value > there {
          planes[NetworkTensors.heatmap]?[place] = value
        }
      }
    }
  }

  /// The radius in cells within which a centre may lie so that a box of this size (in cells) still overlaps enough.
  public static func radius(length: Double, width: Double) -> Int {
    let overlap = minimumOverlap, sum = length + width, area = length * width
    func root(_ a: Double, _ b: Double, _ c: Double) -> Double {
      (b + max(b * b - 4 * a * c, 0).squareRoot()) / 2
    }
    let radius = min(
      root(1, sum, area * (1 - overlap) / (1 + overlap)),
      root(4, 2 * sum, (1 - overlap) * area),
      root(4 * overlap, -2 * overlap * sum, (overlap - 1) * area))
    return max(minimumRadius, Int(min(max(radius, 0), 1000)))
  }
}
