internal import COneDNN

/// The library's one CPU engine and a stream; used from one thread at a time.
final class Library: @unchecked Sendable {
  let engine: dnnl_engine_t
  let stream: dnnl_stream_t

  init() throws {
    _ = try InstructionSet.inUse()
    _ = Library.effective
    var engine: dnnl_engine_t?
    try check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
    guard let engine else { throw libraryError("engine", "none") }
    self.engine = engine
    var stream: dnnl_stream_t?
    let status = dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_in_order.rawValue))
    guard status == dnnl_success, let stream else {
      dnnl_engine_destroy(engine)
      throw libraryError("stream", "status \(status.rawValue)")
    }
    self.stream = stream
  }

  deinit {
    dnnl_stream_destroy(stream)
    dnnl_engine_destroy(engine)
  }

  /// The widest set that oneDNN uses, once it is held to the one wanted: asked for before anything else of the library.
  private static let effective: dnnl_cpu_isa_t = {
    if let held = InstructionSet.held {
      let code: dnnl_cpu_isa_t =
        switch held {
        case .sse42: dnnl_cpu_isa_sse41
        case .avx2: dnnl_cpu_isa_avx2
        case .avx512: dnnl_cpu_isa_avx512_core
        case .avx512VNNI: dnnl_cpu_isa_avx512_core_vnni
        case .avx512BFloat16: dnnl_cpu_isa_avx512_core_bf16
        }
      precondition(dnnl_set_max_cpu_isa(code) == dnnl_success, "oneDNN was used before its set was chosen")
    }
    return dnnl_get_effective_cpu_isa()
  }()

  /// The widest instruction set in use, in words.
  static var instructionSet: String {
    switch effective {
    case dnnl_cpu_isa_sse41: "SSE4.2"
    case dnnl_cpu_isa_avx: "AVX"
    case dnnl_cpu_isa_avx2: "AVX2"
    case dnnl_cpu_isa_avx2_vnni: "AVX2 with VNNI"
    case dnnl_cpu_isa_avx512_core: "AVX-512"
    case dnnl_cpu_isa_avx512_core_vnni: "AVX-512 with VNNI"
    case dnnl_cpu_isa_avx512_core_bf16: "AVX-512 with VNNI and bf16"
    default:
      effective.rawValue > dnnl_cpu_isa_avx512_core_bf16.rawValue ? "AMX" : "plain x86-64"
    }
  }

  private static func has(_ set: dnnl_cpu_isa_t) -> Bool { effective.rawValue & set.rawValue == set.rawValue }

  /// Whether the CPU multiplies bfloat16.
  static var hasBFloat16: Bool { has(dnnl_cpu_isa_avx512_core_bf16) }

  /// Whether the CPU sums products of 8-bit integers in 32 bits, so that no sum of two saturates at 16.
  static var hasVNNI: Bool { has(dnnl_cpu_isa_avx512_core_vnni) }

  /// Whether the CPU has AVX-512, whose blocks of 16 channels the plans prefer.
  static var hasAVX512: Bool { has(dnnl_cpu_isa_avx512_core) }

  /// Whether the CPU has AVX2.
  static var hasAVX2: Bool { has(dnnl_cpu_isa_avx2) }
}

/// Throws unless a call went well.
func check(_ status: dnnl_status_t, _ what: String) throws {
  if status != dnnl_success { throw libraryError(what, "status \(status.rawValue)") }
}

private func libraryError(_ what: String, _ found: String) -> EngineError {
  EngineError(file: "oneDNN", field: what, found: found, expected: "success")
}
