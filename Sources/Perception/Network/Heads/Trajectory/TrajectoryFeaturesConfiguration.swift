import Scenes

extension NetworkConfiguration {
  /// The features that trajectories are made from.
  public struct TrajectoryFeatures: Codable, Hashable, Sendable {
    /// Channels.
    public var channels = 32

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case channels }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.channels, &channels)
    }
  }
}
