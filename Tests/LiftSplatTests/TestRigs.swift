import Foundation
import Geometry
import LiftSplat
import NeuralEngine

/// Seeded numbers for tests (SplitMix64).
struct TestRandom {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform(_ range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * Double(next() >> 11) * 0x1p-53
  }

  mutating func floats(_ count: Int, _ range: ClosedRange<Double> = -1...1) -> [Float] {
    (0..<count).map { _ in Float(uniform(range)) }
  }
}

/// Rotation by `angle` radians about the z axis.
func yaw(_ angle: Double) -> Quaternion { Quaternion(w: cos(angle / 2), x: 0, y: 0, z: sin(angle / 2)) }

/// A camera's axes (x right, y down, z forward) in the ego's (x forward, y left, z up).
let forwardLooking = Quaternion(w: 0.5, x: -0.5, y: 0.5, z: -0.5)

/// A camera at `place` of the ego that looks `heading` radians to the left of forward.
func camera(
  _ model: CameraModel, heading: Double = 0, at place: SIMD3<Double> = SIMD3(1.5, 0, 1.6),
  tilt: Quaternion = .identity
) -> LiftCamera {
  LiftCamera(
    camera: model,
    egoFromCamera: RigidTransform(
      rotation: (yaw(heading) * forwardLooking * tilt).normalized, translation: place))
}

/// A layout with cameras all around, as the random tests use it.
func randomRig(
  _ random: inout TestRandom, cameras: Int, height: Int, width: Int, depths: Int, grid: BEVGrid,
  bilinear: Bool
) throws -> (layout: FrustumLayout, cameras: [LiftCamera?]) {
  let stride = 16
  let layout = try FrustumLayout(
    cameras: cameras, featureHeight: height, featureWidth: width, stride: stride,
    bins: DepthBins(
      spacing: random.next() % 2 == 0 ? .uniform : .linearIncreasing, minimum: 1, maximum: 45, count: depths),
    grid: grid, heights: -2...4, bilinear: bilinear)
  let (w, h) = (width * stride, height * stride)
  let rig: [LiftCamera?] = (0..<cameras).map { k in
    let focal = random.uniform(0.5...0.9) * Double(w)
    let distortions: [CameraModel.Distortion] = [
      .none,
      .plumbBob(
        k1: random.uniform(-0.2...0.1), k2: random.uniform(0...0.05), p1: random.uniform(-0.001...0.001),
        p2: random.uniform(-0.001...0.001), k3: 0),
      .equidistant(k1: random.uniform(-0.02...0.02), k2: random.uniform(-0.005...0.005), k3: 0, k4: 0),
    ]
    let model = CameraModel(
      fx: focal, fy: focal * random.uniform(0.95...1.05), cx: Double(w) / 2 + random.uniform(-20...20),
      cy: Double(h) / 2 + random.uniform(-10...10), width: w, height: h, distortion: distortions[k % 3])
    let small = Quaternion(
      w: 1, x: random.uniform(-0.05...0.05), y: random.uniform(-0.05...0.05), z: random.uniform(-0.05...0.05)
    ).normalized
    let place = SIMD3(random.uniform(-1...2), random.uniform(-0.8...0.8), random.uniform(1.4...1.8))
    return camera(
      model, heading: 2 * .pi * Double(k) / Double(cameras) + random.uniform(-0.2...0.2), at: place,
      tilt: small)
  }
  return (layout, rig)
}

/// Largest difference as a part of the largest expected value.
func worstDifference(_ found: [Float], _ expected: [Float]) -> Float {
  guard found.count == expected.count else { return .infinity }
  var worst: Float = 0, scale: Float = 1e-6
  for (a, b) in zip(found, expected) {
    let d = abs(a - b)
    if d.isNaN { return .infinity }
    worst = max(worst, d)
    scale = max(scale, abs(b))
  }
  return worst / scale
}

/// A small grid of 1 m cells around the ego.
let smallGrid = BEVGrid(minimumX: -32, minimumY: -24, cellSize: 1, countX: 64, countY: 50)

/// Runs a graph's outputs by the interpreter, as floats.
func outputs(_ graph: Graph, _ inputs: [String: TensorValue], threads: Int = 1) throws -> [[Float]] {
  try Interpreter.run(graph, inputs, threads: threads).map { $0.floats ?? [] }
}
