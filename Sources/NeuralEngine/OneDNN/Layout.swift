internal import COneDNN

/// What an element is in memory that oneDNN reads or writes.
enum StorageType: Sendable {
  case float32, bfloat16, signed8, unsigned8, signed32

  var code: dnnl_data_type_t {
    switch self {
    case .float32: dnnl_f32
    case .bfloat16: dnnl_bf16
    case .signed8: dnnl_s8
    case .unsigned8: dnnl_u8
    case .signed32: dnnl_s32
    }
  }

  /// Bytes of an element.
  var byteCount: Int {
    switch self {
    case .float32, .signed32: 4
    case .bfloat16: 2
    case .signed8, .unsigned8: 1
    }
  }
}

/// How a tensor's elements lie in memory: oneDNN's memory descriptor.
struct Layout: @unchecked Sendable, Equatable {
  var descriptor: dnnl_memory_desc_t

  init(_ descriptor: dnnl_memory_desc_t) { self.descriptor = descriptor }

  /// Dense, last axis fastest; a scalar becomes one axis of 1.
  init(plain shape: [Int], _ storage: StorageType = .float32) {
    let shape = shape.isEmpty ? [1] : shape
    self.init(strided: shape, rowMajorStrides(shape), storage)
  }

  /// Given strides in elements.
  init(strided shape: [Int], _ strides: [Int], _ storage: StorageType = .float32) {
    descriptor = dnnl_memory_desc_t()
    let status = dnnl_memory_desc_init_by_strides(
      &descriptor, Int32(shape.count), shape.map(Int64.init), storage.code, strides.map(Int64.init))
    precondition(status == dnnl_success, "no layout for \(shape) with strides \(strides)")
  }

  /// Left for a primitive to choose.
  init(any shape: [Int], _ storage: StorageType = .float32) {
    self.init(shape, dnnl_format_tag_any, storage)
  }

  /// One of oneDNN's named formats.
  init(_ shape: [Int], _ tag: dnnl_format_tag_t, _ storage: StorageType = .float32) {
    descriptor = dnnl_memory_desc_t()
    let status = dnnl_memory_desc_init_by_tag(
      &descriptor, Int32(shape.count), shape.map(Int64.init), storage.code, tag)
    precondition(status == dnnl_success, "no layout for \(shape)")
  }

  /// Channels fastest: `[batch, spatial..., channel]` in memory.
  init(channelsLast shape: [Int], _ storage: StorageType = .float32) {
    self.init(fastest: 1, shape, storage)
  }

  /// One axis fastest, the others in their order.
  init(fastest axis: Int, _ shape: [Int], _ storage: StorageType = .float32) {
    let order = shape.indices.filter { $0 != axis } + [axis]
    let permuted = rowMajorStrides(order.map { shape[$0] })
    var strides = [Int](repeating: 0, count: shape.count)
    for (position, axis) in order.enumerated() { strides[axis] = permuted[position] }
    self.init(strided: shape, strides, storage)
  }

  /// Channels in blocks of 16 or 8: `[batch, channel / 16, spatial..., 16]` in memory; nil but for 1 to 3 spatial axes.
  static func blocked(_ shape: [Int], _ storage: StorageType = .float32, by size: Int = 16) -> Layout? {
    switch (shape.count, size) {
    case (3, 16): Layout(shape, dnnl_aBc16b, storage)
    case (4, 16): Layout(shape, dnnl_aBcd16b, storage)
    case (5, 16): Layout(shape, dnnl_aBcde16b, storage)
    case (3, 8): Layout(shape, dnnl_aBc8b, storage)
    case (4, 8): Layout(shape, dnnl_aBcd8b, storage)
    case (5, 8): Layout(shape, dnnl_aBcde8b, storage)
    default: nil
    }
  }

  /// Whether oneDNN can describe the shape at all.
  static func supports(_ shape: [Int]) -> Bool { shape.count <= 6 && !shape.contains(0) }

  static func == (a: Layout, b: Layout) -> Bool {
    withUnsafePointer(to: a.descriptor) { p in
      withUnsafePointer(to: b.descriptor) { q in dnnl_memory_desc_equal(p, q) != 0 }
    }
  }

  /// Bytes from a buffer's start to the last element, padding and a view's own offset included.
  ///
  /// oneDNN's size of a view with an offset is 0, so that of the view without it is taken and the offset added.
  var byteCount: Int {
    withUnsafePointer(to: withoutOffset.descriptor) { Int(dnnl_memory_desc_get_size($0)) } + byteOffset
  }

  /// Extent of each axis.
  var shape: [Int] { Layout.array(descriptor.dims, Int(descriptor.ndims)) }

  /// What an element is.
  var storage: StorageType {
    switch descriptor.data_type {
    case dnnl_bf16: .bfloat16
    case dnnl_s8: .signed8
    case dnnl_u8: .unsigned8
    case dnnl_s32: .signed32
    default: .float32
    }
  }

  /// Whether only strides describe it (no blocks).
  var isStrided: Bool {
    descriptor.format_kind == dnnl_blocked && descriptor.format_desc.blocking.inner_nblks == 0
  }

  /// Elements between neighbours along each axis (of blocks, where there are any).
  var strides: [Int] { Layout.array(descriptor.format_desc.blocking.strides, Int(descriptor.ndims)) }

  /// The same arrangement for another element type.
  func with(_ storage: StorageType) -> Layout {
    var copy = descriptor
    copy.data_type = storage.code
    return Layout(copy)
  }

  /// Channels in blocks of 16 and nothing else.
  var isBlocked16: Bool { isBlocked(by: 16) }

  /// Channels in blocks of 16 or 8 and nothing else.
  func isBlocked(by size: Int) -> Bool {
    Layout.blocked(shape, storage, by: size).map { $0 == self } ?? false
  }

  /// Channels in a block, where channels lie in blocks of 16 or 8 and nothing else; nil elsewhere.
  var blockSize: Int? { isStrided ? nil : [16, 8].first { isBlocked(by: $0) } }

  /// Blocks of channels that are no more than a run of all channels, as every other axis is 1, told by strides alone.
  private var unblocked: Layout? {
    guard let size = blockSize, shape[1] % size == 0, shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
      return nil
    }
    var view = Layout(
      strided: shape, [strides[0], 1] + [Int](repeating: 1, count: shape.count - 2), storage)
    view.descriptor.offset0 = descriptor.offset0
    return view
  }

  /// Channels fastest; also true of plain layouts where that is the same arrangement.
  var isChannelsLast: Bool { shape.count > 2 && Layout(channelsLast: shape, storage) == self }

  /// Dense with the last axis fastest.
  var isPlain: Bool { Layout(plain: shape, storage) == self }

  /// A view with axes in another order: axis i of the view is axis `permutation[i]`.
  func permuted(_ permutation: [Int]) -> Layout? {
    guard isStrided else { return nil }
    let (extents, steps) = (shape, strides)
    var view = Layout(strided: permutation.map { extents[$0] }, permutation.map { steps[$0] }, storage)
    view.descriptor.offset0 = descriptor.offset0
    return view
  }

  /// Bytes from a buffer's start to the first element.
  var byteOffset: Int { Int(descriptor.offset0) * storage.byteCount }

  /// The same arrangement from the buffer's start.
  var withoutOffset: Layout {
    var copy = descriptor
    copy.offset0 = 0
    return Layout(copy)
  }

  /// A view of part of it; nil where blocks would be cut.
  func part(starts: [Int], counts: [Int]) -> Layout? {
    var view = dnnl_memory_desc_t()
    let status = withUnsafePointer(to: descriptor) {
      dnnl_memory_desc_init_submemory(&view, $0, counts.map(Int64.init), starts.map(Int64.init))
    }
    return status == dnnl_success ? Layout(view) : nil
  }

  /// A view in another shape; nil where that needs a copy.
  func reshaped(_ shape: [Int]) -> Layout? {
    guard isStrided, !shape.isEmpty else { return nil }
    var view = dnnl_memory_desc_t()
    let status = withUnsafePointer(to: descriptor) {
      dnnl_memory_desc_reshape(&view, $0, Int32(shape.count), shape.map(Int64.init))
    }
    guard status == dnnl_success else { return nil }
    view.offset0 = descriptor.offset0
    return Layout(view)
  }

  private static func array(_ dims: dnnl_dims_t, _ count: Int) -> [Int] {
    withUnsafeBytes(of: dims) { bytes in bytes.bindMemory(to: Int64.self).prefix(count).map { Int($0) } }
  }
}

extension Layout {
  /// Whether elements lie at the same places: equal, or strided alike along every axis longer than 1.
  func isSameArrangement(as other: Layout) -> Bool {
    if self == other { return true }
    if let mine = unblocked { return mine.isSameArrangement(as: other.unblocked ?? other) }
    if let theirs = other.unblocked { return isSameArrangement(as: theirs) }
    guard isStrided, other.isStrided, storage == other.storage, descriptor.offset0 == other.descriptor.offset0
    else { return false }
    let (mine, theirs) = (shape, other.shape)
    return mine == theirs
      && zip(mine, zip(strides, other.strides)).allSatisfy { $0 == 1 || $1.0 == $1.1 }
  }
}
