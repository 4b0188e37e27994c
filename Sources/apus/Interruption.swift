import Foundation
import Synchronization

/// SIGINT and SIGTERM end the program at once, unless work that writes asked to be told (`deferToWork`): it then stops at
/// the next frame, and a second signal ends the program at once.
enum Interruption {
  private static let received = Atomic<Int32>(0)
  private static let isDeferred = Atomic<Bool>(false)

  /// Catches the signals from here on. A closed reader of stdout (SIGPIPE) becomes a write error.
  static func install() {
    signal(SIGPIPE, SIG_IGN)
    // A file beyond the size limit becomes a write error as well.
    signal(SIGXFSZ, SIG_IGN)
    let handler: @convention(c) (Int32) -> Void = { number in
      let isSecond = Interruption.received.exchange(number, ordering: .relaxed) != 0
      if isSecond || !Interruption.isDeferred.load(ordering: .relaxed) { _exit(128 + number) }
    }
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
  }

  /// From here on the first signal only sets `isRequested`, which the work must ask.
  static func deferToWork() { isDeferred.store(true, ordering: .relaxed) }

  /// Whether a signal asked to stop.
  static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

  /// 130 after SIGINT, 143 after SIGTERM.
  static var exitCode: Int32 { 128 + received.load(ordering: .relaxed) }
}
