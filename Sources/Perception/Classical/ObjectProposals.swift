import Geometry
import PointClouds
import Scenes

/// An object as one sweep shows it, in the ego frame.
struct ObjectProposal: Sendable {
  var shape: ClassShape
  /// How well the cluster fits the class, in (0, 1).
  var score: Float
  /// The completed footprint: centre, length and width in metres, heading in radians.
  var center: SIMD2<Float>
  var length: Float, width: Float, yaw: Float
  /// Metres above the local ground.
  var top: Float
  /// The places of its columns.
  var columns: [Int32]
  /// Where a car's cabin lies: the middle of its high part before the middle of the box, as a share of the length; 0 where
  /// it does not show, and for other classes.
  var cabinOffset: Float = 0
}

/// Picks objects out of a sweep's columns: the cut through the cluster tree that fits the classes' shapes best.
///
/// Every cluster of every level is tried as one object; a parent that fits better than its children together (scores
/// weighted by columns) takes their place.
/// - Source: the choice among nested clusters follows Hu, Held and Ramanan, "Learning to optimally segment point
///   clouds", RA-L 2020, with shape likelihoods in place of a learnt score.
struct ObjectProposals: Sendable {
  /// Distances at which columns join, in cells of 0.2 m.
  static let distances: [Float] = [1.5, 2.3, 3.2, 4.5, 6]
  /// Clusters longer than this, in metres, are buildings.
  static let longest: Float = 16

  let columns: ObstacleColumns
  /// The sensor's place in the ego frame.
  let sensor: SIMD2<Float>

  /// Columns higher than this, in metres, are no car's: what the first cut leaves is cut again without them.
  private static let lowTop: Float = 2.4
  /// Of what the second cut finds: the least number of points, and a factor of its score, as pieces of hedges look alike.
  private static let lowPoints: Float = 200, lowDiscount: Float = 0.6

  /// The best proposals, none overlapping another much, by falling score.
  ///
  /// A car below a canopy or beside a hedge is one cluster with it; without the tall columns it stands by itself.
  func proposals() -> [ObjectProposal] {
    let first = bestCut(through: columns.columns.indices.map { Int32($0) })
    var isTaken = [Bool](repeating: false, count: columns.columns.count)
    for k in first.lazy.flatMap(\.columns) { isTaken[Int(k)] = true }
    let left = columns.columns.indices.filter { !isTaken[$0] && columns.columns[$0].top <= Self.lowTop }
    var second = bestCut(through: left.map { Int32($0) })
    second.removeAll { proposal in
      proposal.columns.reduce(0) { $0 + columns.columns[Int($1)].points } < Self.lowPoints
    }
    for k in second.indices { second[k].score *= Self.lowDiscount }
    return Self.withoutOverlaps(first + second)
  }

  /// The cut through the cluster tree of some columns that fits best.
  private func bestCut(through members: [Int32]) -> [ObjectProposal] {
    let tree = ClusterTree(
      coordinates: members.map { columns.coordinates[Int($0)] }, side: ObstacleColumns.side,
      distances: Self.distances)
    var value = [Float](repeating: 0, count: tree.nodes.count)
    var chosen = [ObjectProposal?](repeating: nil, count: tree.nodes.count)
    for (n, node) in tree.nodes.enumerated() {
      let parts = tree.children[node.children].reduce(Float(0)) { $0 + value[Int($1)] }
      value[n] = parts
      guard let proposal = propose(tree.cells[node.range].map { members[Int($0)] }) else { continue }
      let whole = proposal.score * Float(node.range.count)
      if whole > parts {
        value[n] = whole
        chosen[n] = proposal
      }
    }
    var found: [ObjectProposal] = []
    var stack = tree.roots
    while let n = stack.popLast() {
      if let proposal = chosen[Int(n)] {
        found.append(proposal)
      } else {
        stack += tree.children[tree.nodes[Int(n)].children]
      }
    }
    return found
  }

  /// The class that a cluster fits best, or nil where it fits none.
  private func propose(_ members: [Int32]) -> ObjectProposal? {
    var low = SIMD2<Float>(repeating: .infinity)
    var high = SIMD2<Float>(repeating: -.infinity)
    var points: Float = 0
    for k in members {
      let column = columns.columns[Int(k)]
      low = pointwiseMin(low, column.position)
      high = pointwiseMax(high, column.position)
      points += column.points
    }
    let span = high - low
    guard points >= 4, (span.x * span.x + span.y * span.y).squareRoot() < Self.longest else { return nil }
    let cluster = ClusterShape(members, columns: columns.columns, points: points, sensor: sensor)
    var best: ObjectProposal?
    for shape in ClassShape.all {
      for isTurned in [false, true] {
        guard var proposal = cluster.fit(to: shape, isTurned: isTurned), proposal.score > best?.score ?? 0.002
        else { continue }
        proposal.score *= surroundings(of: proposal, columnCount: cluster.columnCount)
        if proposal.score > best?.score ?? 0.002 { best = proposal }
      }
    }
    best?.columns = members
    if let found = best, found.shape.name == .car { best?.cabinOffset = cabinOffset(of: found) }
    return best
  }

  /// The middle of the columns that reach nearly as high as the highest, along a box, as a share of its length.
  private func cabinOffset(of proposal: ObjectProposal) -> Float {
    let tops = proposal.columns.map { columns.columns[Int($0)].top }
    let limit = 0.72 * (tops.sorted()[(tops.count - 1) * 19 / 20])
    let axis = direction(proposal.yaw)
    var low = Float.infinity, high = -Float.infinity
    var count = 0
    for (k, top) in zip(proposal.columns, tops) where top > limit {
      let d = columns.columns[Int(k)].position - proposal.center
      let along = d.x * axis.x + d.y * axis.y
      low = min(low, along)
      high = max(high, along)
      count += 1
    }
    return count >= 4 ? (low + high) / 2 / proposal.length : 0
  }

  /// How well a footprint agrees with what is around, in (0, 1]: no ground is seen within it, nothing taller than the
  /// class grows out of it, and no building or tree stands next to a vehicle (pieces of walls look like vehicles).
  private func surroundings(of proposal: ObjectProposal, columnCount: Int) -> Float {
    let isVehicle = proposal.shape.isVehicle
    let ground = columns.groundShare(of: proposal, inset: isVehicle ? 0.4 : 0.1)
    var tall = columns.tallColumns(
      around: proposal, margin: isVehicle ? 0.8 : 0.4, above: proposal.shape.tallest)
    if isVehicle {
      // A vehicle of its own height does not count against itself; the lower limit keeps the factor within (0, 1].
      let near = columns.tallColumns(around: proposal, margin: 2, above: 3)
      tall += 2 * max(0, near - columns.tallColumns(around: proposal, margin: 0.3, above: 3))
    }
    return max(0, 1 - 5 * max(0, ground - 0.08)) / (1 + 2 * Float(tall) / Float(columnCount))
  }

  /// Of proposals whose footprints overlap, the one that fits best.
  private static func withoutOverlaps(_ proposals: [ObjectProposal]) -> [ObjectProposal] {
    let order = proposals.indices.sorted {
      (proposals[$1].score, $0) < (proposals[$0].score, $1)
    }
    var kept: [(proposal: ObjectProposal, box: Box3D)] = []
    for k in order {
      let candidate = proposals[k]
      let box = candidate.footprintBox
      let isFree = kept.allSatisfy { other in
        let d = other.proposal.center - candidate.center
        let reach = (other.proposal.length + candidate.length) / 2
        return d.x * d.x + d.y * d.y > reach * reach || box.footprintIoU(with: other.box) < 0.1
      }
      if isFree { kept.append((candidate, box)) }
    }
    return kept.map(\.proposal)
  }
}

extension ObjectProposal {
  /// The footprint as a box of no particular height.
  var footprintBox: Box3D {
    Box3D(
      center: SIMD3(Double(center.x), Double(center.y), 0), size: SIMD3(Double(width), Double(length), 1),
      rotation: Quaternion(yaw: Double(yaw)))
  }
}
