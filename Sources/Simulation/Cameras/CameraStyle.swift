import Algorithms
import Glibc

/// What distinguishes one camera from another: how it meters, balances white and clips, and how clean its lens is.
///
/// Cameras of a scene are of one make and differ a little; the makes differ by scene. Ranges were set by the pictures of
/// nuscenes-keyframe and pandaset-002, the two makes that were at hand: `tools/simulation/statistics.py`.
struct CameraStyle: Sendable {
  /// Linear gain of red, green and blue, exposure included.
  let gain: SIMD4<Float>
  /// Saturation over that of the light.
  let saturation: Float
  /// Share of an S-curve in the tone curve.
  let contrast: Float
  /// The exposed light at which the sensor clips; 1 is a white surface in full light.
  let whitePoint: Float
  /// Share of the light that clips which is spread over its surroundings by the lens.
  let glare: Float
  /// Share of the light that dirt on the lens takes at most; 0 for a clean one.
  let dirt: Float
  /// What the dirt's places derive from.
  let seed: UInt64

  /// The style of a camera.
  /// - Parameter camera: a number that is the camera's own within the scene.
  init(scene: UInt64, camera: UInt64) {
    var make = CounterRandom(scene, 81)
    var own = CounterRandom(scene, 82, camera)
    let stops = 0.25 * make.normal() + 0.16 * own.normal() + 0.15
    let warmth = 0.05 * make.normal() + 0.02 * own.normal()
    let green = 0.015 * own.normal()
    gain = SIMD4(1 + warmth, 1 + green, 1 - warmth, 1) * exp2f(stops)
    saturation = min(max(0.85 + 0.22 * make.normal() + 0.04 * own.normal(), 0.4), 1.4)
    contrast = make.uniform(0.5, 0.95)
    whitePoint = exp2f(make.uniform(0, 1.4))
    glare = make.uniform(0.03, 0.12)
    dirt = own.uniform() < 0.25 ? own.uniform(0.1, 0.6) : 0
    seed = own.state
  }
}

/// Light that a lens spreads, and dirt upon it, on a grid of blocks over a picture.
struct LensVeil {
  /// Pixels a block.
  static let block = 16
  private let countX: Int
  private var cells: [SIMD4<Float>]

  /// - Parameters:
  ///   - light: linear light `[row, column]`, of which what lies above `whitePoint` (after `gain`) is spread.
  init(
    _ light: UnsafeMutablePointer<SIMD4<Float>>, width: Int, height: Int, style: CameraStyle,
    gain: SIMD4<Float>,
    texture: NoiseTexture
  ) {
    countX = width / Self.block + 2
    let countY = height / Self.block + 2
    var cells = [SIMD4<Float>](repeating: .zero, count: countX * countY)
    for y in 0..<height {
      let row = (y / Self.block) * countX
      for x in stride(from: y & 1, to: width, by: 2) {
        let exposed = light[y * width + x] * gain
        cells[row + x / Self.block] += pointwiseMin(
          pointwiseMax(exposed - SIMD4(repeating: 0.8 * style.whitePoint), .zero), SIMD4(repeating: 4))
      }
    }
    let share = 2 / Float(Self.block * Self.block)
    for k in cells.indices { cells[k] *= share }
    for _ in 0..<3 { Self.spread(&cells, countX, countY) }
    // What the lens takes of the light itself, as the fourth number.
    for j in 0..<countY {
      for i in 0..<countX {
        let k = j * countX + i
        cells[k] *= style.glare
        cells[k].w = 1
        guard style.dirt > 0 else { continue }
        let (u, v) = (
          Float(i) * 0.43 + Float(style.seed & 0xFF), Float(j) * 0.43 + Float(style.seed >> 8 & 0xFF)
        )
        let spot = min(1, max(0, (texture.cloud(u, v) - 0.58) * 5))
        cells[k] += SIMD4(0.10, 0.095, 0.085, 0) * (spot * style.dirt)
        cells[k].w = 1 - spot * style.dirt
      }
    }
    self.cells = cells
  }

  /// Means over five blocks, along both axes.
  private static func spread(_ cells: inout [SIMD4<Float>], _ countX: Int, _ countY: Int) {
    for (lines, length, step, stride) in [(countY, countX, 1, countX), (countX, countY, countX, 1)] {
      var line = [SIMD4<Float>](repeating: .zero, count: length)
      for l in 0..<lines {
        for k in 0..<length { line[k] = cells[l * stride + k * step] }
        for k in 0..<length {
          var sum = SIMD4<Float>.zero
          for d in -2...2 { sum += line[min(length - 1, max(0, k + d))] }
          cells[l * stride + k * step] = sum / 5
        }
      }
    }
  }

  /// The light that is added at a pixel (red, green, blue) and the share of its own that is left, as the fourth number.
  @inline(__always)
  func at(_ x: Int, _ y: Int) -> SIMD4<Float> {
    let scale = 1 / Float(Self.block)
    let (u, v) = (max(0, (Float(x) + 0.5) * scale - 0.5), max(0, (Float(y) + 0.5) * scale - 0.5))
    let (i, j) = (Int(u), Int(v))
    let (a, b) = (u - Float(i), v - Float(j))
    return cells.withUnsafeBufferPointer { c in
      let k = j * countX + i
      let low = c[k] + (c[k + 1] - c[k]) * a
      let high = c[k + countX] + (c[k + countX + 1] - c[k + countX]) * a
      return low + (high - low) * b
    }
  }
}
