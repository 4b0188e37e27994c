import Algorithms
import Geometry
import PointClouds
import Scenes

/// Occupancy of the ground around the ego as log-odds, kept over time in the moving ego frame.
///
/// Each sweep adds evidence once: a return above the ground says occupied, a return from the ground and a ray that
/// passes low over a cell say free. Evidence is bounded, so that what moves away is forgotten within a few sweeps, and
/// fades as it ages.
public struct OccupancyMap: Sendable {
  /// How much each kind of evidence says, and what counts as which.
  public struct Configuration: Sendable, Hashable {
    /// Returns this much above the ground, in metres, are obstacles; what hangs higher is passed below.
    public var obstacleHeights: ClosedRange<Float> = 0.25...5
    /// Returns within this of the ground, in metres, are the ground.
    public var groundTolerance: Float = 0.2
    /// A ray lower than this above the ground, in metres, would have met what stands there.
    public var clearanceHeight: Float = 0.5
    /// Log-odds of one obstacle return in a cell, and of two or more.
    public var oneReturn: Float = 1.2, moreReturns: Float = 2.6
    /// Log-odds of a cell whose only returns are from the ground, and of one that rays only pass over.
    public var groundReturn: Float = -1.3, passingRay: Float = -0.5
    /// The bounds of a cell's log-odds.
    public var bounds: ClosedRange<Float> = -2...3.5
    /// The seconds after which half the evidence has faded.
    public var halfLifeSeconds = 3.0

    /// The defaults.
    public init() {}
  }

  /// The grid, in the ego frame.
  public let grid: BEVGrid
  /// The configuration.
  public let configuration: Configuration
  /// `[i, j]`: positive where something stands.
  public private(set) var logOdds: [Float]
  /// `[i, j]`: 1 where any evidence was ever had.
  public private(set) var observed: [UInt8]
  private var globalFromEgo: RigidTransform?
  private var latestMicroseconds: Int64?

  private var previousLogOdds: [Float]
  private var previousObserved: [UInt8]
  private var obstacleCounts: [UInt8]
  private var groundCounts: [UInt8]
  private var clearance = PolarClearance()

  /// A map of which nothing is known.
  public init(grid: BEVGrid = .standard, configuration: Configuration = Configuration()) {
    self.grid = grid
    self.configuration = configuration
    logOdds = [Float](repeating: 0, count: grid.count)
    observed = [UInt8](repeating: 0, count: grid.count)
    previousLogOdds = logOdds
    previousObserved = observed
    obstacleCounts = observed
    groundCounts = observed
  }

  /// Brings the map to a frame's pose and adds the sweeps that it has not had yet, oldest first.
  ///
  /// - Parameters:
  ///   - heights: each point's height above the ground, as `GroundModel` gives it.
  ///   - groundHeight: the ground's z under a place.
  ///   - withholdingKeyframe: leaves the keyframe's own sweep for the next frame.
  /// - Complexity: O(points + cells) a sweep.
  public mutating func update(
    with cloud: AccumulatedCloud, heights: [Float], ground: GroundModel, withholdingKeyframe: Bool = false,
    threads: Int = 1
  ) {
    move(to: cloud.globalFromEgo, atMicroseconds: cloud.timestampMicroseconds, threads: threads)
    let order = cloud.sources.indices.sorted {
      (cloud.sources[$0].timestampMicroseconds, $0) < (cloud.sources[$1].timestampMicroseconds, $1)
    }
    for s in order {
      let source = cloud.sources[s]
      if withholdingKeyframe && source.isKeyframe { continue }
      if let latest = latestMicroseconds, source.timestampMicroseconds <= latest { continue }
      latestMicroseconds = source.timestampMicroseconds
      integrate(source, cloud: cloud.points, heights: heights, ground: ground, threads: threads)
    }
  }

  /// Brings the map to a frame's pose and adds what a network says of each cell, where it says that it saw it.
  ///
  /// The network's log-odds are added like a sweep's evidence, at most `evidence` either way; a frame that is not later
  /// than the one before adds nothing.
  /// - Parameters:
  ///   - occupied: log-odds `[i, j]` over the map's grid.
  ///   - seen: log-odds `[i, j]` that the cell was observed; above 0 it was. What is not a number says nothing.
  /// - Complexity: O(cells).
  public mutating func update(
    occupied: UnsafePointer<Float>, seen: UnsafePointer<Float>, evidence: Float,
    globalFromEgo pose: RigidTransform, timestampMicroseconds time: Int64, threads: Int = 1
  ) {
    move(to: pose, atMicroseconds: time, threads: threads)
    if let latest = latestMicroseconds, time <= latest { return }
    latestMicroseconds = time
    let bounds = configuration.bounds
    for c in 0..<grid.count where seen[c] > 0 && !occupied[c].isNaN {
      let added = logOdds[c] + min(max(occupied[c], -evidence), evidence)
      logOdds[c] = min(max(added, bounds.lowerBound), bounds.upperBound)
      observed[c] = 1
    }
  }

  /// Forgets everything, as at the start of a scene; keeps its memory.
  public mutating func reset() {
    globalFromEgo = nil
    latestMicroseconds = nil
    for c in 0..<grid.count {
      logOdds[c] = 0
      observed[c] = 0
    }
  }

  /// Probabilities as bytes: 127 where nothing is known or both are as likely.
  public func layers() -> BEVLayers {
    var occupancy = [UInt8](repeating: 127, count: grid.count)
    for c in 0..<grid.count where observed[c] != 0 {
      occupancy[c] = UInt8((255 * logistic(logOdds[c])).rounded(.down))
    }
    return BEVLayers(grid: grid, occupancy: occupancy, observed: observed)
  }

  /// Resamples the map where the ego has moved, and lets evidence fade with time.
  private mutating func move(to pose: RigidTransform, atMicroseconds time: Int64, threads: Int) {
    defer { globalFromEgo = globalFromEgo ?? pose }
    guard let before = globalFromEgo else { return }
    fade(until: time)
    let motion = before.inverse * pose
    // A standing ego's map stays as it is: resampling again and again would blur it.
    guard motion.translation.xy.length > 0.02 || abs(motion.rotation.yaw) > 0.0005 else { return }
    globalFromEgo = pose
    swap(&logOdds, &previousLogOdds)
    swap(&observed, &previousObserved)
    let (grid, values, seen) = (grid, previousLogOdds, previousObserved)
    logOdds.withUnsafeMutableBufferPointer { logOdds in
      observed.withUnsafeMutableBufferPointer { observed in
        let (newValues, newSeen) = (SharedPointer(logOdds), SharedPointer(observed))
        forEachStrip(of: grid.countX, threads: threads, minimumStrip: 32) { rows in
          for i in rows {
            for j in 0..<grid.countY {
              let center = grid.center(i, j)
              let p = motion * SIMD3(center.x, center.y, 0)
              let cell = grid.index(i, j)
              (newValues[cell], newSeen[cell]) = Self.sample(values, seen, grid, p.x, p.y)
            }
          }
        }
      }
    }
  }

  /// The map between cell centres; the nearest cell says whether it was observed.
  @inline(__always)
  private static func sample(
    _ values: [Float], _ seen: [UInt8], _ grid: BEVGrid, _ x: Double, _ y: Double
  ) -> (Float, UInt8) {
    guard let nearest = grid.cell(x: x, y: y) else { return (0, 0) }
    let u = (x - grid.minimumX) / grid.cellSize - 0.5
    let v = (y - grid.minimumY) / grid.cellSize - 0.5
    let i = min(max(Int(u.rounded(.down)), 0), grid.countX - 2)
    let j = min(max(Int(v.rounded(.down)), 0), grid.countY - 2)
    let a = Float(min(max(u - Double(i), 0), 1))
    let b = Float(min(max(v - Double(j), 0), 1))
    let k = grid.index(i, j)
    let low = values[k] * (1 - b) + values[k + 1] * b
    let high = values[k + grid.countY] * (1 - b) + values[k + grid.countY + 1] * b
    return (low * (1 - a) + high * a, seen[grid.index(nearest.i, nearest.j)])
  }

  private mutating func fade(until time: Int64) {
    guard let latest = latestMicroseconds, time > latest else { return }
    let seconds = Double(time - latest) * 1e-6
    let factor = Float(halving(seconds / configuration.halfLifeSeconds))
    for c in 0..<grid.count { logOdds[c] *= factor }
  }

  private mutating func integrate(
    _ source: AccumulatedCloud.Source, cloud: PointCloud, heights: [Float], ground: GroundModel, threads: Int
  ) {
    count(source.range, cloud: cloud, heights: heights)
    let origin = source.origin
    clearance.trace(
      source.range, cloud: cloud, heights: heights, origin: origin,
      originHeight: origin.z - ground.height(origin.x, origin.y), configuration: configuration)
    let (grid, settings, clearance) = (grid, configuration, clearance)
    let (obstacles, grounds) = (obstacleCounts, groundCounts)
    logOdds.withUnsafeMutableBufferPointer { logOdds in
      observed.withUnsafeMutableBufferPointer { observed in
        let (values, seen) = (SharedPointer(logOdds), SharedPointer(observed))
        forEachStrip(of: grid.countX, threads: threads, minimumStrip: 32) { rows in
          for i in rows {
            let x = Float(grid.minimumX + (Double(i) + 0.5) * grid.cellSize) - origin.x
            for j in 0..<grid.countY {
              let c = grid.index(i, j)
              let evidence: Float
              if obstacles[c] > 0 {
                evidence = obstacles[c] == 1 ? settings.oneReturn : settings.moreReturns
              } else if grounds[c] > 0 {
                evidence = settings.groundReturn
              } else {
                let y = Float(grid.minimumY + (Double(j) + 0.5) * grid.cellSize) - origin.y
                guard clearance.isCleared(x, y) else { continue }
                evidence = settings.passingRay
              }
              values[c] = min(
                max(values[c] + evidence, settings.bounds.lowerBound), settings.bounds.upperBound)
              seen[c] = 1
            }
          }
        }
      }
    }
  }

  /// Returns of one sweep by cell, saturating.
  private mutating func count(_ range: Range<Int>, cloud: PointCloud, heights: [Float]) {
    for c in 0..<grid.count {
      obstacleCounts[c] = 0
      groundCounts[c] = 0
    }
    for p in range {
      let height = heights[p]
      guard let (i, j) = grid.cell(x: Double(cloud.x[p]), y: Double(cloud.y[p])) else { continue }
      let c = grid.index(i, j)
      if configuration.obstacleHeights.contains(height) {
        obstacleCounts[c] = min(obstacleCounts[c], 254) + 1
      } else if abs(height) <= configuration.groundTolerance {
        groundCounts[c] = min(groundCounts[c], 254) + 1
      }
    }
  }
}
