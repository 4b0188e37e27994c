/// Clusters vectors around k centres (Lloyd's algorithm from k-means++ seeds), the same for the same seed.
///
/// - Source: Lloyd, IEEE Trans. Information Theory 1982; Arthur & Vassilvitskii, "k-means++", SODA 2007.
public struct KMeans: Sendable {
  /// The vectors' length.
  public let dimensions: Int
  /// `[centre][dimension]`.
  public private(set) var centers: [[Double]]
  /// Each point's nearest centre.
  public private(set) var assignment: [Int] = []

  /// Clusters until no point changes its centre, or so many rounds have been made.
  ///
  /// - Parameters:
  ///   - points: `[point][dimension]`, all of one length, finite; at least `count` of them.
  ///   - seed: of the first centres.
  /// - Precondition: `1 ≤ count ≤ points.count`.
  /// - Complexity: O(rounds · points · count · dimensions).
  public init(_ points: [[Double]], count: Int, seed: UInt64, rounds: Int = 200) {
    precondition(count >= 1 && count <= points.count, "\(count) centres for \(points.count) points")
    dimensions = points[0].count
    centers = Self.seeds(points, count: count, seed: seed)
    for _ in 0..<rounds {
      let (next, moved) = Self.step(points, centers: centers)
      let done = next == assignment
      assignment = next
      if done { break }
      centers = moved
    }
  }

  /// One round: each point's nearest centre (the first of equals), and the means of the points of each centre (a centre
  /// without points stays).
  public static func step(
    _ points: [[Double]], centers: [[Double]]
  ) -> (assignment: [Int], centers: [[Double]]) {
    var assignment: [Int] = []
    var sums = centers.map { [Double](repeating: 0, count: $0.count) }
    var counts = [Int](repeating: 0, count: centers.count)
    for point in points {
      var best = 0
      var least = Double.infinity
      for (c, center) in centers.enumerated() {
        let distance = squaredDistance(point, center)
        if distance < least { (best, least) = (c, distance) }
      }
      assignment.append(best)
      counts[best] += 1
      for d in point.indices { sums[best][d] += point[d] }
    }
    let moved = centers.indices.map { c in
      counts[c] == 0 ? centers[c] : sums[c].map { $0 / Double(counts[c]) }
    }
    return (assignment, moved)
  }

  /// Each further centre is a point drawn by its squared distance to the nearest centre so far.
  private static func seeds(_ points: [[Double]], count: Int, seed: UInt64) -> [[Double]] {
    let draw = NoiseKey(seed: seed, scene: "k-means", agent: "", timestampMicroseconds: 0)
    var centers = [points[min(Int(draw.uniform(0) * Double(points.count)), points.count - 1)]]
    var nearest = points.map { squaredDistance($0, centers[0]) }
    while centers.count < count {
      let total = nearest.reduce(0, +)
      var left = draw.uniform(centers.count) * total
      var chosen = nearest.lastIndex { $0 > 0 } ?? 0
      for (k, weight) in nearest.enumerated() where weight > 0 {
        left -= weight
        if left < 0 {
          chosen = k
          break
        }
      }
      centers.append(points[chosen])
      for k in points.indices { nearest[k] = min(nearest[k], squaredDistance(points[k], points[chosen])) }
    }
    return centers
  }

  private static func squaredDistance(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for d in a.indices { sum += (a[d] - b[d]) * (a[d] - b[d]) }
    return sum
  }
}
