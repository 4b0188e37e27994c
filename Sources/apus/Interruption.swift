import Foundation
import Synchronization

/// SIGINT and SIGTERM ask running work to stop at the next frame; a second one ends the program at once.
enum Interruption {
  private static let received = Atomic<Int32>(0)

  /// Catches the signals from here on. A closed reader of stdout (SIGPIPE) becomes a write error.
  static func install() {
    signal(SIGPIPE, SIG_IGN)
    // A file beyond the size limit becomes a write error as well.
    signal(SIGXFSZ, SIG_IGN)
    let handler: @convention(c) (Int32) -> Void = { number in
      if Interruption.received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
    }
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
  }

  /// Whether a signal asked to stop.
  static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

  /// 130 after SIGINT, 143 after SIGTERM.
  static var exitCode: Int32 { 128 + received.load(ordering: .relaxed) }
}
