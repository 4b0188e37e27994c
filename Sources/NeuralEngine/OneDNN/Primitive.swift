internal import COneDNN

/// A primitive chosen by oneDNN for an operation and layouts.
struct PrimitiveDescription: ~Copyable {
  let handle: dnnl_primitive_desc_t
  let library: Library

  init(_ handle: dnnl_primitive_desc_t, _ library: Library) {
    self.handle = handle
    self.library = library
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  /// The best implementation of an operation's descriptor; nil where there is none for its layouts.
  static func make<D>(_ descriptor: D, _ attributes: borrowing Attributes, _ library: Library)
    -> PrimitiveDescription?
  {
    var handle: dnnl_primitive_desc_t?
    let attributesHandle = attributes.handle
    let status = withUnsafePointer(to: descriptor) {
      dnnl_primitive_desc_create(&handle, UnsafeRawPointer($0), attributesHandle, library.engine, nil)
    }
    guard status == dnnl_success, let handle else { return nil }
    return PrimitiveDescription(handle, library)
  }

  /// The implementation of that name among the first few, or else the best.
  static func make<D>(
    _ descriptor: D, _ attributes: borrowing Attributes, _ library: Library, preferring prefix: String
  ) -> PrimitiveDescription? {
    var iterator: dnnl_primitive_desc_iterator_t?
    let attributesHandle = attributes.handle
    let status = withUnsafePointer(to: descriptor) {
      dnnl_primitive_desc_iterator_create(
        &iterator, UnsafeRawPointer($0), attributesHandle, library.engine, nil)
    }
    guard status == dnnl_success, let iterator else { return nil }
    defer { dnnl_primitive_desc_iterator_destroy(iterator) }
    for _ in 0..<4 {
      if let handle = dnnl_primitive_desc_iterator_fetch(iterator) {
        let found = PrimitiveDescription(handle, library)
        if found.implementation.hasPrefix(prefix) { return found }
      }
      if dnnl_primitive_desc_iterator_next(iterator) != dnnl_success { break }
    }
    return make(descriptor, attributes, library)
  }

  /// A copy from one layout to another.
  static func reorder(
    _ source: Layout, _ target: Layout, _ attributes: borrowing Attributes, _ library: Library
  ) -> PrimitiveDescription? {
    var handle: dnnl_primitive_desc_t?
    let attributesHandle = attributes.handle
    let status = withUnsafePointer(to: source.descriptor) { s in
      withUnsafePointer(to: target.descriptor) { t in
        dnnl_reorder_primitive_desc_create(&handle, s, library.engine, t, library.engine, attributesHandle)
      }
    }
    guard status == dnnl_success, let handle else { return nil }
    return PrimitiveDescription(handle, library)
  }

  /// Sources one after another along an axis; nil target lets oneDNN choose.
  static func concatenation(_ sources: [Layout], axis: Int, target: Layout?, _ library: Library) throws
    -> PrimitiveDescription?
  {
    var handle: dnnl_primitive_desc_t?
    let attributes = try Attributes()
    let attributesHandle = attributes.handle
    let descriptors = sources.map(\.descriptor)
    let status: dnnl_status_t
    if let target {
      status = withUnsafePointer(to: target.descriptor) {
        dnnl_concat_primitive_desc_create(
          &handle, $0, Int32(sources.count), Int32(axis), descriptors, attributesHandle, library.engine)
      }
    } else {
      status = dnnl_concat_primitive_desc_create(
        &handle, nil, Int32(sources.count), Int32(axis), descriptors, attributesHandle, library.engine)
    }
    guard status == dnnl_success, let handle else { return nil }
    return PrimitiveDescription(handle, library)
  }

  func layout(_ query: dnnl_query_t, _ index: Int32 = 0) -> Layout? {
    dnnl_primitive_desc_query_md(handle, query, index).map { Layout($0.pointee) }
  }

  /// The layout wanted of source `index`.
  func source(_ index: Int32 = 0) -> Layout? { layout(dnnl_query_src_md, index) }
  /// The layout wanted of the weights.
  var weights: Layout? { layout(dnnl_query_weights_md) }
  /// The layout of the result.
  var target: Layout? { layout(dnnl_query_dst_md) }
  /// Bytes of scratch memory one run needs.
  var scratchpadByteCount: Int { layout(dnnl_query_scratchpad_md)?.byteCount ?? 0 }

  /// Which code runs, as oneDNN names it: `brgconv:avx512_core`.
  var implementation: String {
    var text: UnsafePointer<CChar>?
    let status = withUnsafeMutablePointer(to: &text) {
      dnnl_primitive_desc_query(handle, dnnl_query_impl_info_str, 0, UnsafeMutableRawPointer($0))
    }
    guard status == dnnl_success, let text else { return "unknown" }
    return String(cString: text)
  }
}

/// A compiled primitive with the memories it is run on.
final class Primitive: @unchecked Sendable {
  // Names of arguments.
  static let source = Int32(DNNL_ARG_SRC_0), secondSource = Int32(DNNL_ARG_SRC_1)
  static let from = Int32(DNNL_ARG_FROM), to = Int32(DNNL_ARG_TO)
  static let weights = Int32(DNNL_ARG_WEIGHTS), bias = Int32(DNNL_ARG_BIAS), target = Int32(DNNL_ARG_DST)

  /// The argument of source `index` of a concatenation.
  static func multipleSource(_ index: Int) -> Int32 { Int32(DNNL_ARG_MULTIPLE_SRC) + Int32(index) }

  /// The argument of the operand of fused operation `index`.
  static func operand(_ index: Int) -> Int32 { apus_dnnl_arg_post_op(Int32(index), Int32(DNNL_ARG_SRC_1)) }

  private let handle: dnnl_primitive_t
  private let library: Library
  private let scratchpad: Layout?
  private var memories: [dnnl_memory_t] = []
  private var arguments: [dnnl_exec_arg_t] = []

  init(_ description: borrowing PrimitiveDescription) throws {
    var primitive: dnnl_primitive_t?
    try check(dnnl_primitive_create(&primitive, description.handle), "primitive")
    guard let primitive else { preconditionFailure("oneDNN made no primitive") }
    handle = primitive
    library = description.library
    scratchpad = dnnl_primitive_desc_query_md(description.handle, dnnl_query_scratchpad_md, 0)
      .map { Layout($0.pointee) }
  }

  /// Ties an argument to memory that must outlive the primitive.
  func bind(_ argument: Int32, _ layout: Layout, _ address: UnsafeMutableRawPointer) throws {
    var memory: dnnl_memory_t?
    try withUnsafePointer(to: layout.descriptor) {
      try check(dnnl_memory_create(&memory, $0, library.engine, address), "memory")
    }
    guard let memory else { preconditionFailure("oneDNN made no memory") }
    memories.append(memory)
    arguments.append(dnnl_exec_arg_t(arg: argument, memory: memory))
  }

  /// Ties the scratch memory.
  func bindScratchpad(_ address: UnsafeMutableRawPointer) throws {
    if let scratchpad, scratchpad.byteCount > 0 { try bind(DNNL_ARG_SCRATCHPAD, scratchpad, address) }
  }

  /// Runs on the bound memories; allocates nothing.
  func run() throws {
    let status = arguments.withUnsafeBufferPointer {
      dnnl_primitive_execute(handle, library.stream, Int32($0.count), $0.baseAddress)
    }
    try check(status, "execution")
  }

  deinit {
    for memory in memories { dnnl_memory_destroy(memory) }
    dnnl_primitive_destroy(handle)
  }
}
