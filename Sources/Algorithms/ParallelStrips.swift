import Dispatch

/// Runs `body` on consecutive strips of `0..<count`, one a thread, and returns when all are done.
///
/// The strips are of outputs: a body writes only what belongs to its range, so the bytes do not depend on `threads`.
/// With one thread (or little work) the body runs in the caller, on the whole range.
/// - Parameter minimumStrip: no strip is shorter than this, so small work is not split.
public func forEachStrip(
  of count: Int, threads: Int, minimumStrip: Int = 1, _ body: @Sendable (Range<Int>) -> Void
) {
  let strips = max(1, min(threads, count / max(1, minimumStrip)))
  guard strips > 1 else {
    if count > 0 { body(0..<count) }
    return
  }
  DispatchQueue.concurrentPerform(iterations: strips) { s in
    body(count * s / strips..<count * (s + 1) / strips)
  }
}

/// A pointer that strips may share: each writes its own part.
public struct SharedPointer<Element>: @unchecked Sendable {
  /// The start of the memory.
  public let base: UnsafeMutablePointer<Element>

  /// Shares the memory of a buffer for the duration of a call.
  /// - Precondition: the buffer is not empty.
  public init(_ buffer: UnsafeMutableBufferPointer<Element>) {
    guard let start = buffer.baseAddress else { preconditionFailure("an empty buffer is shared") }
    base = start
  }

  /// The element at this place, which must lie within the buffer.
  @inlinable public subscript(k: Int) -> Element {
    get { base[k] }
    nonmutating set { base[k] = newValue }
  }
}
