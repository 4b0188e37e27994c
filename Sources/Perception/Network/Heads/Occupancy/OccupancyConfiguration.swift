import Scenes

extension NetworkConfiguration {
  /// The head of occupancy from above.
  public struct Occupancy: Codable, Hashable, Sendable {
    /// Channels of its own 3x3 convolution.
    public var hidden = 16
    /// The most log-odds that one frame says about a cell.
    public var evidence: Float = 2

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case hidden, evidence }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.hidden, &hidden)
      try section.read(.evidence, &evidence)
    }
  }
}
