/// A dense row-major tensor in memory that a kernel reads.
public struct TensorView: @unchecked Sendable {
  /// Shape and element type.
  public let type: TensorType
  /// The first element's address; aligned to 64 bytes in a plan.
  public let base: UnsafeRawPointer

  /// A view of `type` at `base`.
  public init(_ type: TensorType, _ base: UnsafeRawPointer) {
    self.type = type
    self.base = base
  }

  /// Extent of each axis.
  public var shape: [Int] { type.shape }
  /// Number of elements.
  public var count: Int { type.count }

  /// The elements as floats. Precondition (as for the two below): the element type is that.
  public var floats: UnsafePointer<Float> {
    precondition(type.element == .float32, "\(type) read as float32")
    return base.assumingMemoryBound(to: Float.self)
  }

  /// The elements as integers.
  public var integers: UnsafePointer<Int64> {
    precondition(type.element == .int64, "\(type) read as int64")
    return base.assumingMemoryBound(to: Int64.self)
  }

  /// The elements as booleans.
  public var booleans: UnsafePointer<Bool> {
    precondition(type.element == .bool, "\(type) read as bool")
    return base.assumingMemoryBound(to: Bool.self)
  }
}

/// A dense row-major tensor in memory that a kernel writes whole; it never overlaps an input.
public struct MutableTensorView: @unchecked Sendable {
  /// Shape and element type.
  public let type: TensorType
  /// The first element's address.
  public let base: UnsafeMutableRawPointer

  /// A view of `type` at `base`.
  public init(_ type: TensorType, _ base: UnsafeMutableRawPointer) {
    self.type = type
    self.base = base
  }

  /// Extent of each axis.
  public var shape: [Int] { type.shape }
  /// Number of elements.
  public var count: Int { type.count }

  /// The elements as floats. Precondition (as for the two below): the element type is that.
  public var floats: UnsafeMutablePointer<Float> {
    precondition(type.element == .float32, "\(type) written as float32")
    return base.assumingMemoryBound(to: Float.self)
  }

  /// The elements as integers.
  public var integers: UnsafeMutablePointer<Int64> {
    precondition(type.element == .int64, "\(type) written as int64")
    return base.assumingMemoryBound(to: Int64.self)
  }

  /// The elements as booleans.
  public var booleans: UnsafeMutablePointer<Bool> {
    precondition(type.element == .bool, "\(type) written as bool")
    return base.assumingMemoryBound(to: Bool.self)
  }
}

/// What a kernel may use besides its inputs and outputs.
public struct KernelContext: @unchecked Sendable {
  /// Threads to split the outputs over, with `parallel`.
  public let threads: Int
  /// As many bytes as the operator's `scratchByteCount` asked for, aligned to 64; contents undefined.
  public let scratch: UnsafeMutableRawBufferPointer

  /// A context of `threads` threads and scratch memory.
  public init(threads: Int, scratch: UnsafeMutableRawBufferPointer = .init(start: nil, count: 0)) {
    self.threads = threads
    self.scratch = scratch
  }

  /// Calls `body` with ranges that together cover `0..<count` once, on up to `threads` threads at a time.
  ///
  /// Each output element must be computed wholly within one range and in an order that does not depend on the
  /// ranges: then the bytes are the same at any thread count. `grain` is the smallest range worth a thread.
  public func parallel(_ count: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
    EngineThreads.parallel(count, threads: threads, grain: grain, body)
  }
}
