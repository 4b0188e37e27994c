import Geometry
import Glibc

/// The ground as rays and pictures meet it: a smooth mesh, raised areas with kerbs on it, and a table of materials.
///
/// Local frame: the global one moved by `SceneGeometry.origin`. Raised areas are not triangles: a ray that nears the smooth
/// surface looks along its last decimetres for the first place that stands higher (`firstMeeting`).
package struct GroundMesh: Sendable {
  /// The smooth surface as triangles, out to the horizon.
  package let mesh: TriangleMesh
  /// The highest area above the smooth surface, in metres.
  let maximumElevation: Float
  private let grid: BEVGrid
  private let codes: [UInt8]
  private let kinds: [(material: GroundMaterial, elevation: Float)]
  private let heights: HeightField
  private let offset: SIMD3<Double>
  /// The side of a cell of the table of materials, in metres.
  var cell: Float { 1 / inverseCell }
  private let inverseCell: Float, minimumX: Float, minimumY: Float

  /// The surface of a scene's ground within a window of global x and y, moved by `origin`.
  init(_ ground: Ground, window: (low: SIMD2<Double>, high: SIMD2<Double>), origin: SIMD3<Double>) {
    let size = window.high - window.low
    let cell = max(0.05, (size.x * size.y / 32e6).squareRoot())
    grid = BEVGrid(
      minimumX: window.low.x, minimumY: window.low.y, cellSize: cell, countX: max(1, Int(size.x / cell)),
      countY: max(1, Int(size.y / cell)))
    var kinds: [(material: GroundMaterial, elevation: Float)] = [(.terrain, 0)]
    var codeOfArea: [UInt8] = [0]
    for area in ground.areas {
      let elevation = Float(area.elevation)
      if let k = kinds.firstIndex(where: { $0.material == area.material && $0.elevation == elevation }) {
        codeOfArea.append(UInt8(k))
      } else if kinds.count < 255 {
        kinds.append((area.material, elevation))
        codeOfArea.append(UInt8(kinds.count - 1))
      } else {
        codeOfArea.append(UInt8(kinds.firstIndex { $0.material == area.material } ?? 0))
      }
    }
    self.kinds = kinds
    codes = ground.areaIndices(over: grid).map { codeOfArea[Int($0)] }
    maximumElevation = kinds.map(\.elevation).max() ?? 0
    heights = ground.heights
    offset = origin
    inverseCell = Float(1 / cell)
    minimumX = Float(window.low.x - origin.x)
    minimumY = Float(window.low.y - origin.y)
    mesh = Self.smoothMesh(ground.heights, window: window, origin: origin)
  }

  /// The material and its height above the smooth surface at a place of the local frame.
  @inline(__always)
  func kind(_ x: Float, _ y: Float) -> (material: GroundMaterial, elevation: Float) {
    let i = (x - minimumX) * inverseCell
    let j = (y - minimumY) * inverseCell
    guard i >= 0, j >= 0, i < Float(grid.countX), j < Float(grid.countY) else { return kinds[0] }
    return kinds[Int(codes[Int(i) * grid.countY + Int(j)])]
  }

  /// Materials' colours blended between the four nearest cells, so that a border runs over one cell's width; and the
  /// material of the nearest one.
  /// - Precondition: one colour a `GroundMaterial`.
  @inline(__always)
  func blend(_ x: Float, _ y: Float, _ palette: UnsafeBufferPointer<SIMD3<Float>>) -> (
    color: SIMD3<Float>, material: GroundMaterial
  ) {
    let i = (x - minimumX) * inverseCell - 0.5
    let j = (y - minimumY) * inverseCell - 0.5
    guard i >= 0, j >= 0, i < Float(grid.countX - 1), j < Float(grid.countY - 1) else {
      return (palette[0], .terrain)
    }
    let (a, b) = (Int(i), Int(j))
    let (u, v) = (i - Float(a), j - Float(b))
    return codes.withUnsafeBufferPointer { codes in
      let at = a * grid.countY + b
      let (c00, c01) = (codes[at], codes[at + 1])
      let (c10, c11) = (codes[at + grid.countY], codes[at + grid.countY + 1])
      let nearest = kinds[Int(u < 0.5 ? (v < 0.5 ? c00 : c01) : (v < 0.5 ? c10 : c11))].material
      if c00 == c01, c10 == c11, c00 == c10 { return (palette[Int(nearest.rawValue)], nearest) }
      func color(_ c: UInt8) -> SIMD3<Float> { palette[Int(kinds[Int(c)].material.rawValue)] }
      let low = color(c00) * (1 - v) + color(c01) * v
      let high = color(c10) * (1 - v) + color(c11) * v
      return (low * (1 - u) + high * u, nearest)
    }
  }

  /// `blend` over the nine nearest cells, with quadratic B-splines as weights: borders run over two cells' width.
  /// - Precondition: one colour a `GroundMaterial`.
  @inline(__always)
  func smoothBlend(_ x: Float, _ y: Float, _ palette: UnsafeBufferPointer<SIMD3<Float>>) -> (
    color: SIMD3<Float>, material: GroundMaterial
  ) {
    let i = (x - minimumX) * inverseCell
    let j = (y - minimumY) * inverseCell
    guard i >= 1, j >= 1, i < Float(grid.countX - 1), j < Float(grid.countY - 1) else {
      return (palette[0], .terrain)
    }
    let (a, b) = (Int(i), Int(j))
    return codes.withUnsafeBufferPointer { codes in
      let at = a * grid.countY + b
      let here = codes[at]
      let material = kinds[Int(here)].material
      var isUniform = true
      for k in -1...1 {
        let row = at + k * grid.countY
        isUniform = isUniform && codes[row - 1] == here && codes[row] == here && codes[row + 1] == here
      }
      if isUniform { return (palette[Int(material.rawValue)], material) }
      func weights(_ t: Float) -> SIMD3<Float> {
        SIMD3(0.5 * (1 - t) * (1 - t), 0.75 - (t - 0.5) * (t - 0.5), 0.5 * t * t)
      }
      let (u, v) = (weights(i - Float(a)), weights(j - Float(b)))
      var color = SIMD3<Float>.zero
      for row in 0..<3 {
        for column in 0..<3 {
          let code = codes[at + (row - 1) * grid.countY + column - 1]
          color += palette[Int(kinds[Int(code)].material.rawValue)] * (u[row] * v[column])
        }
      }
      return (color, material)
    }
  }

  /// The smooth surface's height at a place, in the local frame.
  func smoothHeight(_ x: Float, _ y: Float) -> Float {
    Float(heights.height(SIMD2(Double(x) + offset.x, Double(y) + offset.y)) - offset.z)
  }

  /// Where a ray first meets the ground, kerbs and raised areas counted, given where it meets the smooth surface.
  ///
  /// `minimumStride` metres along the ground are looked at one by one: the finest kerb that is found.
  /// - Returns: distance, normal and material; a kerb's face is of its area's material and `isKerb`.
  @inline(__always)
  func firstMeeting(
    origin: SIMD3<Float>, direction d: SIMD3<Float>, smoothDistance t: Float, smoothNormal n: SIMD3<Float>,
    stride minimumStride: Float = 0.12
  ) -> (distance: Float, normal: SIMD3<Float>, material: GroundMaterial, isKerb: Bool) {
    let base = origin + d * t
    let flat = kind(base.x, base.y)
    let fall = -d.dot(n) / max(n.z, 0.1)
    guard maximumElevation > 0, fall > 1e-5 else { return (t, n, flat.material, false) }
    let reach = min(maximumElevation / fall, t, 12)
    let steps = min(40, max(1, Int(reach * (d.x * d.x + d.y * d.y).squareRoot() / minimumStride)))
    let step = reach / Float(steps)
    var before: Float = -1
    for k in 0..<steps {
      let s = t - reach + step * Float(k)
      let p = origin + d * s
      let here = kind(p.x, p.y)
      let above = (t - s) * fall
      if here.elevation > 0, above <= here.elevation + 1e-4 {
        let top = t - here.elevation / fall
        if k == 0 || before >= here.elevation { return (max(top, 0), n, here.material, false) }
        if top >= s - step, kind(origin.x + d.x * top, origin.y + d.y * top).elevation == here.elevation {
          return (max(top, 0), n, here.material, false)
        }
        return kerb(origin, d, from: s - step, to: s, here.material)
      }
      before = here.elevation
    }
    // Raised only at the very end: the ray meets the kerb just before.
    if flat.elevation > 0 {
      if before >= flat.elevation { return (max(t - flat.elevation / fall, 0), n, flat.material, false) }
      return kerb(origin, d, from: t - step, to: t, flat.material)
    }
    return (t, n, flat.material, false)
  }

  /// The face of a raised area that begins between two distances along a ray, to a sixteenth of their gap.
  private func kerb(
    _ origin: SIMD3<Float>, _ d: SIMD3<Float>, from near: Float, to far: Float, _ material: GroundMaterial
  ) -> (distance: Float, normal: SIMD3<Float>, material: GroundMaterial, isKerb: Bool) {
    var (low, high) = (near, far)
    for _ in 0..<4 {
      let middle = (low + high) / 2
      if kind(origin.x + d.x * middle, origin.y + d.y * middle).elevation > 0 {
        high = middle
      } else {
        low = middle
      }
    }
    return (max(high, 0), SIMD3<Float>(-d.x, -d.y, 0).unit, material, true)
  }

  /// Squares of the height field's spacing (2 to 8 m) in the window, and larger ones around it out to 2 km.
  private static func smoothMesh(
    _ heights: HeightField, window: (low: SIMD2<Double>, high: SIMD2<Double>), origin: SIMD3<Double>
  ) -> TriangleMesh {
    let isLevel = heights.values.allSatisfy { $0 == heights.values[0] }
    let spacing = isLevel ? 24 : min(max(heights.spacing, 2), 8)
    var lines: (x: [Double], y: [Double]) = ([], [])
    for axis in 0..<2 {
      let (low, high) = (window.low[axis], window.high[axis])
      let count = max(1, Int(((high - low) / spacing).rounded(.up)))
      var values = [low - 2000, low - 600, low - 200, low - 60]
      values += (0...count).map { low + (high - low) * Double($0) / Double(count) }
      values += [high + 60, high + 200, high + 600, high + 2000]
      if axis == 0 { lines.x = values } else { lines.y = values }
    }
    var mesh = TriangleMesh()
    for x in lines.x {
      for y in lines.y {
        let p = SIMD2(x, y)
        let local = SIMD3(x, y, heights.height(p)) - origin
        mesh.positions.append(SIMD3(Float(local.x), Float(local.y), Float(local.z)))
      }
    }
    let columns = UInt32(lines.y.count)
    for i in 0..<UInt32(lines.x.count - 1) {
      for j in 0..<columns - 1 {
        let a = i * columns + j
        mesh.corners.append(SIMD3(a, a + columns, a + columns + 1))
        mesh.corners.append(SIMD3(a, a + columns + 1, a + 1))
      }
    }
    mesh.materials = Array(repeating: .ground, count: mesh.corners.count)
    mesh.colors = Array(repeating: SIMD3(0.1, 0.1, 0.1), count: mesh.corners.count)
    return mesh
  }
}
