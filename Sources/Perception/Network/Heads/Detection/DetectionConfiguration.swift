import Scenes

extension NetworkConfiguration {
  /// How boxes of one object are reduced to one.
  public enum Suppression: String, Codable, Hashable, Sendable {
    /// Every peak stays.
    case none
    /// Of centres nearer than the class's radius the best score stays.
    case circle
    /// Of footprints that overlap by more than `maximumOverlap` the best score stays.
    case rotated
  }

  /// The detection head: CenterPoint's heat maps and regressions (Yin et al., arXiv 2006.11275).
  public struct Detection: Codable, Hashable, Sendable {
    /// The classes, in the order of the heat maps.
    public var classes = DetectionClass.allCases
    /// Channels of its own 3x3 convolution.
    public var hidden = 48
    /// Peaks below this score are left out.
    public var minimumScore = 0.05
    /// Detections of a frame at most.
    public var maximumCount = 300
    /// How boxes of one object are reduced to one.
    public var suppression = Suppression.circle
    /// Of rotated suppression: the overlap (intersection over union) that two objects may have.
    public var maximumOverlap = 0.2

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
      case classes, hidden, minimumScore, maximumCount, suppression, maximumOverlap
    }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.classes, &classes)
      try section.read(.hidden, &hidden)
      try section.read(.minimumScore, &minimumScore)
      try section.read(.maximumCount, &maximumCount)
      try section.read(.suppression, &suppression)
      try section.read(.maximumOverlap, &maximumOverlap)
    }
  }
}
