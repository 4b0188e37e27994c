import Geometry
import Glibc
import Scenes

/// Recorded and simulated sweeps side by side: points, range, ring, intensity, and points a car.
package struct SensorComparison {
  /// Metres below which a point is no return from outside (a missing return, or the recording car itself).
  package let minimumRange: Double
  /// Columns of counts: recorded and simulated.
  package private(set) var points = (recorded: 0, simulated: 0)
  package private(set) var range: Histogram
  package private(set) var ring: Histogram
  package private(set) var intensity: Histogram
  /// By distance of the car, 10 m a bin: cars seen and points inside their boxes.
  package private(set) var cars: [(count: Int, recorded: Int, simulated: Int)] = []
  private var sweeps = 0

  /// Two histograms over the same bins.
  package struct Histogram {
    /// Width of a bin.
    package let width: Double
    package private(set) var recorded: [Double]
    package private(set) var simulated: [Double]

    init(bins: Int, width: Double) {
      self.width = width
      recorded = Array(repeating: 0, count: bins)
      simulated = recorded
    }

    mutating func add(_ value: Double, isRecorded: Bool) {
      let bin = min(recorded.count - 1, max(0, Int((value / width).rounded(.down))))
      if isRecorded { recorded[bin] += 1 } else { simulated[bin] += 1 }
    }

    /// Half the sum of absolute differences of the shares: 0 the same, 1 apart.
    package var totalVariation: Double {
      let a = max(recorded.reduce(0, +), 1)
      let b = max(simulated.reduce(0, +), 1)
      return zip(recorded, simulated).reduce(0) { $0 + abs($1.0 / a - $1.1 / b) } / 2
    }
  }

  /// An empty comparison: range bins of 5 m, one a ring, intensity bins of 5.
  package init(rings: Int, minimumRange: Double) {
    self.minimumRange = minimumRange
    range = Histogram(bins: 22, width: 5)
    ring = Histogram(bins: rings, width: 1)
    intensity = Histogram(bins: 25, width: 5)
    cars = Array(repeating: (0, 0, 0), count: 8)
  }

  /// Adds a pair of sweeps in the same sensor frame, with the cars' boxes in it.
  package mutating func add(recorded: PointCloud, simulated: PointCloud, cars boxes: [Box3D]) {
    sweeps += 1
    let a = count(recorded, isRecorded: true)
    let b = count(simulated, isRecorded: false)
    points.recorded += a
    points.simulated += b
    for box in boxes {
      let bin = min(cars.count - 1, Int(max(0, min(box.center.length / 10, 100))))
      cars[bin].count += 1
      cars[bin].recorded += Self.inside(recorded, box)
      cars[bin].simulated += Self.inside(simulated, box)
    }
  }

  private mutating func count(_ cloud: PointCloud, isRecorded: Bool) -> Int {
    var returns = 0
    for k in 0..<cloud.count {
      let p = cloud.position(k)
      let length = Double(p.length)
      guard length.isFinite, length > minimumRange else { continue }
      returns += 1
      range.add(length, isRecorded: isRecorded)
      ring.add(Double(cloud.ring[k]), isRecorded: isRecorded)
      intensity.add(Double(cloud.intensity[k]), isRecorded: isRecorded)
    }
    return returns
  }

  private static func inside(_ cloud: PointCloud, _ box: Box3D) -> Int {
    var n = 0
    let reach = box.size.length / 2
    for k in 0..<cloud.count {
      let p = cloud.position(k)
      let q = SIMD3(Double(p.x), Double(p.y), Double(p.z))
      if (q - box.center).length <= reach, box.contains(q) { n += 1 }
    }
    return n
  }

  /// Simulated returns over recorded ones.
  package var pointRatio: Double { Double(points.simulated) / Double(max(points.recorded, 1)) }

  /// The histograms and points a car as JSON, for a plot.
  package var json: String {
    func text(_ name: String, _ h: Histogram) -> String {
      "\"\(name)\": {\"width\": \(h.width), \"recorded\": \(h.recorded), \"simulated\": \(h.simulated), "
        + "\"total_variation\": \(h.totalVariation)}"
    }
    let rows = cars.map { "[\($0.count), \($0.recorded), \($0.simulated)]" }.joined(separator: ", ")
    return
      "{\"sweeps\": \(sweeps), \"points\": [\(points.recorded), \(points.simulated)],\n\(text("range", range)),\n"
      + "\(text("ring", ring)),\n\(text("intensity", intensity)),\n\"cars\": [\(rows)]}\n"
  }

  /// The figures, line by line.
  package var report: String {
    func number(_ v: Double, _ digits: Int = 3) -> String {
      let scale = pow(10, Double(digits))
      return "\((v * scale).rounded() / scale)"
    }
    var lines = [
      "sweeps \(sweeps): returns a sweep \(points.recorded / max(sweeps, 1)) recorded, "
        + "\(points.simulated / max(sweeps, 1)) simulated, ratio \(number(pointRatio))",
      "total variation: range \(number(range.totalVariation)), ring \(number(ring.totalVariation)), "
        + "intensity \(number(intensity.totalVariation))",
    ]
    for (k, c) in cars.enumerated() where c.count > 0 {
      lines.append(
        "cars at \(k * 10)..\(k * 10 + 10) m: \(c.count), points each \(number(Double(c.recorded) / Double(c.count), 1)) "
          + "recorded, \(number(Double(c.simulated) / Double(c.count), 1)) simulated")
    }
    return lines.joined(separator: "\n")
  }
}
