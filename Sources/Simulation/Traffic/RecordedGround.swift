import Geometry
import Scenes

/// The ground of a recorded scene: areas from its map, heights from where its boxes stand.
enum RecordedGround {
  /// Areas near the ego's way: a made-up sidewalk along the drivable area's border where the map has none, the drivable
  /// area, car parks, and paint along dividers and on crossings.
  static func areas(_ layers: [MapLayer], near way: [SIMD2<Double>], reach: Double) -> [GroundArea] {
    func isNear(_ p: SIMD2<Double>) -> Bool { way.contains { ($0 - p).dot($0 - p) < reach * reach } }
    func layer(_ name: String) -> MapLayer? { layers.first { $0.name == name } }
    let drivable = layer("drivable_area")?.areas ?? []
    let walkways = layer("walkway")?.areas ?? []
    var areas: [GroundArea] = []
    for area in walkways where area.outline.points.contains(where: isNear) {
      areas.append(
        GroundArea(material: .sidewalk, outline: area.outline, holes: area.holes, elevation: 0.14))
    }
    if walkways.isEmpty {
      for area in drivable {
        for ring in [area.outline] + area.holes { areas += border(of: ring, width: 3, isNear) }
      }
    }
    for area in drivable {
      areas.append(GroundArea(material: .road, outline: area.outline, holes: area.holes))
    }
    for area in layer("carpark_area")?.areas ?? [] where area.outline.points.contains(where: isNear) {
      areas.append(GroundArea(material: .carPark, outline: area.outline, holes: area.holes))
    }
    for line in layer("lane_divider")?.lines ?? [] {
      areas += paint(line, width: 0.15, dash: 3, gap: 4.5, .whitePaint, isNear)
    }
    for line in layer("road_divider")?.lines ?? [] {
      areas += paint(line, width: 0.2, dash: 1e9, gap: 0, .yellowPaint, isNear)
    }
    for area in layer("ped_crossing")?.areas ?? [] where area.outline.points.contains(where: isNear) {
      areas.append(GroundArea(material: .whitePaint, outline: area.outline))
    }
    return areas
  }

  /// A band on both sides of a ring, as a strip a side and an octagon a corner.
  private static func border(of ring: Polygon, width: Double, _ isNear: (SIMD2<Double>) -> Bool)
    -> [GroundArea]
  {
    var areas: [GroundArea] = []
    guard var a = ring.points.last else { return [] }
    for b in ring.points {
      defer { a = b }
      let side = b - a
      guard side.length > 1e-6, isNear(a) || isNear(b) else { continue }
      let aside = SIMD2(-side.y, side.x) / side.length * width
      areas.append(
        GroundArea(
          material: .sidewalk, outline: Polygon([a + aside, b + aside, b - aside, a - aside]), elevation: 0.14
        ))
      let octagon = (0..<8).map { b + SIMD2(width, 0).rotated(by: Double($0) * .pi / 4) }
      areas.append(GroundArea(material: .sidewalk, outline: Polygon(octagon), elevation: 0.14))
    }
    return areas
  }

  /// A painted line, in dashes.
  private static func paint(
    _ line: [SIMD2<Double>], width: Double, dash: Double, gap: Double, _ material: GroundMaterial,
    _ isNear: (SIMD2<Double>) -> Bool
  ) -> [GroundArea] {
    var areas: [GroundArea] = []
    var along = 0.0
    for (a, b) in zip(line, line.dropFirst()) {
      let length = (b - a).length
      guard length > 1e-6 else { continue }
      let ahead = (b - a) / length
      let aside = SIMD2(-ahead.y, ahead.x) * (width / 2)
      var s = 0.0
      while s < length {
        let phase = (along + s).truncatingRemainder(dividingBy: dash + gap)
        let rest = phase < dash ? dash - phase : dash + gap - phase
        let to = min(length, s + max(rest, 1e-3))
        if phase < dash, isNear(a) {
          let p = a + ahead * s
          let q = a + ahead * to
          areas.append(
            GroundArea(material: material, outline: Polygon([p - aside, q - aside, q + aside, p + aside])))
        }
        s = to
      }
      along += length
    }
    return areas
  }

  /// Heights from the ego's way and from the lower faces of boxes, weighed by distance, every five metres.
  static func heights(ego: MotionPath, actors: [Actor], base: Double) -> HeightField {
    var feet: [(place: SIMD2<Double>, z: Double, weight: Double)] = []
    for k in stride(from: 0, to: ego.poses.count, by: 5) {
      feet.append((ego.poses[k].translation.xy, ego.poses[k].translation.z, 3))
    }
    for actor in actors {
      for k in stride(from: 0, to: actor.path.poses.count, by: 4) {
        let p = actor.path.poses[k].translation
        // A box that floats or sinks by more than metres says nothing of the ground.
        let z = p.z - actor.size.z / 2
        if abs(z - base) < 4 { feet.append((p.xy, z, 1)) }
      }
    }
    var low = SIMD2(Double.infinity, .infinity)
    var high = SIMD2(-Double.infinity, -.infinity)
    for pose in ego.poses {
      low = SIMD2(min(low.x, pose.translation.x), min(low.y, pose.translation.y))
      high = SIMD2(max(high.x, pose.translation.x), max(high.y, pose.translation.y))
    }
    low -= SIMD2(120, 120)
    high += SIMD2(120, 120)
    let spacing = 5.0
    let countX = Int((high.x - low.x) / spacing) + 2
    let countY = Int((high.y - low.y) / spacing) + 2
    var values: [Float] = []
    values.reserveCapacity(countX * countY)
    for i in 0..<countX {
      for j in 0..<countY {
        let p = SIMD2(low.x + Double(i) * spacing, low.y + Double(j) * spacing)
        // The prior is the ego's first height, with the weight of one foot 20 m away.
        var sum = base * 0.0025
        var weights = 0.0025
        for foot in feet {
          let squared = (foot.place - p).dot(foot.place - p)
          guard squared < 3600 else { continue }
          let weight = foot.weight / (9 + squared) * max(0, 1 - squared / 3600)
          sum += foot.z * weight
          weights += weight
        }
        values.append(Float(sum / weights))
      }
    }
    return HeightField(
      minimumX: low.x, minimumY: low.y, spacing: spacing, countX: countX, countY: countY, values: values)
  }
}
