import Glibc

/// The recording vehicle itself in its ego frame (origin at the rear axle on the ground): what the LiDAR sees of its roof.
package enum EgoBodyMesh {
  /// A small electric hatchback, 4.08 m long, as nuScenes' cars (Renault Zoe), with the sensors' mount and cases.
  package static func hatchback() -> TriangleMesh {
    var mesh = body(size: SIMD3(1.73, 4.08, 1.46), rear: -0.75, style: .hatchback)
    let black = Finish.blackPlastic
    // The rack between LiDAR and roof, with cases for cameras and radars at its corners.
    for y: Float in [-0.5, 0.5] {
      mesh.addBox(SIMD3(-0.1, y - 0.04, 1.40), SIMD3(1.6, y + 0.04, 1.49), black)
    }
    for x: Float in [0, 1.5] { mesh.addBox(SIMD3(x - 0.04, -0.52, 1.42), SIMD3(x + 0.04, 0.52, 1.50), black) }
    mesh.addTube(from: SIMD3(0.94, 0, 1.4), to: SIMD3(0.94, 0, 1.74), radius: 0.07, black)
    return mesh
  }

  /// A minivan, 5.18 m long, as PandaSet's cars (Chrysler Pacifica).
  package static func minivan() -> TriangleMesh {
    var mesh = body(size: SIMD3(2.02, 5.18, 1.78), rear: -1.05, style: .suv)
    mesh.addBox(SIMD3(0.2, -0.55, 1.7), SIMD3(0.9, 0.55, 1.84), .blackPlastic)
    return mesh
  }

  private static func body(size: SIMD3<Float>, rear: Float, style: CarMesh.Style) -> TriangleMesh {
    let paint = Finish(.carPaint, 0.7, 0.7, 0.7)
    let car = CarMesh.make(size: size, style: style, paint: paint)
    return car.mapped { $0 + SIMD3(rear + size.y / 2, 0, size.z / 2) }
  }
}
