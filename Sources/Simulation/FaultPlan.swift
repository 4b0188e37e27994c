/// Faults that a simulated recording is to have, so that synchronisation can be tested from files.
///
/// Written as `drop-camera=CAM_BACK@3..5,jitter=8ms,offset=CAM_FRONT:40ms`:
/// `drop-camera=CHANNEL@A..B` (or `@A`) leaves a channel's keyframe measurements A to B out, the first being 0;
/// `drop-lidar@A..B` does so for the LiDAR; `jitter=T` moves every camera's trigger by up to T either way;
/// `offset=CHANNEL:T` triggers a camera T late, and says so; `skew=CHANNEL:T` stamps its images T late though they are not.
public struct FaultPlan: Sendable, Hashable {
  /// A channel without measurements at some keyframes.
  public struct Drop: Sendable, Hashable {
    /// The channel.
    public var channel: String
    /// The keyframes, the first being 0.
    public var keyframes: ClosedRange<Int>
  }

  /// What is left out; channel `LIDAR_TOP` stands for the rig's LiDAR.
  public var drops: [Drop] = []
  /// Microseconds either way.
  public var jitterMicroseconds: Int64 = 0
  /// Microseconds by channel, by which the trigger is late.
  public var offsets: [String: Int64] = [:]
  /// Microseconds by channel, by which the stamp alone is late.
  public var skews: [String: Int64] = [:]

  /// No faults.
  public init() {}

  /// Reads a specification.
  /// - Parameter channels: the rig's channels, which faults may name.
  /// - Throws: `SimulationError` naming the part that is wrong.
  public init(_ text: String, channels: [String], lidar: String) throws {
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      func fail(_ found: String, _ expected: String) -> SimulationError {
        SimulationError(file: "--fault", field: String(part), found: found, expected: expected)
      }
      let isLidar = part.hasPrefix("drop-lidar@")
      let pieces = part.split(separator: isLidar ? "@" : "=", maxSplits: 1).map(String.init)
      guard pieces.count == 2 else { throw fail("no value", "KIND=VALUE") }
      func channel(_ name: String) throws -> String {
        let cameras = channels.filter { $0 != lidar }
        guard cameras.contains(name) else {
          throw fail(
            "no camera \(name)",
            cameras.isEmpty ? "a rig with cameras" : "one of \(cameras.joined(separator: ", "))")
        }
        return name
      }
      switch pieces[0] {
      case "drop-lidar":
        drops.append(Drop(channel: lidar, keyframes: try Self.range(pieces[1], fail)))
      case "drop-camera":
        let halves = pieces[1].split(separator: "@", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { throw fail(pieces[1], "CHANNEL@A..B") }
        drops.append(Drop(channel: try channel(halves[0]), keyframes: try Self.range(halves[1], fail)))
      case "jitter":
        jitterMicroseconds = try Self.time(pieces[1], fail)
        guard jitterMicroseconds >= 0 else { throw fail(pieces[1], "a time of 0 or more") }
      case "offset", "skew":
        let halves = pieces[1].split(separator: ":", maxSplits: 1).map(String.init)
        guard halves.count == 2 else { throw fail(pieces[1], "CHANNEL:TIME") }
        let name = try channel(halves[0])
        let value = try Self.time(halves[1], fail)
        if pieces[0] == "offset" { offsets[name] = value } else { skews[name] = value }
      default: throw fail(pieces[0], "drop-camera, drop-lidar, jitter, offset or skew")
      }
    }
  }

  private static func range(_ text: String, _ fail: (String, String) -> SimulationError) throws
    -> ClosedRange<Int>
  {
    var halves = [text]
    if let dots = text.firstRange(of: "..") {
      halves = [String(text[..<dots.lowerBound]), String(text[dots.upperBound...])]
    }
    guard let first = Int(halves[0]), let last = Int(halves[halves.count - 1]), first >= 0, last >= first
    else {
      throw fail(text, "keyframes as A or A..B, from 0")
    }
    return first...last
  }

  private static func time(_ text: String, _ fail: (String, String) -> SimulationError) throws -> Int64 {
    let units: [(ending: String, scale: Double)] = [("ms", 1e3), ("us", 1), ("s", 1e6)]
    guard let unit = units.first(where: { text.hasSuffix($0.ending) }),
      let value = Double(text.dropLast(unit.ending.count)), abs(value * unit.scale) <= 1e6
    else { throw fail(text, "a time such as 8ms, at most 1 s") }
    return Int64((value * unit.scale).rounded())
  }

  /// Whether a channel's measurement at a keyframe is left out.
  func drops(_ channel: String, keyframe: Int) -> Bool {
    drops.contains { $0.channel == channel && $0.keyframes.contains(keyframe) }
  }
}
