import Foundation
import Synchronization

/// SIGINT and SIGTERM end the program at once, unless work that writes asked to be told (`deferToWork`): it then stops at
/// its next step. What has not stopped after most of a second is ended, and so it is by a second signal: nothing is lost by
/// it, as every file is written under another name and renamed when it is whole.
enum Interruption {
  private static let received = Atomic<Int32>(0)
  private static let isDeferred = Atomic<Bool>(false)
  /// Microseconds from a signal to the end.
  private static let patience = 700_000

  /// Catches the signals from here on. A closed reader of stdout (SIGPIPE) becomes a write error.
  static func install() {
    signal(SIGPIPE, SIG_IGN)
    // A file beyond the size limit becomes a write error as well.
    signal(SIGXFSZ, SIG_IGN)
    let handler: @convention(c) (Int32) -> Void = { number in
      let isSecond = Interruption.received.exchange(number, ordering: .relaxed) != 0
      if isSecond || !Interruption.isDeferred.load(ordering: .relaxed) { _exit(128 + number) }
      var timer = itimerval()
      timer.it_value.tv_usec = Interruption.patience
      setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
    }
    signal(SIGALRM) { _ in
      let text: StaticString = "apus: interrupted; what was finished is kept\n"
      _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
      _exit(Interruption.exitCode)
    }
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
    // A parent may have started the program with these blocked, as one that starts it from a thread of Dispatch does.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGALRM] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// From here on the first signal only sets `isRequested`, which the work must ask.
  static func deferToWork() { isDeferred.store(true, ordering: .relaxed) }

  /// Whether a signal asked to stop.
  static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

  /// 130 after SIGINT, 143 after SIGTERM.
  static var exitCode: Int32 { 128 + received.load(ordering: .relaxed) }
}
