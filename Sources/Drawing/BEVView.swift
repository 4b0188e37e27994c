import Geometry
import Scenes

/// The bird's-eye view of a preview: forward up, left at left.
struct BEVView {
  let left: Int, top: Int
  /// Pixels a side, and metres from the middle to a side.
  let side: Int
  let halfRange: Double

  private var pixelsPerMetre: Double { Double(side) / (2 * halfRange) }

  /// The pixel of a point of the ego frame.
  func pixel(_ p: SIMD2<Double>) -> SIMD2<Double> {
    SIMD2(
      Double(left) + (halfRange - p.y) * pixelsPerMetre - 0.5,
      Double(top) + (halfRange - p.x) * pixelsPerMetre - 0.5)
  }

  /// Draws layers, points, rings, agents with their modes, detections and the ego.
  func draw(_ prediction: FramePrediction, points: PointCloud, minimumScore: Double, on canvas: inout Canvas)
  {
    canvas.clip = (left..<left + side, top..<top + side)
    drawLayers(prediction.bev, &canvas)
    drawPoints(points, &canvas)
    drawRings(&canvas)
    let egoFromGlobal = prediction.globalFromEgo.inverse
    drawModes(prediction.egoTrajectories, Palette.ego, egoFromGlobal, start: .zero, &canvas)
    for agent in prediction.agents where agent.track.detection.score >= minimumScore {
      let start = (egoFromGlobal * agent.track.detection.box.center).xy
      drawModes(
        agent.trajectories, Palette.color(of: agent.track.detection.name), egoFromGlobal, start: start,
        &canvas)
    }
    for detection in prediction.detections where detection.score >= minimumScore {
      drawBox(detection, egoFromGlobal, &canvas)
    }
    drawEgo(&canvas)
    drawRangeLabels(&canvas)
  }

  private func drawLayers(_ layers: BEVLayers, _ canvas: inout Canvas) {
    canvas.fill(x: left..<left + side, y: top..<top + side, Palette.unknown)
    let maps = layers.mapLayers.compactMap { layer -> (Color, [UInt8])? in
      if layer.name.contains("drivable") { return (Palette.drivable, layer.values) }
      if layer.name.contains("divider") { return (Palette.divider, layer.values) }
      return layer.name.contains("crossing") ? (Palette.crossing, layer.values) : nil
    }
    for row in 0..<side {
      let x = halfRange - (Double(row) + 0.5) / pixelsPerMetre
      for column in 0..<side {
        let y = halfRange - (Double(column) + 0.5) / pixelsPerMetre
        guard let (i, j) = layers.grid.cell(x: x, y: y) else { continue }
        let cell = layers.grid.index(i, j)
        if layers.observed[cell] != 0 { canvas.blend(left + column, top + row, Palette.free, 1) }
        for (color, values) in maps where values[cell] > 127 {
          canvas.blend(left + column, top + row, color, 0.8 * Double(values[cell]) / 255)
        }
        let occupancy = Double(layers.occupancy[cell]) / 255
        if layers.observed[cell] != 0, occupancy > 0.5 {
          canvas.blend(left + column, top + row, Palette.occupied, (occupancy - 0.5) * 1.5)
        }
      }
    }
  }

  /// Points as dots, bluish near the ground and warm above.
  private func drawPoints(_ points: PointCloud, _ canvas: inout Canvas) {
    let low = Color(0x3f6fae)
    let middle = Color(0x55b7c9)
    let high = Color(0xe8c65a)
    for k in 0..<points.count {
      let p = points.position(k)
      guard p.x.isFinite, p.y.isFinite, p.z.isFinite, abs(p.x) < Float(halfRange), abs(p.y) < Float(halfRange)
      else {
        continue
      }
      let at = pixel(SIMD2(Double(p.x), Double(p.y)))
      let color = p.z < 0.3 ? low : p.z < 1.5 ? middle : high
      canvas.blend(Int(at.x.rounded()), Int(at.y.rounded()), color, p.z < 0.3 ? 0.45 : 0.6)
    }
  }

  private func drawRings(_ canvas: inout Canvas) {
    let center = pixel(.zero)
    for ring in 1...Int(halfRange / 10) {
      canvas.circle(center, radius: Double(ring) * 10 * pixelsPerMetre, Palette.ring, alpha: 0.28)
    }
  }

  private func drawRangeLabels(_ canvas: inout Canvas) {
    for range in stride(from: 20, to: Int(halfRange), by: 20) {
      // Along the diagonal, where less is in the way.
      let at = pixel(SIMD2(Double(range), Double(-range)) * 0.7071)
      let label = "\(range) m"
      let x = Int(at.x) + 2
      let y = Int(at.y) - 4
      canvas.fill(x: x - 2..<x + 6 * label.count + 1, y: y - 2..<y + 9, Palette.background, 0.6)
      canvas.text(label, x: x, y: y, Palette.text)
    }
  }

  private func drawBox(_ detection: Detection, _ egoFromGlobal: RigidTransform, _ canvas: inout Canvas) {
    let box = detection.box.transformed(by: egoFromGlobal)
    guard box.center.isFinite else { return }
    let color = Palette.color(of: detection.name)
    let corners = box.footprint.points.map(pixel)
    canvas.fill(corners, color, 0.22)
    canvas.polyline(corners, color, width: 1.6, closed: true)
    // The heading: from the centre through the front.
    let nose = box.center.xy + SIMD2(box.length / 2 + 0.6, 0).rotated(by: box.yaw)
    canvas.line(pixel(box.center.xy), pixel(nose), color, width: 1.6)
  }

  /// The three most probable modes, the least of them first, fainter the less probable, with a dot each second.
  private func drawModes(
    _ trajectories: Trajectories, _ color: Color, _ egoFromGlobal: RigidTransform, start: SIMD2<Double>,
    _ canvas: inout Canvas
  ) {
    let height = egoFromGlobal.inverse.translation.z
    for (rank, mode) in trajectories.modes.prefix(3).enumerated().reversed() {
      let probability = trajectories.probabilities[rank]
      let path = [start] + mode.map { (egoFromGlobal * SIMD3($0.x, $0.y, height)).xy }
      guard path.allSatisfy({ $0.x.isFinite && $0.y.isFinite }), probability.isFinite else { continue }
      // A mode that hardly moves is one point: it would hide its box. One with little behind it says little.
      guard (path[path.count - 1] - start).length > 1, rank == 0 || probability > 0.08 else { continue }
      let alpha = rank == 0 ? 0.9 : min(0.6, 0.15 + probability)
      canvas.polyline(path.map(pixel), color, width: rank == 0 ? 1.8 : 1.1, alpha: alpha)
      for k in stride(from: 2, to: path.count, by: 2) {
        canvas.disc(pixel(path[k]), radius: rank == 0 ? 1.9 : 1.3, color, alpha)
      }
    }
  }

  /// The ego: 4.1 m by 1.8 m from the rear axle on, with an arrow to the front.
  private func drawEgo(_ canvas: inout Canvas) {
    let outline = [SIMD2(3.4, 0.9), SIMD2(-0.9, 0.9), SIMD2(-0.9, -0.9), SIMD2(3.4, -0.9)].map(pixel)
    canvas.fill(outline, Palette.ego, 0.5)
    canvas.polyline(outline, Palette.ego, width: 1.6, closed: true)
    canvas.polyline([SIMD2(1.6, 0.7), SIMD2(2.9, 0), SIMD2(1.6, -0.7)].map(pixel), Palette.text, width: 1.6)
  }
}
