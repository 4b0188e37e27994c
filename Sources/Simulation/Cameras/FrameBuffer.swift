import Glibc

/// Depth and identity for each pixel of one picture (of one or more flat faces, one behind the other).
final class FrameBuffer {
  let count: Int
  /// 1 / depth of the nearest surface, 0 where there is none.
  let nearness: UnsafeMutablePointer<Float>
  /// The place in the list of drawn triangles plus 1, 0 where there is none.
  let identities: UnsafeMutablePointer<UInt32>
  /// The actor that last covered the pixel, in front or behind: counts its outline without occlusion.
  let stamps: UnsafeMutablePointer<UInt16>

  init(count: Int) {
    self.count = count
    nearness = UnsafeMutablePointer<Float>.allocate(capacity: count)
    identities = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
    stamps = UnsafeMutablePointer<UInt16>.allocate(capacity: count)
    nearness.initialize(repeating: 0, count: count)
    identities.initialize(repeating: 0, count: count)
    stamps.initialize(repeating: 0, count: count)
  }

  deinit {
    nearness.deallocate()
    identities.deallocate()
    stamps.deallocate()
  }
}

/// Scan conversion of triangles.
enum Rasterizer {
  /// Calls `row(y, first x, last x, value at first x, value's step)` for each row of pixel centres inside a triangle.
  ///
  /// Corners are (x, y) in pixels and a value that is linear over the screen; pixel centres are whole numbers.
  @inline(__always)
  static func scan(
    _ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>, width: Int, height: Int,
    row: (Int, Int, Int, Float, Float) -> Void
  ) {
    let low = max(min(a.y, min(b.y, c.y)), 0).rounded(.up)
    let high = min(max(a.y, max(b.y, c.y)), Float(height - 1)).rounded(.down)
    guard low <= high else { return }
    let left = min(a.x, min(b.x, c.x))
    let right = max(a.x, max(b.x, c.x))
    guard right >= 0, left <= Float(width - 1), left.rounded(.up) <= right else { return }
    let area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y)
    guard abs(area) > 1e-7 else { return }
    let stepX = ((b.z - a.z) * (c.y - a.y) - (c.z - a.z) * (b.y - a.y)) / area
    let stepY = ((c.z - a.z) * (b.x - a.x) - (b.z - a.z) * (c.x - a.x)) / area
    // Corners by height; the long edge on one side, the two short ones on the other.
    var (p, q, r) = (a, b, c)
    if q.y < p.y { swap(&p, &q) }
    if r.y < p.y { swap(&p, &r) }
    if r.y < q.y { swap(&q, &r) }
    let long = r.y > p.y ? (r.x - p.x) / (r.y - p.y) : 0
    let first = q.y > p.y ? (q.x - p.x) / (q.y - p.y) : 0
    let second = r.y > q.y ? (r.x - q.x) / (r.y - q.y) : 0
    let margin: Float = 1e-3
    for y in Int(low)...Int(high) {
      let at = Float(y)
      let u = p.x + long * (at - p.y)
      let v = at < q.y ? p.x + first * (at - p.y) : q.x + second * (at - q.y)
      let x0 = max((min(u, v) - margin).rounded(.up), 0)
      let x1 = min((max(u, v) + margin).rounded(.down), Float(width - 1))
      if x0 <= x1 {
        row(y, Int(x0), Int(x1), a.z + stepX * (x0 - a.x) + stepY * (at - a.y), stepX)
      }
    }
  }

  /// Calls `draw` for the one or two triangles that are left of a triangle in front of the near plane `z = near`.
  @inline(__always)
  static func clipped(
    _ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>, near: Float,
    draw: (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>) -> Void
  ) {
    let behind = (a.z < near ? 1 : 0) + (b.z < near ? 1 : 0) + (c.z < near ? 1 : 0)
    if behind == 0 {
      draw(a, b, c)
      return
    }
    if behind == 3 { return }
    var kept: (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>, SIMD3<Float>) = (a, a, a, a)
    var n = 0
    func keep(_ p: SIMD3<Float>) {
      switch n {
      case 0: kept.0 = p
      case 1: kept.1 = p
      case 2: kept.2 = p
      default: kept.3 = p
      }
      n += 1
    }
    func edge(_ p: SIMD3<Float>, _ q: SIMD3<Float>) {
      if p.z >= near { keep(p) }
      if (p.z >= near) != (q.z >= near) { keep(p + (q - p) * ((near - p.z) / (q.z - p.z))) }
    }
    edge(a, b)
    edge(b, c)
    edge(c, a)
    if n >= 3 { draw(kept.0, kept.1, kept.2) }
    if n == 4 { draw(kept.0, kept.2, kept.3) }
  }
}
