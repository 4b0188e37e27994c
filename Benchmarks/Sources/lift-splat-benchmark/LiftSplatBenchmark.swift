import Foundation
import NeuralEngine

/// Lift-splat, pillars and the whole Lift-Splat-Shoot forward side by side with PyTorch on a CPU: the same tensors, in
/// turns within one run, at the same number of threads. Results are compared before times are.
@main
struct LiftSplatBenchmark {
  static let usage = """
    usage: lift-splat-benchmark PART [--rounds N] [--threads N] [--python FILE] [--script FILE]
    PART: pooling | alone | planner | pillars [DIR of sweeps; the sample scene's] | warp | network DIR (with \
    camencode.onnx and bevencode.onnx, as lss_reference_onnx.py writes them)
    The peer is tools/benchmarks/lift_splat_peer.py; its Python needs numpy, torch and onnx.

    """

  static func main() {
    do {
      try run()
    } catch {
      FileHandle.standardError.write(Data("lift-splat-benchmark: \(error)\n".utf8))
      exit(1)
    }
  }

  static func run() throws {
    var arguments = Array(CommandLine.arguments.dropFirst())
    var options = BenchmarkOptions()
    func option(_ name: String) -> String? {
      guard let k = arguments.firstIndex(of: name), k + 1 < arguments.count else { return nil }
      defer { arguments.removeSubrange(k...k + 1) }
      return arguments[k + 1]
    }
    if let text = option("--rounds"), let rounds = Int(text), rounds > 0 { options.rounds = rounds }
    if let text = option("--threads"), let threads = Int(text), threads > 0 { options.threads = threads }
    if let path = option("--python") { options.python = path }
    if let path = option("--script") { options.script = path }
    print("machine: \(machine()); \(options.threads) threads, best of \(options.rounds) rounds in turns")
    switch (arguments.first, arguments.count) {
    case ("pooling", 1): try PoolingBenchmark.run(options)
    case ("alone", 1): try PoolingBenchmark.alone(options)
    case ("planner", 1): try PoolingBenchmark.planner(options)
    case ("pillars", 1): try PillarBenchmark.run(options, folder: "scenes/simulated/samples/LIDAR_TOP")
    case ("pillars", 2): try PillarBenchmark.run(options, folder: arguments[1])
    case ("warp", 1): try WarpBenchmark.run(options)
    case ("network", 2): try NetworkBenchmark.run(options, folder: arguments[1])
    default:
      FileHandle.standardError.write(Data(usage.utf8))
      exit(64)
    }
  }

  static func machine() -> String {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    return "\(name ?? "unknown"), \(ProcessInfo.processInfo.activeProcessorCount) cores"
  }
}

/// What the command line chose.
struct BenchmarkOptions {
  var rounds = 10
  var threads = 2
  var python = "python3"
  var script = "tools/benchmarks/lift_splat_peer.py"
}

/// Milliseconds that `body` took.
func milliseconds(_ body: () throws -> Void) rethrows -> Double {
  let start = DispatchTime.now().uptimeNanoseconds
  try body()
  return Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-6
}

/// Largest difference as a part of the largest expected value.
func worstDifference(_ found: [Float], _ expected: [Float]) -> Float {
  guard found.count == expected.count else { return .infinity }
  var worst: Float = 0, scale: Float = 1e-12
  for (a, b) in zip(found, expected) {
    let d = abs(a - b)
    worst = d.isNaN ? .infinity : max(worst, d)
    scale = max(scale, abs(b))
  }
  return worst / scale
}

extension TensorView {
  /// The elements of a float tensor, copied.
  var array: [Float] { Array(UnsafeBufferPointer(start: floats, count: count)) }
}

extension Plan {
  /// Copies a value into an input's memory.
  func fill(_ name: String, _ value: TensorValue) {
    guard let k = inputs.firstIndex(where: { $0.name == name }) else { return }
    let view = inputView(k)
    value.withBytes { bytes in
      if let base = bytes.baseAddress { view.base.copyMemory(from: base, byteCount: bytes.count) }
    }
  }
}

/// Seeded numbers (SplitMix64).
struct BenchmarkRandom {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func unit() -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 11) * 0x1p-53
  }

  mutating func floats(_ count: Int, from low: Double = -1, to high: Double = 1) -> [Float] {
    (0..<count).map { _ in Float(low + (high - low) * unit()) }
  }
}

/// GB/s of writing zeros and of copying in blocks larger than the caches, at a number of threads; the best of ten.
func memoryBandwidth(threads: Int) -> (fill: Double, copy: Double) {
  let count = 16 << 20
  let a = UnsafeMutablePointer<Float>.allocate(capacity: count)
  let b = UnsafeMutablePointer<Float>.allocate(capacity: count)
  defer {
    a.deallocate()
    b.deallocate()
  }
  a.initialize(repeating: 1, count: count)
  b.initialize(repeating: 2, count: count)
  let context = KernelContext(threads: threads)
  var (fill, copy) = (Double.infinity, Double.infinity)
  for _ in 0..<10 {
    fill = min(
      fill,
      milliseconds {
        context.parallel(count) { (a + $0.lowerBound).update(repeating: 0, count: $0.count) }
      })
    copy = min(
      copy,
      milliseconds {
        context.parallel(count) { (a + $0.lowerBound).update(from: b + $0.lowerBound, count: $0.count) }
      })
  }
  let bytes = Double(count) * 4 * 1e-6
  return (bytes / fill, 2 * bytes / copy)
}
