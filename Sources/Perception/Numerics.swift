import Foundation

/// `1 / (1 + exp(-x))`.
func logistic(_ x: Float) -> Float { 1 / (1 + exp(-x)) }

/// `2^-x`.
func halving(_ x: Double) -> Double { exp2(-x) }

/// `exp(x)`.
func exponential(_ x: Float) -> Float { exp(x) }

/// The cosine and sine of an angle.
func direction(_ angle: Float) -> SIMD2<Float> { SIMD2(cos(angle), sin(angle)) }
