internal import COpenMP

/// The OpenMP threads that oneDNN and the engine's own kernels share.
enum EngineThreads {
  /// Sets how many threads oneDNN uses when called from this thread.
  static func use(_ count: Int) { omp_set_num_threads(Int32(clamping: count)) }

  private struct Work {
    let body: (Range<Int>) -> Void
    let count: Int
  }

  /// Calls `body` with consecutive ranges of `0..<count`, one to each of `threads` threads.
  static func parallel(_ count: Int, threads: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let parts = min(threads, max(1, count / max(grain, 1)))
    guard parts > 1 else { return body(0..<count) }
    withoutActuallyEscaping(body) { body in
      var work = Work(body: body, count: count)
      withUnsafeMutablePointer(to: &work) { pointer in
        GOMP_parallel(
          { data in
            guard let data else { return }
            let work = data.assumingMemoryBound(to: Work.self)
            let parts = Int(omp_get_num_threads())
            let part = Int(omp_get_thread_num())
            let count = work.pointee.count
            let range = count * part / parts..<count * (part + 1) / parts
            if !range.isEmpty { work.pointee.body(range) }
          }, pointer, UInt32(parts), 0)
      }
    }
  }
}
