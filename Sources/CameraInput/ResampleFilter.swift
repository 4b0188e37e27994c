/// The weights of one axis of a resize: bilinear where it enlarges, and where it shrinks the same triangle widened to
/// the size of an output pixel, so that nothing is skipped (antialiasing).
///
/// Weights of an output pixel sum to 1; beyond the image's border they are left out and the rest made larger.
/// - Source: the separable resampling of Pillow's `Image.resize`, whose `BILINEAR` with `box` this equals.
struct ResampleFilter {
  /// For each output pixel: its first source pixel.
  var first: [Int32]
  /// Taps an output pixel.
  var taps: Int
  /// `[output, tap]`; 0 beyond an output pixel's own taps.
  var weights: [Float]

  /// - Parameters:
  ///   - sourceCount: source pixels along the axis.
  ///   - start: where the first output pixel's area begins, in source pixels from the image's edge.
  ///   - step: source pixels an output pixel.
  ///   - count: output pixels.
  init(sourceCount: Int, start: Double, step: Double, count: Int) {
    let widening = max(step, 1)
    taps = min(Int((2 * widening).rounded(.up)) + 1, sourceCount)
    first = []
    first.reserveCapacity(count)
    weights = [Float](repeating: 0, count: count * taps)
    for k in 0..<count {
      let center = start + (Double(k) + 0.5) * step
      let low = Int(min(max((center - widening).rounded(.down), 0), Double(sourceCount - 1)))
      let begin = min(low, sourceCount - taps)
      var values = [Double](repeating: 0, count: taps)
      var sum = 0.0
      for t in 0..<taps {
        let value = max(0, 1 - abs(Double(begin + t) + 0.5 - center) / widening)
        values[t] = value
        sum += value
      }
      first.append(Int32(begin))
      guard sum > 0 else {
        // The centre lies outside the image by more than a pixel: the border's own value.
        weights[k * taps + (center < 0 ? 0 : taps - 1)] = 1
        continue
      }
      for t in 0..<taps { weights[k * taps + t] = Float(values[t] / sum) }
    }
  }
}

/// Resizes interleaved RGB bytes to planes: `planes[c, y, x] = (Σ weights · pixel - mean[c]) / deviation[c]`.
///
/// Rows are reduced along x once and added to each output row that they belong to, in a fixed order; the only scratch
/// memory is one reduced row.
struct Resampler {
  var horizontal: ResampleFilter
  var vertical: ResampleFilter

  /// The filters from the plan's decoded image to its output.
  init(plan: ImagePlan) {
    let step = 1 / (plan.scale * Double(plan.decodeScale.rawValue))
    horizontal = ResampleFilter(
      sourceCount: plan.decodeScale.decodedLength(plan.sourceWidth), start: plan.offsetX * step, step: step,
      count: plan.width)
    vertical = ResampleFilter(
      sourceCount: plan.decodeScale.decodedLength(plan.sourceHeight), start: plan.offsetY * step, step: step,
      count: plan.height)
  }

  /// - Parameters:
  ///   - pixels: `[row, column, 3]`, `rowLength` pixels a row.
  ///   - row: scratch for `3 * width` values.
  ///   - planes: `[3, height, width]`, overwritten.
  func run(
    _ pixels: UnsafePointer<UInt8>, rowLength: Int, normalization: Normalization, row: inout [Float],
    planes: UnsafeMutableBufferPointer<Float>
  ) {
    let width = horizontal.first.count
    let height = vertical.first.count
    let area = width * height
    let inverse = normalization.deviation.map { 1 / $0 }
    for c in 0..<3 {
      planes[c * area..<(c + 1) * area].update(repeating: -normalization.mean[c] * inverse[c])
    }
    // An output row takes a run of source rows, and both ends of the runs rise with it.
    var firstOutput = 0
    let lastRow = vertical.first.isEmpty ? -1 : Int(vertical.first[height - 1]) + vertical.taps - 1
    row.withUnsafeMutableBufferPointer { row in
      guard let reduced = row.baseAddress else { return }
      for y in Int(vertical.first.first ?? 0)...max(lastRow, Int(vertical.first.first ?? 0)) {
        reduce(pixels + y * rowLength * 3, into: reduced)
        while firstOutput < height, Int(vertical.first[firstOutput]) + vertical.taps <= y { firstOutput += 1 }
        var output = firstOutput
        while output < height, Int(vertical.first[output]) <= y {
          let weight = vertical.weights[output * vertical.taps + y - Int(vertical.first[output])]
          if weight != 0 {
            for c in 0..<3 {
              let scaled = weight * inverse[c]
              let target = planes.baseAddress.map { $0 + c * area + output * width }
              if let target { addScaled(reduced + c * width, scaled, count: width, to: target) }
            }
          }
          output += 1
        }
      }
    }
  }

  /// One row along x: `reduced[c, x]`.
  private func reduce(_ pixels: UnsafePointer<UInt8>, into reduced: UnsafeMutablePointer<Float>) {
    let width = horizontal.first.count
    let taps = horizontal.taps
    horizontal.weights.withUnsafeBufferPointer { weights in
      horizontal.first.withUnsafeBufferPointer { first in
        for x in 0..<width {
          var p = pixels + Int(first[x]) * 3
          var sum = SIMD3<Float>.zero
          for t in x * taps..<(x + 1) * taps {
            sum += weights[t] * SIMD3(Float(p[0]), Float(p[1]), Float(p[2]))
            p += 3
          }
          reduced[x] = sum.x
          reduced[width + x] = sum.y
          reduced[2 * width + x] = sum.z
        }
      }
    }
  }
}

@inline(__always)
private func addScaled(
  _ source: UnsafePointer<Float>, _ weight: Float, count: Int, to target: UnsafeMutablePointer<Float>
) {
  for x in 0..<count { target[x] += weight * source[x] }
}

/// What is subtracted from and divided out of each channel, in the units of bytes (0 to 255), red first.
public struct Normalization: Sendable, Hashable, Codable {
  /// Subtracted, `[3]`.
  public let mean: [Float]
  /// Divided by, `[3]`.
  public let deviation: [Float]

  /// ImageNet's, as most image backbones were trained with.
  public static let imageNet = Normalization(unchecked: [123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
  /// None: values stay 0 to 255.
  public static let none = Normalization(unchecked: [0, 0, 0], [1, 1, 1])

  /// The normalisation with these values.
  /// - Throws: `ImageError` unless there are three of each, all finite, and deviations above 0.
  public init(mean: [Float], deviation: [Float]) throws {
    guard mean.count == 3, deviation.count == 3, mean.allSatisfy(\.isFinite),
      deviation.allSatisfy({ $0.isFinite && $0 > 0 })
    else {
      throw ImageError(
        file: "normalisation", field: "mean and deviation", found: "\(mean), \(deviation)",
        expected: "three finite values each, deviations above 0")
    }
    self.init(unchecked: mean, deviation)
  }

  private init(unchecked mean: [Float], _ deviation: [Float]) {
    self.mean = mean
    self.deviation = deviation
  }
}
