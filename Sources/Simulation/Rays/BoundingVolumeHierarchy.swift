/// A ray's nearest meeting with a mesh.
package struct MeshHit: Sendable, Equatable {
  /// Metres along the ray (its direction has length 1).
  package var distance: Float
  /// The triangle's place in the mesh.
  package var triangle: Int

  package init(distance: Float, triangle: Int) {
    self.distance = distance
    self.triangle = triangle
  }
}

/// Boxes around boxes around triangles, four children a node, for the nearest hit of a ray.
///
/// Built top down with the surface area heuristic over 16 bins of centroids; two binary levels make one node of four.
/// - Source: Wald, "On fast construction of SAH-based bounding volume hierarchies", 2007; Möller and Trumbore, "Fast,
///   minimum storage ray/triangle intersection", 1997.
package struct BoundingVolumeHierarchy: Sendable {
  /// Four children's boxes, lane by lane, and where they lead.
  struct Node: Sendable {
    var lowX: SIMD4<Float>, lowY: SIMD4<Float>, lowZ: SIMD4<Float>
    var highX: SIMD4<Float>, highY: SIMD4<Float>, highZ: SIMD4<Float>
    /// A node (0 upwards), or the first triangle of a leaf as -1 - first; unused lanes have empty boxes.
    var child: SIMD4<Int32>
    /// Triangles of a leaf.
    var count: SIMD4<Int32>
  }
  struct Triangle: Sendable {
    var origin: SIMD3<Float>, edge1: SIMD3<Float>, edge2: SIMD3<Float>
  }

  let nodes: [Node]
  let triangles: [Triangle]
  /// For each triangle in the order of leaves its place in the mesh.
  let order: [UInt32]
  /// The mesh's bounds.
  package let minimum: SIMD3<Float>, maximum: SIMD3<Float>

  /// The hierarchy over a mesh.
  /// - Complexity: O(n log n).
  package init(_ mesh: TriangleMesh) {
    (minimum, maximum) = mesh.bounds
    var builder = HierarchyBuilder(mesh)
    builder.build()
    nodes = builder.nodes
    order = builder.order
    triangles = builder.order.map { k in
      let (a, b, c) = mesh.triangle(Int(k))
      return Triangle(origin: a, edge1: b - a, edge2: c - a)
    }
  }

  /// The nearest hit with `minimumDistance < distance < maximumDistance`, or nil.
  /// - Complexity: O(log n) typically.
  package func nearestHit(
    origin: SIMD3<Float>, direction: SIMD3<Float>, from minimumDistance: Float, to maximumDistance: Float
  ) -> MeshHit? {
    guard !nodes.isEmpty else { return nil }
    var best = maximumDistance
    var found: Int32 = -1
    let inverse = SIMD3<Float>(1, 1, 1) / direction.nonZero
    nodes.withUnsafeBufferPointer { nodes in
      triangles.withUnsafeBufferPointer { triangles in
        withUnsafeTemporaryAllocation(of: SIMD2<Float>.self, capacity: 192) { stack in
          Self.walk(
            nodes, triangles, stack, origin, direction, inverse, minimumDistance, best: &best, found: &found)
        }
      }
    }
    return found < 0 ? nil : MeshHit(distance: best, triangle: Int(order[Int(found)]))
  }

  /// Walks the tree near children first; the stack holds a node's number and its entry distance.
  @inline(__always)
  private static func walk(
    _ nodes: UnsafeBufferPointer<Node>, _ triangles: UnsafeBufferPointer<Triangle>,
    _ stack: UnsafeMutableBufferPointer<SIMD2<Float>>, _ origin: SIMD3<Float>, _ direction: SIMD3<Float>,
    _ inverse: SIMD3<Float>, _ minimumDistance: Float, best: inout Float, found: inout Int32
  ) {
    var depth = 1
    stack[0] = SIMD2(Float(bitPattern: 0), minimumDistance)
    while depth > 0 {
      depth -= 1
      let top = stack[depth]
      if top.y >= best { continue }
      let node = nodes[Int(top.x.bitPattern)]
      let x0 = (node.lowX - origin.x) * inverse.x
      let x1 = (node.highX - origin.x) * inverse.x
      let y0 = (node.lowY - origin.y) * inverse.y
      let y1 = (node.highY - origin.y) * inverse.y
      let z0 = (node.lowZ - origin.z) * inverse.z
      let z1 = (node.highZ - origin.z) * inverse.z
      var enter = pointwiseMax(pointwiseMax(pointwiseMin(x0, x1), pointwiseMin(y0, y1)), pointwiseMin(z0, z1))
      let leave = pointwiseMin(pointwiseMin(pointwiseMax(x0, x1), pointwiseMax(y0, y1)), pointwiseMax(z0, z1))
      enter = pointwiseMax(enter, SIMD4(repeating: minimumDistance))
      let base = depth
      for lane in 0..<4 where enter[lane] <= leave[lane] && enter[lane] < best {
        let child = node.child[lane]
        if child >= 0 {
          // Keep the stack sorted so that the nearest is popped first.
          var slot = depth
          let entry = enter[lane]
          while slot > base, stack[slot - 1].y < entry {
            stack[slot] = stack[slot - 1]
            slot -= 1
          }
          stack[slot] = SIMD2(Float(bitPattern: UInt32(truncatingIfNeeded: child)), entry)
          depth += 1
        } else {
          let first = Int(-1 - child)
          for k in first..<first + Int(node.count[lane]) {
            let t = intersect(triangles[k], origin, direction)
            if t > minimumDistance, t < best {
              best = t
              found = Int32(truncatingIfNeeded: k)
            }
          }
        }
      }
    }
  }

  /// The distance to a triangle, or -1 where the ray misses it.
  @inline(__always)
  private static func intersect(_ t: Triangle, _ origin: SIMD3<Float>, _ direction: SIMD3<Float>) -> Float {
    let p = direction.cross(t.edge2)
    let determinant = t.edge1.dot(p)
    if abs(determinant) < 1e-12 { return -1 }
    let inverse = 1 / determinant
    let s = origin - t.origin
    let u = s.dot(p) * inverse
    if u < 0 || u > 1 { return -1 }
    let q = s.cross(t.edge1)
    let v = direction.dot(q) * inverse
    if v < 0 || u + v > 1 { return -1 }
    return t.edge2.dot(q) * inverse
  }
}

extension SIMD3 where Scalar == Float {
  /// The vector with exact zeros replaced, so that its inverse is finite.
  @inline(__always) var nonZero: Self {
    Self(x == 0 ? 1e-20 : x, y == 0 ? 1e-20 : y, z == 0 ? 1e-20 : z)
  }
}
