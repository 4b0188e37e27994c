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

  /// Draws layers, points, rings, agents with their modes, annotated boxes, labelled detections and the ego.
  func draw(
    _ prediction: FramePrediction, objects: [LabelledDetection], truth: [Box3D], points: PointCloud,
    minimumScore: Double, on canvas: inout Canvas
  ) {
    canvas.clip = (left..<left + side, top..<top + side)
    drawLayers(prediction.bev, &canvas)
    drawPoints(points, &canvas)
    drawRings(&canvas)
    let egoFromGlobal = prediction.globalFromEgo.inverse
    for box in truth { drawTruth(box.transformed(by: egoFromGlobal), &canvas) }
    drawModes(prediction.egoTrajectories, Palette.ego, egoFromGlobal, start: .zero, &canvas)
    for agent in prediction.agents where agent.track.detection.score >= minimumScore {
      let start = (egoFromGlobal * agent.track.detection.box.center).xy
      drawModes(
        agent.trajectories, Palette.color(of: agent.track.detection.name), egoFromGlobal, start: start,
        &canvas)
    }
    for object in objects { drawBox(object.detection, egoFromGlobal, &canvas) }
    for object in objects { drawLabel(object, egoFromGlobal, &canvas) }
    drawEgo(&canvas)
    drawRangeLabels(&canvas)
  }

  private func drawTruth(_ box: Box3D, _ canvas: inout Canvas) {
    guard box.center.isFinite else { return }
    canvas.polyline(box.footprint.points.map(pixel), Palette.truth, width: 1, alpha: 0.9, closed: true)
  }

  /// The track's number, or the score where there is none, at the right of the box.
  private func drawLabel(_ object: LabelledDetection, _ egoFromGlobal: RigidTransform, _ canvas: inout Canvas)
  {
    let box = object.detection.box.transformed(by: egoFromGlobal)
    guard box.center.isFinite else { return }
    let corners = box.footprint.points.map(pixel)
    let right = corners.reduce(-Double.infinity) { max($0, $1.x) }, middle = pixel(box.center.xy)
    guard right < 1e6, right > -1e6, abs(middle.y) < 1e6 else { return }
    canvas.text(
      object.number ?? object.label, x: Int(right) + 3, y: Int(middle.y) - 3,
      Palette.color(of: object.detection.name), alpha: 0.9)
  }

  private func drawLayers(_ layers: BEVLayers, _ canvas: inout Canvas) {
    canvas.fill(x: left..<left + side, y: top..<top + side, Palette.unknown)
    let maps = layers.mapLayers.compactMap { layer -> (Color, [UInt8])? in
      if layer.name.contains("drivable") { return (Palette.drivable, layer.values) }
      if layer.name.contains("divider") { return (Palette.divider, layer.values) }
      return layer.name.contains("crossing") ? (Palette.crossing, layer.values) : nil
    }
    // A cell is some pixels wide: its colour is mixed once.
    let colors = layers.observed.indices.map { cell in
      let seen = layers.observed[cell] != 0
      var color = seen ? Palette.free : Palette.unknown
      for (layer, values) in maps where values[cell] > 127 {
        color = color.blended(layer, 0.8 * Double(values[cell]) / 255)
      }
      let occupancy = Double(layers.occupancy[cell]) / 255
      return seen && occupancy > 0.5 ? color.blended(Palette.occupied, (occupancy - 0.5) * 1.5) : color
    }
    let middle = layers.grid.center(layers.grid.countX / 2, layers.grid.countY / 2)
    let ranges = (0..<side).map { halfRange - (Double($0) + 0.5) / pixelsPerMetre }
    canvas.fill(
      x: left, y: top, rows: ranges.map { layers.grid.cell(x: $0, y: middle.y)?.i ?? -1 },
      columns: ranges.map { layers.grid.cell(x: middle.x, y: $0)?.j ?? -1 }, colors,
      columnCount: layers.grid.countY)
  }

  /// Points as dots, bluish near the ground and warm above.
  private func drawPoints(_ points: PointCloud, _ canvas: inout Canvas) {
    let range = Float(halfRange)
    var dots: [(x: Int, y: Int, color: Int)] = []
    dots.reserveCapacity(points.count)
    for k in 0..<points.count {
      let (x, y, z) = (points.x[k], points.y[k], points.z[k])
      guard z.isFinite, abs(x) < range, abs(y) < range else { continue }
      let at = pixel(SIMD2(Double(x), Double(y)))
      dots.append((Int(at.x.rounded()), Int(at.y.rounded()), z < 0.3 ? 0 : z < 1.5 ? 1 : 2))
    }
    canvas.dots(dots, [Color(0x3f6fae), Color(0x55b7c9), Color(0xe8c65a)], [0.45, 0.6, 0.6])
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
      canvas.fill(x: x - 2..<x + Canvas.advance * label.count + 1, y: y - 2..<y + 9, Palette.background, 0.6)
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
