import Foundation

extension Double {
  var sine: Double { sin(self) }
  var cosine: Double { cos(self) }
  var arcCosine: Double { acos(self) }
  func arcTangent2(over x: Double) -> Double { atan2(self, x) }
}

extension SIMD2 where Scalar == Double {
  /// The dot product.
  public func dot(_ o: Self) -> Double { x * o.x + y * o.y }
  /// The z component of the cross product: positive where `o` lies to the left.
  public func cross(_ o: Self) -> Double { x * o.y - y * o.x }
  /// The Euclidean length.
  public var length: Double { dot(self).squareRoot() }
  /// The vector turned counter-clockwise by `angle` radians.
  public func rotated(by angle: Double) -> Self {
    let c = angle.cosine
    let s = angle.sine
    return SIMD2(c * x - s * y, s * x + c * y)
  }
}

extension SIMD3 where Scalar == Double {
  /// The dot product.
  public func dot(_ o: Self) -> Double { x * o.x + y * o.y + z * o.z }
  /// The right-handed cross product.
  public func cross(_ o: Self) -> Self {
    SIMD3(y * o.z - z * o.y, z * o.x - x * o.z, x * o.y - y * o.x)
  }
  /// The Euclidean length.
  public var length: Double { dot(self).squareRoot() }
  /// The first two components.
  public var xy: SIMD2<Double> { SIMD2(x, y) }
  /// Whether no component is NaN or infinite.
  public var isFinite: Bool { x.isFinite && y.isFinite && z.isFinite }
}
