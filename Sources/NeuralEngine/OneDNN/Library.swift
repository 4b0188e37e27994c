internal import COneDNN

/// The library's one CPU engine and a stream; used from one thread at a time.
final class Library: @unchecked Sendable {
  let engine: dnnl_engine_t
  let stream: dnnl_stream_t

  init() throws {
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

  /// The widest instruction set in use.
  static var instructionSet: String {
    switch dnnl_get_effective_cpu_isa() {
    case dnnl_cpu_isa_sse41: "SSE4.1"
    case dnnl_cpu_isa_avx: "AVX"
    case dnnl_cpu_isa_avx2: "AVX2"
    case dnnl_cpu_isa_avx2_vnni: "AVX2 with VNNI"
    case dnnl_cpu_isa_avx512_core: "AVX-512"
    case dnnl_cpu_isa_avx512_core_vnni: "AVX-512 with VNNI"
    case dnnl_cpu_isa_avx512_core_bf16: "AVX-512 with VNNI and bf16"
    default:
      dnnl_get_effective_cpu_isa().rawValue > dnnl_cpu_isa_avx512_core_bf16.rawValue ? "AMX" : "baseline"
    }
  }

  /// Whether the CPU multiplies bfloat16.
  static var hasBFloat16: Bool {
    let isa = dnnl_get_effective_cpu_isa()
    return isa.rawValue >= dnnl_cpu_isa_avx512_core_bf16.rawValue
      && isa.rawValue & dnnl_cpu_isa_avx512_core_bf16.rawValue == dnnl_cpu_isa_avx512_core_bf16.rawValue
  }

  /// Whether the CPU sums products of 8-bit integers in 32 bits.
  static var hasVNNI: Bool {
    let wanted = dnnl_cpu_isa_avx512_core_vnni.rawValue
    return dnnl_get_effective_cpu_isa().rawValue & wanted == wanted
  }

  /// Whether the CPU has AVX-512, whose blocks of 16 channels the plans prefer.
  static var hasAVX512: Bool {
    let wanted = dnnl_cpu_isa_avx512_core.rawValue
    return dnnl_get_effective_cpu_isa().rawValue & wanted == wanted
  }
}

/// Throws unless a call went well.
func check(_ status: dnnl_status_t, _ what: String) throws {
  if status != dnnl_success { throw libraryError(what, "status \(status.rawValue)") }
}

private func libraryError(_ what: String, _ found: String) -> EngineError {
  EngineError(file: "oneDNN", field: what, found: found, expected: "success")
}
