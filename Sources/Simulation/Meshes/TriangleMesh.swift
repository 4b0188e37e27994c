import Glibc

/// Triangles with a material and a colour each: corners are indices into shared positions. Metres; both sides count.
package struct TriangleMesh: Sendable {
  /// The corners' positions.
  package var positions: [SIMD3<Float>] = []
  /// Three places in `positions` a triangle.
  package var corners: [SIMD3<UInt32>] = []
  /// One a triangle.
  package var materials: [SurfaceMaterial] = []
  /// Red, green and blue a triangle, 0 to 1 in linear light.
  package var colors: [SIMD3<Float>] = []

  /// A mesh without triangles.
  package init() {}

  /// The number of triangles.
  package var count: Int { corners.count }

  /// The smallest and the largest corner; zero for an empty mesh.
  package var bounds: (minimum: SIMD3<Float>, maximum: SIMD3<Float>) {
    guard let first = positions.first else { return (.zero, .zero) }
    var low = first
    var high = first
    for p in positions {
      low = low.lesser(p)
      high = high.greater(p)
    }
    return (low, high)
  }

  /// The corners of triangle `k`.
  @inline(__always)
  package func triangle(_ k: Int) -> (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>) {
    let c = corners[k]
    return (positions[Int(c.x)], positions[Int(c.y)], positions[Int(c.z)])
  }

  /// Makes room for so many triangles in all.
  mutating func reserveCapacity(triangles count: Int) {
    positions.reserveCapacity(3 * count)
    corners.reserveCapacity(count)
    materials.reserveCapacity(count)
    colors.reserveCapacity(count)
  }

  /// Adds another mesh, each of its positions through `place`.
  package mutating func append(_ other: TriangleMesh, place: (SIMD3<Float>) -> SIMD3<Float> = { $0 }) {
    let base = UInt32(positions.count)
    positions.append(contentsOf: other.positions.map(place))
    corners.append(contentsOf: other.corners.map { $0 &+ SIMD3(repeating: base) })
    materials.append(contentsOf: other.materials)
    colors.append(contentsOf: other.colors)
  }

  /// The mesh with every position through `place`.
  package func mapped(_ place: (SIMD3<Float>) -> SIMD3<Float>) -> TriangleMesh {
    var result = self
    result.positions = positions.map(place)
    return result
  }

  /// The mesh scaled and moved so that its bounds are this box about the origin: `size` along x, y and z.
  package func fitted(to size: SIMD3<Float>) -> TriangleMesh {
    let (low, high) = bounds
    let extent = pointwiseMax(high - low, SIMD3(repeating: 1e-3))
    let center = (low + high) / 2
    return mapped { ($0 - center) / extent * size }
  }

  // MARK: shapes

  /// Adds a triangle.
  package mutating func addTriangle(
    _ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>, _ finish: Finish
  ) {
    let base = UInt32(positions.count)
    positions.append(contentsOf: [a, b, c])
    corners.append(SIMD3(base, base + 1, base + 2))
    materials.append(finish.material)
    colors.append(finish.color)
  }

  /// Adds a quadrilateral as two triangles; its corners run around.
  package mutating func addQuad(
    _ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>, _ d: SIMD3<Float>, _ finish: Finish
  ) {
    let base = UInt32(positions.count)
    positions.append(contentsOf: [a, b, c, d])
    corners.append(SIMD3(base, base + 1, base + 2))
    corners.append(SIMD3(base, base + 2, base + 3))
    materials.append(contentsOf: [finish.material, finish.material])
    colors.append(contentsOf: [finish.color, finish.color])
  }

  /// Adds a cuboid from its lowest to its highest corner, turned about z by `yaw` around its middle.
  package mutating func addBox(_ low: SIMD3<Float>, _ high: SIMD3<Float>, yaw: Float = 0, _ finish: Finish) {
    let middle = (low + high) / 2
    let h = (high - low) / 2
    let (c, s) = (cos(yaw), sin(yaw))
    func corner(_ x: Float, _ y: Float, _ z: Float) -> SIMD3<Float> {
      let (px, py) = (x * h.x, y * h.y)
      return middle + SIMD3(c * px - s * py, s * px + c * py, z * h.z)
    }
    let p = [
      corner(-1, -1, -1), corner(1, -1, -1), corner(1, 1, -1), corner(-1, 1, -1),
      corner(-1, -1, 1), corner(1, -1, 1), corner(1, 1, 1), corner(-1, 1, 1),
    ]
    for f in [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)] {
      addQuad(p[f.0], p[f.1], p[f.2], p[f.3], finish)
    }
  }

  /// Adds a frustum or cylinder between two points, closed where `capped`.
  package mutating func addTube(
    from a: SIMD3<Float>, to b: SIMD3<Float>, radius ra: Float, endRadius: Float? = nil, segments: Int = 8,
    capped: Bool = true, _ finish: Finish
  ) {
    let rb = endRadius ?? ra
    let axis = (b - a).unit
    let side = (abs(axis.z) < 0.9 ? SIMD3<Float>(0, 0, 1) : SIMD3<Float>(1, 0, 0)).cross(axis).unit
    let up = axis.cross(side)
    func ring(_ center: SIMD3<Float>, _ radius: Float, _ k: Int) -> SIMD3<Float> {
      let angle = 2 * Float.pi * Float(k) / Float(segments)
      return center + side * (cos(angle) * radius) + up * (sin(angle) * radius)
    }
    for k in 0..<segments {
      let (a0, a1) = (ring(a, ra, k), ring(a, ra, k + 1))
      let (b0, b1) = (ring(b, rb, k), ring(b, rb, k + 1))
      addQuad(a0, a1, b1, b0, finish)
      if capped {
        if ra > 0 { addTriangle(a, a1, a0, finish) }
        if rb > 0 { addTriangle(b, b0, b1, finish) }
      }
    }
  }

  /// Adds an ellipsoid.
  package mutating func addEllipsoid(
    _ center: SIMD3<Float>, radii: SIMD3<Float>, rings: Int = 5, segments: Int = 8, _ finish: Finish
  ) {
    func point(_ i: Int, _ j: Int) -> SIMD3<Float> {
      let polar = Float.pi * Float(i) / Float(rings)
      let around = 2 * Float.pi * Float(j) / Float(segments)
      return center + radii * SIMD3(sin(polar) * cos(around), sin(polar) * sin(around), cos(polar))
    }
    for i in 0..<rings {
      for j in 0..<segments {
        let (a, b, c, d) = (point(i, j), point(i + 1, j), point(i + 1, j + 1), point(i, j + 1))
        if i > 0 { addTriangle(a, b, d, finish) }
        if i + 1 < rings { addTriangle(b, c, d, finish) }
      }
    }
  }

  /// Adds a panel (corners run around from the lower left) with `panes` panes side by side in a frame.
  ///
  /// `border` is the frame's share of the panel's width and height at each side; between panes a post half as wide.
  package mutating func addFramedPanel(
    _ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>, _ d: SIMD3<Float>, panes: Int,
    border: SIMD2<Float>, frame: Finish, pane: Finish
  ) {
    func at(_ u: Float, _ v: Float) -> SIMD3<Float> {
      let low = a + (b - a) * u
      let high = d + (c - d) * u
      return low + (high - low) * v
    }
    func patch(_ u0: Float, _ v0: Float, _ u1: Float, _ v1: Float, _ finish: Finish) {
      addQuad(at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1), finish)
    }
    patch(0, 0, 1, border.y, frame)
    patch(0, 1 - border.y, 1, 1, frame)
    let post = border.x / 2
    let width = (1 - 2 * border.x - post * Float(panes - 1)) / Float(panes)
    var u: Float = 0
    for k in 0..<panes {
      let start = border.x + Float(k) * (width + post)
      patch(u, border.y, start, 1 - border.y, frame)
      patch(start, border.y, start + width, 1 - border.y, pane)
      u = start + width
    }
    patch(u, border.y, 1, 1 - border.y, frame)
  }

  /// Adds a wheel: a tyre with its axle along y and a rim on both faces.
  package mutating func addWheel(
    _ center: SIMD3<Float>, radius: Float, width: Float, rim: Finish = Finish(.metal, 0.32, 0.33, 0.34)
  ) {
    let half = SIMD3<Float>(0, width / 2, 0)
    addTube(from: center - half, to: center + half, radius: radius, segments: 16, .tyre)
    let face = SIMD3<Float>(0, width / 2 + 0.006, 0)
    for side in [face, -face] {
      for k in 0..<10 {
        let (a0, a1) = (2 * Float.pi * Float(k) / 10, 2 * Float.pi * (Float(k) + 0.82) / 10)
        let r = radius * 0.64
        addTriangle(
          center + side, center + side + SIMD3(cos(a0) * r, 0, sin(a0) * r),
          center + side + SIMD3(cos(a1) * r, 0, sin(a1) * r), rim)
      }
    }
  }
}

extension SIMD3 where Scalar == Float {
  /// The dot product.
  @inline(__always) package func dot(_ o: Self) -> Float { x * o.x + y * o.y + z * o.z }
  /// The right-handed cross product.
  @inline(__always) package func cross(_ o: Self) -> Self {
    Self(y * o.z - z * o.y, z * o.x - x * o.z, x * o.y - y * o.x)
  }
  /// The Euclidean length.
  @inline(__always) package var length: Float { dot(self).squareRoot() }
  /// The smaller of each pair of elements: `pointwiseMin` without its call.
  @inline(__always) package func lesser(_ o: Self) -> Self { replacing(with: o, where: o .< self) }
  /// The larger of each pair of elements: `pointwiseMax` without its call.
  @inline(__always) package func greater(_ o: Self) -> Self { replacing(with: o, where: o .> self) }
  /// The vector of length 1 (zero stays zero).
  @inline(__always) package var unit: Self {
    let l = length
    return l > 0 ? self / l : self
  }
}
