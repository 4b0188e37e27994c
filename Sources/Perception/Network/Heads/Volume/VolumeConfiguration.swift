import Scenes

extension NetworkConfiguration {
  /// The volume head: each cell's features become its column's classes (FlashOcc's channel-to-height, Yu et al.,
  /// arXiv 2311.12058).
  public struct Volume: Codable, Hashable, Sendable {
    /// Channels of its own 3x3 convolution.
    public var hidden = 32
    /// Columns along a cell's side that are told apart: a divisor of the columns of 0.4 m that fit.
    public var columnsPerCell = 1

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey, CaseIterable { case hidden, columnsPerCell }

    /// Reads a head; absent keys keep their defaults.
    public init(from decoder: any Decoder) throws {
      let section = try ConfigurationSection(decoder, CodingKeys.self)
      try section.read(.hidden, &hidden)
      try section.read(.columnsPerCell, &columnsPerCell)
    }
  }
}
