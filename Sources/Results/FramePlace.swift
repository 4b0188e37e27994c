import Foundation

/// Where a frame is in its drive, which a preview's title and its file's name say.
public struct FramePlace: Sendable, Hashable {
  /// The scene's name.
  public let scene: String
  /// The frame's number in the scene from 0, and how many there are.
  public let index: Int, count: Int
  /// Seconds since the scene's first keyframe.
  public let seconds: Double

  /// The place of frame `index` of `count`.
  /// - Precondition: `index` is one of `count`.
  public init(scene: String, index: Int, count: Int, seconds: Double) {
    precondition((0..<count).contains(index), "frame \(index) of \(count)")
    self.scene = scene
    self.index = index
    self.count = count
    self.seconds = seconds
  }

  /// `0007_003.5s_<sample>.jpg`: the number, the drive's clock and the sample's token. Names of a scene sort by time.
  public func pictureName(sample: String) -> String {
    let number = Self.padded("\(index)", max(4, "\(count - 1)".count))
    let tenths = seconds.isFinite ? Int((max(0, min(seconds, 1e9)) * 10).rounded()) : 0
    return "\(number)_\(Self.padded("\(tenths / 10)", 3)).\(tenths % 10)s_\(sample).jpg"
  }

  /// `12.5 s`.
  package var clock: String { String(format: "%.1f s", seconds) }

  private static func padded(_ text: String, _ count: Int) -> String {
    String(repeating: "0", count: max(0, count - text.count)) + text
  }
}
