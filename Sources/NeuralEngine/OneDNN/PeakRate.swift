/// How fast this CPU multiplies and adds, measured.
public enum PeakRate {
  /// Operations per second (a multiply-add is two) of a product of two large matrices in a precision, the best of
  /// several runs: what no layer that computes every product can pass. Takes some tenths of a second, and an idle CPU to be
  /// right.
  ///
  /// - Throws: `EngineError` where the CPU lacks the precision.
  public static func measure(_ precision: Plan.Precision, threads: Int) throws -> Double {
    EngineThreads.use(threads)
    let library = try Library(), size = 768
    let types: (StorageType, StorageType) =
      switch precision {
      case .float32: (.float32, .float32)
      case .bfloat16: (.bfloat16, .bfloat16)
      case .int8: (.unsigned8, .signed8)
      }
    let shape = [size, size]
    guard
      let descriptor = Descriptor.matmul(
        Layout(any: shape, types.0), Layout(any: shape, types.1), nil, Layout(any: shape)),
      let description = PrimitiveDescription.make(descriptor, try Attributes(), library),
      let source = description.source(), let weights = description.weights, let target = description.target
    else {
      throw EngineError(
        field: "peak rate", found: "no matrix product in \(precision.rawValue)",
        expected: "a CPU that has it, as AVX-512 with VNNI")
    }
    let primitive = try Primitive(description)
    let operands = [(Primitive.source, source), (Primitive.weights, weights), (Primitive.target, target)]
    var memories = [KernelMemory(description.scratchpadByteCount)]
    try primitive.bindScratchpad(memories[0].base)
    for (argument, layout) in operands {
      let memory = KernelMemory(layout.byteCount)
      memories.append(memory)
      try primitive.bind(argument, layout, memory.base)
    }
    let clock = ContinuousClock()
    var best = Double.infinity
    for _ in 0..<60 {
      let duration = try clock.measure { try primitive.run() }.components
      best = min(best, Double(duration.seconds) + Double(duration.attoseconds) * 1e-18)
    }
    return withExtendedLifetime(memories) { 2 * Double(size * size) * Double(size) / best }
  }
}
