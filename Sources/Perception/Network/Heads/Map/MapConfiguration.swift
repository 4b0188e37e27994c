import Scenes

extension NetworkConfiguration {
  /// The map head.
  public struct Map: Codable, Hashable, Sendable {
    /// The layers, in order.
    public var layers = MapLayerName.allCases
    /// Channels of its own 3x3 convolution.
    public var hidden = 16
    /// Dividers are traced where they are at least this likely.
    public var lineProbability = 0.5
    /// Metres to which a traced line may be simplified, and below which it is left out.
    public var lineTolerance = 0.2, minimumLineLength = 3.0
    /// The width in metres that lines are drawn with for training.
    public var lineWidth = 0.8

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable {
      case layers, hidden, lineProbability, lineTolerance, minimumLineLength, lineWidth
    }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.layers, &layers)
      try section.read(.hidden, &hidden)
      try section.read(.lineProbability, &lineProbability)
      try section.read(.lineTolerance, &lineTolerance)
      try section.read(.minimumLineLength, &minimumLineLength)
      try section.read(.lineWidth, &lineWidth)
    }
  }
}
