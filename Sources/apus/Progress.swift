import Foundation

/// Progress of long work on stderr: a bar with the time left on a terminal, a plain line every ten seconds elsewhere.
final class ProgressReport {
  private let label: String
  private let total: Int
  private let isTerminal: Bool
  private let start = ContinuousClock.now
  private var lastShown: ContinuousClock.Instant?
  private var lastLength = 0
  private var isFinished = false

  init(label: String, total: Int, enabled: Bool = true) {
    self.label = label
    self.total = enabled ? total : 0
    let terminal = ProcessInfo.processInfo.environment["TERM"] ?? ""
    isTerminal = isatty(STDERR_FILENO) == 1 && !terminal.isEmpty && terminal != "dumb"
  }

  /// Says that `done` items are finished; `detail` names the last.
  func update(done: Int, detail: String = "") {
    guard total > 0, !isFinished else { return }
    isFinished = done >= total
    let now = ContinuousClock.now
    let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
    if let lastShown, now - lastShown < pause, done < total { return }
    if lastShown == nil, !isTerminal, now - start < pause, done < total { return }
    lastShown = now
    let elapsed = (now - start) / .seconds(1)
    let left = done > 0 ? elapsed / Double(done) * Double(total - done) : .infinity
    let text = "\(label) \(done)/\(total) \(detail), \(Self.time(left)) left"
    if isTerminal {
      let filled = min(24, 24 * done / max(1, total))
      let bar = String(repeating: "=", count: filled) + String(repeating: " ", count: 24 - filled)
      let line = "[\(bar)] \(text)"
      let padding = String(repeating: " ", count: max(0, lastLength - line.count))
      lastLength = line.count
      write("\r" + line + padding)
    } else {
      write(text + "\n")
    }
  }

  /// Ends the bar's line.
  func finish() {
    if isTerminal, lastLength > 0 { write("\r" + String(repeating: " ", count: lastLength) + "\r") }
  }

  private func write(_ text: String) {
    do { try Output.write(Array(text.utf8), to: STDERR_FILENO) } catch {}
  }

  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e6 else { return "some time" }
    let s = Int(seconds.rounded())
    if s < 60 { return "\(s) s" }
    return s < 3600 ? "\(s / 60) min \(s % 60) s" : "\(s / 3600) h \(s % 3600 / 60) min"
  }
}
