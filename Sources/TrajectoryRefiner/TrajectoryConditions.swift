import Foundation
import Geometry
import Scenes

/// What is known of one agent and around it, in its own frame: one row of each of the network's inputs.
///
/// Where something is absent its mask says so and its numbers are not read. Layouts and units are `ConditionLayout`'s.
public struct TrajectoryConditions: Sendable, Hashable {
  /// The identity; with scene and time it keys the noise.
  public var id: String
  /// How it moves.
  public var kind: AgentKind
  /// Where it is in the global frame, in metres, and where it points, in radians.
  public var position: SIMD2<Double>
  /// In radians.
  public var heading: Double
  /// Its speed along the heading in m/s, from the last samples; nil where it was never seen before.
  public var startSpeed: Double?

  /// `[sample][feature]`, the oldest first, the present one last.
  public var history: [Float]
  /// Size and class.
  public var attributes: [Float]
  /// `[neighbour][feature]` and which of them exist.
  public var neighbours: [Float], neighbourMask: [Bool]
  /// `[polyline][point][feature]`: lanes, then roads, then the route.
  public var polylines: [Float]
  /// Each polyline's place in `RoadLine.Kind.allCases`, and which of them exist.
  public var polylineTypes: [Int64], polylineMask: [Bool]
  /// BEV features at the agent, and whether there are any.
  public var place: [Float], hasPlace: Bool
  /// `[mode][sample][channel]` along the anchors, and 1 or 0 for each `[mode][sample]` that lies on the grid.
  public var paths: [Float], pathMask: [Float]

  /// Conditions of which nothing is known but the kind and the place.
  public init(
    id: String, kind: AgentKind, position: SIMD2<Double>, heading: Double,
    configuration c: RefinerConfiguration
  ) {
    self.id = id
    self.kind = kind
    self.position = position
    self.heading = heading
    func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }
    history = zeros(c.historySteps * ConditionLayout.historyFeatures)
    attributes = zeros(ConditionLayout.attributeFeatures)
    neighbours = zeros(c.neighbours * ConditionLayout.neighbourFeatures(c))
    neighbourMask = [Bool](repeating: false, count: c.neighbours)
    polylines = zeros(c.polylines * c.polylinePoints * ConditionLayout.pointFeatures)
    polylineTypes = [Int64](repeating: 0, count: c.polylines)
    polylineMask = [Bool](repeating: false, count: c.polylines)
    place = zeros(c.bevChannels)
    hasPlace = false
    let samples = c.bevChannels > 0 ? c.modes * c.pathSteps.count : 0
    paths = zeros(samples * c.bevChannels)
    pathMask = zeros(samples)
  }

  /// A point of the global frame in the agent's.
  func local(_ point: SIMD2<Double>) -> SIMD2<Double> { (point - position).rotated(by: -heading) }

  /// A point of the agent's frame in the global one.
  func global(_ point: SIMD2<Double>) -> SIMD2<Double> { point.rotated(by: heading) + position }
}

/// Makes conditions from what a drive gives: agents' histories, a map, BEV features.
///
/// `observe` is called once a frame in order of time, before `conditions`. Nothing later than the present is seen.
public struct ConditionBuilder: Sendable {
  /// The measures.
  public let configuration: RefinerConfiguration
  /// The paths along which BEV features are sampled.
  public let anchors: TrajectoryAnchors
  /// The map, where there is one.
  public var map: RoadMap?
  private var histories: AgentHistories
  private var present: [ObservedAgent] = []
  private var timestamp: Int64 = 0

  /// A builder at the beginning of a scene.
  public init(configuration: RefinerConfiguration, anchors: TrajectoryAnchors, map: RoadMap? = nil) {
    self.configuration = configuration
    self.anchors = anchors
    self.map = map
    histories = AgentHistories(seconds: configuration.historySeconds)
  }

  /// Notes all agents of the present frame, the ego among them: they are each other's neighbours.
  public mutating func observe(_ agents: [ObservedAgent], at timestampMicroseconds: Int64) {
    histories.observe(agents, at: timestampMicroseconds)
    present = agents
    timestamp = timestampMicroseconds
  }

  /// The conditions of agents at the present frame.
  ///
  /// - Parameters:
  ///   - agents: as they were observed last.
  ///   - bev: features of this frame; nil: none.
  ///   - route: where the ego is to go, for agents of its kind.
  /// - Complexity: O(agents · (agents + polylines within the radius + anchors · samples · channels)).
  public func conditions(
    of agents: [ObservedAgent], bev: BEVFeatures? = nil, route: [RoadPoint] = []
  ) -> [TrajectoryConditions] {
    let pasts = present.map { past(of: $0) }
    return agents.map { agent in
      var result = TrajectoryConditions(
        id: agent.id, kind: agent.kind, position: agent.position, heading: agent.heading,
        configuration: configuration)
      fillHistory(&result, past(of: agent))
      fillAttributes(&result.attributes, agent)
      fillNeighbours(&result, pasts)
      fillPolylines(&result, route: agent.kind == .ego ? route : [])
      if let bev { fill(&result, from: bev) }
      return result
    }
  }

  // MARK: Histories

  /// Samples from the oldest to the present one; nil where the agent was not seen.
  private func past(of agent: ObservedAgent) -> [MotionSample?] {
    let samples = histories[agent.id]
    let interval = configuration.historyInterval * 1e6
    return (0..<configuration.historySteps).map { k in
      let back = Double(configuration.historySteps - 1 - k)
      return AgentHistories.sample(of: samples, at: timestamp - Int64((back * interval).rounded()))
    }
  }

  private func fillHistory(_ result: inout TrajectoryConditions, _ past: [MotionSample?]) {
    let width = ConditionLayout.historyFeatures
    for (k, sample) in past.enumerated() {
      guard let sample else { continue }
      let p = result.local(sample.position) / ConditionLayout.positionUnit
      let angle = sample.heading - result.heading
      var velocity = SIMD2<Double>.zero
      if k + 1 < past.count, let next = past[k + 1] {
        velocity =
          (next.position - sample.position).rotated(by: -result.heading)
          / configuration.historyInterval / ConditionLayout.velocityUnit
      }
      let row = [p.x, p.y, cos(angle), sin(angle), velocity.x, velocity.y, 1]
      for (f, value) in row.enumerated() { result.history[k * width + f] = Float(value) }
    }
    if let before = past[past.count - 2], let now = past[past.count - 1] {
      let way = (now.position - before.position).rotated(by: -now.heading)
      result.startSpeed = (way.x < 0 ? -1 : 1) * way.length / configuration.historyInterval
    }
  }

  private func fillAttributes(_ target: inout [Float], _ agent: ObservedAgent) {
    for (k, extent) in [agent.size.y, agent.size.x, agent.size.z].enumerated() {
      target[k] = Float(extent / ConditionLayout.sizeUnit)
    }
    target[3 + ConditionLayout.index(of: agent.name)] = 1
  }

  private func fillNeighbours(_ result: inout TrajectoryConditions, _ pasts: [[MotionSample?]]) {
    var near: [(distance: Double, place: Int)] = []
    for (k, other) in present.enumerated() where other.id != result.id {
      let distance = (other.position - result.position).length
      let isFull = near.count == configuration.neighbours
      guard distance <= configuration.radius, !isFull || near.last.map({ distance < $0.distance }) ?? false
      else { continue }
      if isFull { near.removeLast() }
      // Equally near ones in their order.
      near.insert((distance, k), at: near.firstIndex { distance < $0.distance } ?? near.count)
    }
    let width = ConditionLayout.neighbourFeatures(configuration)
    for (slot, neighbour) in near.enumerated() {
      let other = present[neighbour.place]
      let start = slot * width
      for (k, sample) in pasts[neighbour.place].enumerated() {
        guard let sample else { continue }
        let p = result.local(sample.position) / ConditionLayout.positionUnit
        result.neighbours[start + 3 * k] = Float(p.x)
        result.neighbours[start + 3 * k + 1] = Float(p.y)
        result.neighbours[start + 3 * k + 2] = 1
      }
      let angle = other.heading - result.heading
      let rest = start + 3 * configuration.historySteps
      result.neighbours[rest] = Float(cos(angle))
      result.neighbours[rest + 1] = Float(sin(angle))
      result.neighbours[rest + 2] = Float(other.size.y / ConditionLayout.sizeUnit)
      result.neighbours[rest + 3] = Float(other.size.x / ConditionLayout.sizeUnit)
      result.neighbours[rest + 4 + ConditionLayout.index(of: other.name)] = 1
      result.neighbourMask[slot] = true
    }
  }

  // MARK: Roads

  private func fillPolylines(_ result: inout TrajectoryConditions, route: [RoadPoint]) {
    let c = configuration
    if let map {
      let place = result.position
      let lanes = map.nearest(c.lanePolylines, to: place, within: c.radius, roads: false)
      for (k, piece) in lanes.enumerated() { fill(&result, polyline: k, piece) }
      let roads = map.nearest(c.roadPolylines, to: place, within: c.radius, roads: true)
      for (k, piece) in roads.enumerated() { fill(&result, polyline: c.lanePolylines + k, piece) }
    }
    // The route's first piece ahead, from the point nearest to the agent.
    let points = RoadMap.resampled(route, spacing: c.polylineSpacing)
    let nearest = points.indices.min {
      (points[$0].position.xy - result.position).length < (points[$1].position.xy - result.position).length
    }
    if let nearest {
      let ahead = Array(points[nearest...].prefix(c.polylinePoints))
      fill(&result, polyline: c.polylines - 1, RoadMap.Piece(kind: .route, points: ahead))
    }
  }

  private func fill(_ result: inout TrajectoryConditions, polyline: Int, _ piece: RoadMap.Piece) {
    let width = ConditionLayout.pointFeatures
    for (k, point) in piece.points.enumerated() {
      let p = result.local(point.position.xy) / ConditionLayout.positionUnit
      let angle = point.heading - result.heading
      let row = [
        p.x, p.y, cos(angle), sin(angle), point.curvature / ConditionLayout.curvatureUnit,
        point.slope / ConditionLayout.slopeUnit, 1,
      ]
      let start = (polyline * configuration.polylinePoints + k) * width
      for (f, value) in row.enumerated() { result.polylines[start + f] = Float(value) }
    }
    result.polylineTypes[polyline] = Int64(RoadLine.Kind.allCases.firstIndex(of: piece.kind) ?? 0)
    result.polylineMask[polyline] = true
  }

  // MARK: BEV

  private func fill(_ result: inout TrajectoryConditions, from bev: BEVFeatures) {
    let channels = configuration.bevChannels
    guard channels > 0 else { return }
    precondition(bev.channels == channels, "\(bev.channels) BEV channels, \(channels) configured")
    // The agent's own place, then the steps of each anchor.
    let steps = configuration.pathSteps
    var places = [result.position]
    for anchor in anchors.modes[result.kind.rawValue] {
      for step in steps { places.append(result.global(anchor[step - 1])) }
    }
    let (samples, isInside) = bev.sample(at: places)
    result.place = Array(samples[..<channels])
    result.hasPlace = isInside[0]
    result.paths = Array(samples[channels...])
    result.pathMask = isInside.dropFirst().map { $0 ? 1 : 0 }
  }
}
