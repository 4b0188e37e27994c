import Files
import Geometry

/// Average precision of perceived map lines by Chamfer distance.
///
/// True and perceived lines within 30 m ahead and behind and 15 m to the sides of the ego are compared as 100 points at
/// even steps along each. Their distance is the mean of both mean nearest distances. Lines are taken by falling score
/// (of equal ones the first in the file); each is right where its nearest true line of the layer is within the threshold
/// and not taken yet. The average precision is the area under the falling envelope of precision over recall; a layer's is
/// the mean over 0.5, 1.0 and 1.5 m.
/// - Source: Liao et al., "MapTR", ICLR 2023, section 4.1, and its code, `map_utils/tpfp_chamfer.py` and `mean_ap.py`.
public struct LaneMetrics: Sendable, Equatable {
  /// The thresholds in metres.
  public static let thresholds = [0.5, 1.0, 1.5]
  /// How far ahead and behind, and to the sides, lines are compared, in metres.
  public static let reach = SIMD2(30.0, 15.0)
  /// The points of a line.
  public static let pointCount = 100

  /// A perceived line in the ego frame, in metres.
  public struct Line: Sendable {
    /// The points, two at least.
    public var points: [SIMD2<Double>]
    /// Confidence.
    public var score: Double
    /// The line with this score.
    public init(points: [SIMD2<Double>], score: Double = 1) {
      self.points = points
      self.score = score
    }
  }

  /// One layer's average precisions, one a threshold.
  public struct Layer: Sendable, Equatable {
    /// The layer.
    public let name: String
    /// True and perceived lines.
    public let truth: Int, found: Int
    /// One a threshold; nil where there is no true line.
    public let averagePrecisions: [Double]?
  }

  /// The layers.
  public let layers: [Layer]

  /// The mean over layers and thresholds; nil where no layer has a true line.
  public var mean: Double? {
    let values = layers.compactMap(\.averagePrecisions).map { $0.reduce(0, +) / Double($0.count) }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// - Parameter frames: by layer, `[frame]` of true and perceived lines in the ego frame.
  /// - Complexity: O(Σ truth x found x points²).
  public init(_ frames: [(layer: String, frames: [(truth: [[SIMD2<Double>]], found: [Line])])]) {
    layers = frames.map { name, frames in
      let truth = frames.map { $0.truth.flatMap(Self.pieces).map(Self.resampled) }
      let found = frames.map { frame in
        frame.found.flatMap { line in
          Self.pieces(line.points).map { Line(points: Self.resampled($0), score: line.score) }
        }
      }
      let count = truth.reduce(0) { $0 + $1.count }
      let distances = zip(truth, found).map { truth, found in
        found.map { line in truth.map { Self.chamferDistance(line.points, $0) } }
      }
      let precisions = Self.thresholds.map { threshold in
        Self.averagePrecision(
          distances, scores: found.map { $0.map(\.score) }, threshold: threshold, count: count)
      }
      return Layer(
        name: name, truth: count, found: found.reduce(0) { $0 + $1.count },
        averagePrecisions: count > 0 ? precisions : nil)
    }
  }

  /// The parts of a line within reach, each of two points at least.
  static func pieces(_ line: [SIMD2<Double>]) -> [[SIMD2<Double>]] {
    var result: [[SIMD2<Double>]] = []
    var current: [SIMD2<Double>] = []
    for (a, b) in zip(line, line.dropFirst()) {
      guard let (from, to) = clipped(a, b) else { continue }
      if current.last == from {
        current.append(to)
      } else {
        result.append(current)
        current = [from, to]
      }
    }
    return (result + [current]).filter { $0.count >= 2 && length($0) > 0 }
  }

  /// The part of a segment within reach (Liang and Barsky), or nil.
  private static func clipped(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> (SIMD2<Double>, SIMD2<Double>)? {
    let move = b - a
    var (from, to) = (0.0, 1.0)
    for axis in 0..<2 {
      for (step, room) in [(-move[axis], a[axis] + reach[axis]), (move[axis], reach[axis] - a[axis])] {
        if step == 0 {
          if room < 0 { return nil }
        } else if step < 0 {
          from = max(from, room / step)
        } else {
          to = min(to, room / step)
        }
      }
    }
    guard from < to else { return nil }
    return (from == 0 ? a : a + move * from, to == 1 ? b : a + move * to)
  }

  private static func length(_ line: [SIMD2<Double>]) -> Double {
    zip(line, line.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0).length }
  }

  /// `pointCount` points at even steps along a line, its ends included.
  static func resampled(_ line: [SIMD2<Double>]) -> [SIMD2<Double>] {
    let step = length(line) / Double(pointCount - 1)
    var result: [SIMD2<Double>] = []
    var passed = 0.0
    for (a, b) in zip(line, line.dropFirst()) {
      let here = (b - a).length
      while here > 0, result.count < pointCount, Double(result.count) * step <= passed + here {
        result.append(a + (b - a) * ((Double(result.count) * step - passed) / here))
      }
      passed += here
    }
    // Rounding may leave out the last point.
    while result.count < pointCount, let end = line.last { result.append(end) }
    return result
  }

  /// The mean of both mean distances from each point of one line to the nearest of the other.
  static func chamferDistance(_ a: [SIMD2<Double>], _ b: [SIMD2<Double>]) -> Double {
    func mean(_ from: [SIMD2<Double>], _ to: [SIMD2<Double>]) -> Double {
      let sum = from.reduce(0) { sum, p in
        var least = Double.infinity
        for q in to {
          let d = p - q
          least = min(least, d.dot(d))
        }
        return sum + least.squareRoot()
      }
      return sum / Double(from.count)
    }
    return (mean(a, b) + mean(b, a)) / 2
  }

  /// - Parameter distances: `[frame][found][truth]`.
  private static func averagePrecision(
    _ distances: [[[Double]]], scores: [[Double]], threshold: Double, count: Int
  ) -> Double {
    let all = distances.indices.flatMap { frame in distances[frame].indices.map { (frame: frame, line: $0) } }
    let order = all.indices.sorted { a, b in
      let (first, second) = (scores[all[a].frame][all[a].line], scores[all[b].frame][all[b].line])
      return (second, a) < (first, b)
    }
    var taken = distances.map { [Bool](repeating: false, count: $0.first?.count ?? 0) }
    var right = 0.0
    var curve: [(recall: Double, precision: Double)] = []
    for (rank, index) in order.enumerated() {
      let (frame, line) = all[index]
      let row = distances[frame][line]
      if let nearest = row.indices.min(by: { row[$0] < row[$1] }), row[nearest] <= threshold,
        !taken[frame][nearest]
      {
        taken[frame][nearest] = true
        right += 1
      }
      curve.append((right / Double(count), right / Double(rank + 1)))
    }
    return areaUnderEnvelope(curve)
  }

  /// The area under precision over recall, each precision raised to the highest at any higher recall.
  private static func areaUnderEnvelope(_ curve: [(recall: Double, precision: Double)]) -> Double {
    var best = 0.0
    var envelope: [Double] = []
    for point in curve.reversed() {
      best = max(best, point.precision)
      envelope.append(best)
    }
    envelope.reverse()
    var area = 0.0
    var last = 0.0
    for (point, precision) in zip(curve, envelope) {
      area += (point.recall - last) * precision
      last = point.recall
    }
    return area
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "layers": .object(
        layers.map { layer in
          .init(
            key: layer.name,
            value: .members([
              "ap": layer.averagePrecisions.map { values in
                .object(zip(Self.thresholds, values).map { .init(key: $0.description, value: .number($1)) })
              } ?? .null, "truth": .integer(layer.truth), "found": .integer(layer.found),
            ]))
        }), "mean_ap": .optional(mean),
    ])
  }
}
