import Foundation
import Geometry
import NeuralEngine
import Scenes

/// Boxes from the detection head's outputs: peaks, the best of them, one box an object.
///
/// A peak is a cell whose logit none of its eight neighbours exceeds. A value keeps its memory from frame to frame; the
/// result is the same at any number of threads.
/// - Source: Yin et al., CenterPoint, arXiv 2006.11275, section 4.
public struct DetectionDecoder: Sendable {
  /// The head's outputs, as `NetworkTensors` describes them.
  public struct Outputs: Sendable {
    /// `[1, class, i, j]` and `[1, 2 | 1 | 3 | 2 | 2 | 8, i, j]`.
    public var heatmap: TensorView, offset: TensorView, height: TensorView, size: TensorView
    /// As above.
    public var rotation: TensorView, velocity: TensorView, attribute: TensorView

    /// The outputs that `view` gives by name.
    public init(_ view: (String) throws -> TensorView) rethrows {
      heatmap = try view(NetworkTensors.heatmap)
      offset = try view(NetworkTensors.offset)
      height = try view(NetworkTensors.height)
      size = try view(NetworkTensors.size)
      rotation = try view(NetworkTensors.rotation)
      velocity = try view(NetworkTensors.velocity)
      attribute = try view(NetworkTensors.attribute)
    }
  }

  /// Peaks that are looked at, by falling score.
  public static let maximumCandidates = 1000
  /// Of a side, in metres: beyond e to this power, or below its inverse, nothing is an object.
  static let maximumLogSize: Float = 5

  private let configuration: NetworkConfiguration.Detection
  private let grid: BEVGrid
  /// Peaks as one number each: those with higher logits first, then by class and cell.
  private var peaks: [UInt64] = []
  private var kept: [Candidate] = []

  private struct Candidate {
    var classIndex: Int
    var box: Box3D
    var velocity: SIMD2<Double>
    var score: Double
    var attribute: Int?
  }

  /// A decoder of a head over a grid.
  public init(_ configuration: NetworkConfiguration.Detection, grid: BEVGrid) {
    self.configuration = configuration
    self.grid = grid
  }

  /// The objects of a frame in the global frame, by falling score.
  /// - Precondition: the outputs have the head's shapes over the grid.
  /// - Complexity: O(classes × cells + kept × candidates).
  public mutating func decode(_ outputs: Outputs, globalFromEgo: RigidTransform) -> [Detection] {
    precondition(
      outputs.heatmap.shape == [1, configuration.classes.count, grid.countX, grid.countY],
      "heat maps \(outputs.heatmap.shape)")
    findPeaks(outputs.heatmap.floats)
    kept.removeAll(keepingCapacity: true)
    for peak in peaks.prefix(Self.maximumCandidates) {
      guard kept.count < configuration.maximumCount else { break }
      let place = Int(truncatingIfNeeded: peak & 0xffff_ffff)
      guard let candidate = candidate(at: place, outputs), !isSuppressed(candidate) else { continue }
      kept.append(candidate)
    }
    return kept.map { object in
      let velocity = globalFromEgo.rotation.rotate(SIMD3(object.velocity.x, object.velocity.y, 0))
      return Detection(
        name: configuration.classes[object.classIndex], box: object.box.transformed(by: globalFromEgo),
        velocity: velocity.xy, score: object.score,
        attribute: object.attribute.map { DetectionAttributes.names[$0] } ?? "")
    }
  }

  /// All peaks that reach the least score, by falling logit, then by class and cell.
  private mutating func findPeaks(_ heat: UnsafePointer<Float>) {
    let least = Float(log(configuration.minimumScore / (1 - configuration.minimumScore)))
    let (rows, columns) = (grid.countX, grid.countY)
    peaks.removeAll(keepingCapacity: true)
    for k in configuration.classes.indices {
      for i in 0..<rows {
        let row = heat + (k * rows + i) * columns
        for j in 0..<columns where row[j] >= least && row[j] < .infinity {
          let value = row[j], first = max(j - 1, 0), last = min(j + 1, columns - 1)
          if row[first] > value || row[last] > value { continue }
          if i > 0, Self.exceeds(row - columns, first, last, value) { continue }
          if i + 1 < rows, Self.exceeds(row + columns, first, last, value) { continue }
          peaks.append(
            UInt64(~Self.ordered(value)) << 32 | UInt64(truncatingIfNeeded: (k * rows + i) * columns + j))
        }
      }
    }
    peaks.sort()
  }

  /// Whether one of the two or three elements exceeds a value.
  @inline(__always)
  private static func exceeds(
    _ row: UnsafePointer<Float>, _ first: Int, _ last: Int, _ value: Float
  ) -> Bool {
    row[first] > value || row[last] > value || row[(first + last + 1) / 2] > value
      || row[(first + last) / 2] > value
  }

  /// Bits that are ordered as the numbers are.
  @inline(__always)
  private static func ordered(_ value: Float) -> UInt32 {
    let bits = (value + 0).bitPattern
    return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
  }

  /// A peak's box in the ego frame; nil where a number is not finite or no object has such a size.
  private func candidate(at place: Int, _ outputs: Outputs) -> Candidate? {
    let (classIndex, cell) = place.quotientAndRemainder(dividingBy: grid.count)
    let plane = grid.count
    func value(_ view: TensorView, _ channel: Int) -> Double { Double(view.floats[channel * plane + cell]) }
    let logSize = SIMD3(value(outputs.size, 0), value(outputs.size, 1), value(outputs.size, 2))
    let limit = Double(Self.maximumLogSize)
    let center = SIMD3(
      grid.minimumX + (Double(cell / grid.countY) + value(outputs.offset, 0)) * grid.cellSize,
      grid.minimumY + (Double(cell % grid.countY) + value(outputs.offset, 1)) * grid.cellSize,
      value(outputs.height, 0))
    let yaw = atan2(value(outputs.rotation, 0), value(outputs.rotation, 1))
    let velocity = SIMD2(value(outputs.velocity, 0), value(outputs.velocity, 1))
    guard center.isFinite, yaw.isFinite, velocity.x.isFinite, velocity.y.isFinite,
      (-limit...limit).contains(logSize.x), (-limit...limit).contains(logSize.y),
      (-limit...limit).contains(logSize.z)
    else { return nil }
    return Candidate(
      classIndex: classIndex,
      box: Box3D(
        center: center, size: SIMD3(exp(logSize.x), exp(logSize.y), exp(logSize.z)),
        rotation: Quaternion(yaw: yaw)),
      velocity: velocity, score: 1 / (1 + exp(-Double(outputs.heatmap.floats[place]))),
      attribute: attribute(of: configuration.classes[classIndex], outputs.attribute.floats + cell))
  }

  /// The likeliest attribute that the class may have; the first of equals.
  private func attribute(of name: DetectionClass, _ logits: UnsafePointer<Float>) -> Int? {
    var best: Int?
    for k in DetectionAttributes.indices(of: name)
    where best.map({ logits[k * grid.count] > logits[$0 * grid.count] }) ?? true { best = k }
    return best
  }

  /// Whether a better detection stands for the same object.
  private func isSuppressed(_ candidate: Candidate) -> Bool {
    switch configuration.suppression {
    case .none: return false
    case .circle:
      let name = configuration.classes[candidate.classIndex]
      let radius = DetectionAttributes.suppressionRadius(of: name), place = candidate.box.center.xy
      for other in kept where other.classIndex == candidate.classIndex {
        let distance = other.box.center.xy - place
        if distance.dot(distance) <= radius * radius { return true }
      }
      return false
    case .rotated:
      return kept.contains { other in
        guard other.classIndex == candidate.classIndex else { return false }
        let reach = (other.box.size.xy.length + candidate.box.size.xy.length) / 2
        let distance = other.box.center.xy - candidate.box.center.xy
        return distance.dot(distance) < reach * reach
          && other.box.footprintIoU(with: candidate.box) > configuration.maximumOverlap
      }
    }
  }
}

extension DetectionAttributes {
  /// Places in `names` of the attributes that a class may have; none for cones and barriers.
  public static func indices(of name: DetectionClass) -> Range<Int> {
    switch name {
    case .bicycle, .motorcycle: 0..<2
    case .pedestrian: 2..<5
    case .car, .truck, .bus, .trailer, .constructionVehicle: 5..<8
    case .trafficCone, .barrier: 0..<0
    }
  }

  /// Metres around a centre within which a second one of the class is the same object. CenterPoint's circle NMS on
  /// nuScenes: squares of 4, 12, 10, 1, 0.85 and 0.175 m².
  public static func suppressionRadius(of name: DetectionClass) -> Double {
    switch name {
    case .car: 2
    case .truck, .constructionVehicle: 3.46
    case .bus, .trailer: 3.16
    case .barrier: 1
    case .motorcycle, .bicycle: 0.92
    case .pedestrian, .trafficCone: 0.42
    }
  }
}
