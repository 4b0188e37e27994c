import Foundation
import NeuralEngine

/// What `apus run` says of a model: times, and on request each step's and what 8 bits cost in accuracy.
struct RunTimes: Encodable {
  /// A step's share of the time and of what the CPU could do in it.
  struct Step: Encodable {
    var name: String, implementation: String, milliseconds: Double, gigaoperationsPerSecond: Double
    /// Of the CPU's measured peak in the step's precision; above 100 where Winograd's algorithm multiplies less.
    var percentOfPeak: Double
  }

  /// Of each timed inference.
  var milliseconds: [Double]
  /// The file of each output, by name.
  var outputs: [String: String]?
  var int8Error: [OutputError]?
  /// Billions of operations per second at which the CPU multiplies large matrices, by precision.
  var peaks: [String: Double]?
  var steps: [Step]?

  init(milliseconds: [Double]) { self.milliseconds = milliseconds }

  private enum CodingKeys: String, CodingKey {
    case milliseconds, outputs, steps
    case int8Error = "int8_error"
    case peaks = "peak_gflops"
  }

  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }

  /// What 8-bit integers cost each output, told on stderr too; with `eachTensor`, the noise of each tensor there.
  mutating func addErrors(of plan: Plan, names: [String], eachTensor: Bool) {
    let named = Dictionary(zip(plan.outputs.map(\.name), names), uniquingKeysWith: { first, _ in first })
    var errors = plan.outputErrors
    for i in errors.indices { errors[i].name = named[errors[i].name, default: errors[i].name] }
    int8Error = errors
    for error in errors {
      Output.note(
        String(
          format: "int8: mean error %.3f %%, largest %.3f %% of the range of ", 100 * error.meanOfRange,
          100 * error.worstOfRange) + error.name)
    }
    guard eachTensor else { return }
    for (name, ratio) in plan.signalToNoise.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
      guard let scale = plan.scales[name] else { continue }
      Output.note(
        String(
          format: "int8: signal to noise %5.1f dB, scale %.6g, zero point %d: ",
          10 * log10(max(ratio, 1e-30)),
          scale.scale, scale.zeroPoint) + name)
    }
  }

  /// The fastest of five runs of each step, beside the peak measured now.
  mutating func addProfile(of plan: Plan) throws {
    var best = try plan.profile()
    for _ in 0..<4 { best = zip(best, try plan.profile()).map { min($0, $1) } }
    let total = best.reduce(0, +)
    var peaks: [String: Double] = [:]
    for precision in Plan.Precision.allCases where plan.steps.contains(where: { $0.precision == precision }) {
      peaks[precision.rawValue] = 1e-9 * (try PeakRate.measure(precision, threads: plan.options.threads))
      Output.note(
        String(format: "peak of %.1f GFLOP/s in ", peaks[precision.rawValue] ?? 0) + precision.rawValue)
    }
    let steps = zip(plan.steps, best).map { step, seconds in
      let rate = seconds > 0 ? Double(step.operations) / seconds * 1e-9 : 0
      return Step(
        name: step.name, implementation: step.implementation, milliseconds: seconds * 1e3,
        gigaoperationsPerSecond: rate,
        percentOfPeak: 100 * rate / max(peaks[step.precision.rawValue] ?? 0, 1e-9))
    }
    for step in steps {
      Output.note(
        String(
          format: "%9.3f ms %5.1f %% %7.1f GFLOP/s %5.1f %% of peak  ", step.milliseconds,
          0.1 * step.milliseconds / max(total, 1e-12), step.gigaoperationsPerSecond, step.percentOfPeak)
          + "\(step.implementation)  \(step.name)")
    }
    Output.note(
      String(format: "%9.3f ms, ", total * 1e3)
        + "\(plan.steps.count) steps, activations \(plan.activationByteCount / 1024) KiB "
        + "(\(plan.unsharedActivationByteCount / 1024) without reuse), constants \(plan.constantByteCount / 1024) KiB"
    )
    self.peaks = peaks
    self.steps = steps
  }
}
