import Foundation

/// The noise of a truncated diffusion and its deterministic way back.
///
/// Forward: `q(x_t | x_0) = N(√ᾱ_t x_0, (1 - ᾱ_t) I)` with `ᾱ_t = Π_{s ≤ t} (1 - β_s)` and evenly spaced `√β`. Only the
/// first `truncatedSteps` of the schedule are used, as the start is an anchor and not pure noise. The network predicts
/// x_0; DDIM with η = 0 goes from one level to the next.
/// - Source: Ho et al., arXiv 2006.11239, equation 4; Song et al. (DDIM), arXiv 2010.02502, equation 12 with σ = 0; Liao
///   et al. (DiffusionDrive), arXiv 2411.15139, section 3.3 (truncation to 50 of 1,000, two denoising steps).
public struct DiffusionSchedule: Sendable, Hashable {
  /// `ᾱ_t` for t = 0 ..< truncatedSteps.
  public let signal: [Double]
  /// The levels at which the network runs, falling: `denoisingSteps` of them, the first is the last of the truncation.
  public let levels: [Int]

  /// The schedule of a configuration.
  public init(_ configuration: RefinerConfiguration) {
    let first = configuration.firstBeta.squareRoot(), last = configuration.lastBeta.squareRoot()
    var product = 1.0
    let divisor = Double(max(configuration.scheduleSteps - 1, 1))
    signal = (0..<configuration.truncatedSteps).map { t in
      let root = first + (last - first) * Double(t) / divisor
      product *= 1 - root * root
      return product
    }
    // Evenly spaced ends of equal parts: 50 steps and 2 levels give 49 and 24.
    let count = configuration.denoisingSteps
    levels = (0..<count).map { (count - $0) * configuration.truncatedSteps / count - 1 }
  }

  /// The factors of x_0 and of the noise at level t: `x_t = signal · x_0 + noise · ε`.
  /// - Precondition: `0 ≤ t < truncatedSteps`.
  public func factors(_ t: Int) -> (signal: Double, noise: Double) {
    (signal[t].squareRoot(), (1 - signal[t]).squareRoot())
  }

  /// Noises values: `√ᾱ_t x_0 + √(1 - ᾱ_t) ε`, element by element; what training shows the network.
  /// - Precondition: as many noises as values, a level of the schedule.
  public func noised(_ clean: [Float], noise: [Float], level t: Int) -> [Float] {
    precondition(clean.count == noise.count, "\(clean.count) values, \(noise.count) noises")
    let f = factors(t)
    return zip(clean, noise).map { Float(f.signal * Double($0) + f.noise * Double($1)) }
  }

  /// One DDIM step in place: from level t, with the network's x_0, to level `next`; nil: to x_0 itself.
  ///
  /// `x_s = √ᾱ_s x_0 + √(1 - ᾱ_s) ε` with `ε = (x_t - √ᾱ_t x_0) / √(1 - ᾱ_t)`.
  /// - Precondition: both buffers hold `count` values.
  public func step(
    _ noisy: UnsafeMutablePointer<Float>, clean: UnsafePointer<Float>, count: Int, from t: Int, to next: Int?
  ) {
    guard let next else { return noisy.update(from: clean, count: count) }
    let (a, b) = factors(t), (c, d) = factors(next)
    let ratio = d / b
    for k in 0..<count {
      let x0 = Double(clean[k])
      noisy[k] = Float(c * x0 + ratio * (Double(noisy[k]) - a * x0))
    }
  }
}

/// Gaussian noise that is a function of what it is for: seed, scene, agent, frame and element, never the order of calls.
///
/// Each element hashes the key and its own index by SplitMix64's finaliser into two uniforms, and those by Box and
/// Muller's transform into a normal.
/// - Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
public struct NoiseKey: Sendable, Hashable {
  /// The mixed key.
  public let state: UInt64

  /// The key of an agent in a frame of a scene.
  public init(seed: UInt64, scene: String, agent: String, timestampMicroseconds: Int64) {
    var state = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    state = Self.mix(state ^ Self.hash(scene))
    state = Self.mix(state ^ Self.hash(agent))
    self.state = Self.mix(state ^ UInt64(bitPattern: timestampMicroseconds))
  }

  /// Element k's noise: normal with mean 0 and deviation 1.
  public func normal(_ k: Int) -> Float {
    let base = state &+ UInt64(truncatingIfNeeded: k) &* 0x9E37_79B9_7F4A_7C15
    let first = Self.mix(base), second = Self.mix(first ^ 0xD1B5_4A32_D192_ED03)
    // (n + 1) / 2^53 lies in (0, 1], so the logarithm is finite.
    let u = Double((first >> 11) + 1) * 0x1p-53, v = Double(second >> 11) * 0x1p-53
    return Float((-2 * log(u)).squareRoot() * cos(2 * .pi * v))
  }

  /// Element k's number, uniform in [0, 1).
  public func uniform(_ k: Int) -> Double {
    Double(Self.mix(state &+ UInt64(truncatingIfNeeded: k) &* 0x9E37_79B9_7F4A_7C15) >> 11) * 0x1p-53
  }

  /// SplitMix64's finaliser.
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// FNV-1a of a text's UTF-8.
  private static func hash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}
