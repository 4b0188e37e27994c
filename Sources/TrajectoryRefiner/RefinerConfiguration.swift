import Scenes

/// The measures of a refiner: conditions, network, diffusion and output. Absent keys have their defaults.
public struct RefinerConfiguration: Codable, Hashable, Sendable {
  /// Trajectory modes an agent, as many as each kind has anchors.
  public let modes: Int
  /// Channels of every token; a multiple of `heads`.
  public let width: Int
  /// Blocks of the diffusion transformer.
  public let blocks: Int
  /// Transformer blocks over the conditions.
  public let encoderBlocks: Int
  /// Attention heads.
  public let heads: Int
  /// Hidden channels of a perceptron per channel.
  public let expansion: Int
  /// Agents in one run of the plan.
  public let agentsPerChunk: Int

  /// Past samples of an agent, the present one included, `historySeconds` apart in all.
  public let historySteps: Int
  /// Seconds between past samples.
  public let historyInterval: Double
  /// Other agents that one agent sees, the nearest first.
  public let neighbours: Int
  /// Metres within which neighbours and polylines are seen.
  public let radius: Double
  /// Map polylines and road (SD map) polylines an agent sees, the nearest first.
  public let lanePolylines: Int, roadPolylines: Int
  /// Points a polyline, and metres between them.
  public let polylinePoints: Int
  /// Metres between the points of a polyline.
  public let polylineSpacing: Double
  /// Channels of the BEV features; 0: the network has none and no inputs for them.
  public let bevChannels: Int
  /// Steps (1 to 12) of each anchor at which BEV features are sampled.
  public let pathSteps: [Int]

  /// Steps of the whole noise schedule, and the first of them that are used.
  public let scheduleSteps: Int, truncatedSteps: Int
  /// Denoising steps at run time.
  public let denoisingSteps: Int
  /// Variances of the schedule's first and last step (`scaled linear`: their roots are evenly spaced).
  public let firstBeta: Double, lastBeta: Double

  /// Modes given out at most; all of them unless told otherwise.
  public let outputModes: Int
  /// Modes nowhere farther apart than this are one, in metres.
  public let mergeDistance: Double

  /// The seconds of history.
  public var historySeconds: Double { Double(historySteps - 1) * historyInterval }
  /// Polylines an agent sees: lanes, then roads, then the route.
  public var polylines: Int { lanePolylines + roadPolylines + 1 }
  /// Condition tokens: the agent, its neighbours, its polylines and, with BEV features, the place it is at.
  public var tokens: Int { 1 + neighbours + polylines + (bevChannels > 0 ? 1 : 0) }

  /// The configuration with these measures.
  ///
  /// - Throws: `RefinerError` naming the first field that does not fit.
  public init(
    modes: Int = 20, width: Int = 128, blocks: Int = 4, encoderBlocks: Int = 1, heads: Int = 4,
    expansion: Int = 2, agentsPerChunk: Int = 13, historySteps: Int = 5, historyInterval: Double = 0.5,
    neighbours: Int = 8, radius: Double = 60, lanePolylines: Int = 12, roadPolylines: Int = 4,
    polylinePoints: Int = 10, polylineSpacing: Double = 3, bevChannels: Int = 32,
    pathSteps: [Int] = [2, 4, 8, 12], scheduleSteps: Int = 1000, truncatedSteps: Int = 50,
    denoisingSteps: Int = 2, firstBeta: Double = 0.0001, lastBeta: Double = 0.02, outputModes: Int? = nil,
    mergeDistance: Double = 0.25, file: String = "refiner"
  ) throws {
    self.modes = modes
    self.width = width
    self.blocks = blocks
    self.encoderBlocks = encoderBlocks
    self.heads = heads
    self.expansion = expansion
    self.agentsPerChunk = agentsPerChunk
    self.historySteps = historySteps
    self.historyInterval = historyInterval
    self.neighbours = neighbours
    self.radius = radius
    self.lanePolylines = lanePolylines
    self.roadPolylines = roadPolylines
    self.polylinePoints = polylinePoints
    self.polylineSpacing = polylineSpacing
    self.bevChannels = bevChannels
    self.pathSteps = pathSteps
    self.scheduleSteps = scheduleSteps
    self.truncatedSteps = truncatedSteps
    self.denoisingSteps = denoisingSteps
    self.firstBeta = firstBeta
    self.lastBeta = lastBeta
    self.outputModes = outputModes ?? modes
    self.mergeDistance = mergeDistance
    try check(file)
  }

  /// The configuration of decoded values; keys that are absent have their defaults.
  ///
  /// - Throws: `DecodingError`, for an unknown key too, or `RefinerError` naming the first field that does not fit.
  public init(from decoder: any Decoder) throws {
    let section = try ConfigurationSection(decoder, CodingKeys.self)
    func value<T: Decodable>(_ key: CodingKeys, _ standard: T) throws -> T {
      try section.value(key) ?? standard
    }
    try self.init(
      modes: value(.modes, 20), width: value(.width, 128), blocks: value(.blocks, 4),
      encoderBlocks: value(.encoderBlocks, 1), heads: value(.heads, 4), expansion: value(.expansion, 2),
      agentsPerChunk: value(.agentsPerChunk, 13), historySteps: value(.historySteps, 5),
      historyInterval: value(.historyInterval, 0.5), neighbours: value(.neighbours, 8),
      radius: value(.radius, 60), lanePolylines: value(.lanePolylines, 12),
      roadPolylines: value(.roadPolylines, 4), polylinePoints: value(.polylinePoints, 10),
      polylineSpacing: value(.polylineSpacing, 3), bevChannels: value(.bevChannels, 32),
      pathSteps: value(.pathSteps, [2, 4, 8, 12]), scheduleSteps: value(.scheduleSteps, 1000),
      truncatedSteps: value(.truncatedSteps, 50), denoisingSteps: value(.denoisingSteps, 2),
      firstBeta: value(.firstBeta, 0.0001), lastBeta: value(.lastBeta, 0.02),
      outputModes: section.value(.outputModes),
      mergeDistance: value(.mergeDistance, 0.25))
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case modes, width, blocks, encoderBlocks, heads, expansion, agentsPerChunk, historySteps, historyInterval
    case neighbours, radius, lanePolylines, roadPolylines, polylinePoints, polylineSpacing, bevChannels
    case pathSteps, scheduleSteps, truncatedSteps, denoisingSteps, firstBeta, lastBeta, outputModes
    case mergeDistance
  }

  private func check(_ file: String) throws {
    let counts: [(String, Int, ClosedRange<Int>)] = [
      ("modes", modes, 1...256), ("width", width, 8...1024), ("blocks", blocks, 1...64),
      ("encoderBlocks", encoderBlocks, 0...16), ("heads", heads, 1...64), ("expansion", expansion, 1...16),
      ("agentsPerChunk", agentsPerChunk, 1...256), ("historySteps", historySteps, 2...64),
      ("neighbours", neighbours, 0...64), ("lanePolylines", lanePolylines, 0...256),
      ("roadPolylines", roadPolylines, 0...256), ("polylinePoints", polylinePoints, 2...64),
      ("bevChannels", bevChannels, 0...1024), ("scheduleSteps", scheduleSteps, 1...100_000),
      ("truncatedSteps", truncatedSteps, 1...max(scheduleSteps, 1)),
      ("denoisingSteps", denoisingSteps, 1...max(truncatedSteps, 1)),
      ("outputModes", outputModes, 1...max(modes, 1)),
    ]
    for (field, found, range) in counts where !range.contains(found) {
      throw RefinerError(
        file: file, field: field, found: "\(found)",
        expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    let reals: [(String, Double, ClosedRange<Double>)] = [
      ("historyInterval", historyInterval, 0.05...2), ("radius", radius, 1...1000),
      ("polylineSpacing", polylineSpacing, 0.1...100), ("mergeDistance", mergeDistance, 0...100),
      ("firstBeta", firstBeta, 1e-8...0.5), ("lastBeta", lastBeta, 1e-8...0.5),
    ]
    for (field, found, range) in reals where !range.contains(found) {
      throw RefinerError(
        file: file, field: field, found: "\(found)",
        expected: "\(range.lowerBound) to \(range.upperBound)")
    }
    guard width % heads == 0, width % 2 == 0 else {
      throw RefinerError(
        file: file, field: "width", found: "\(width) for \(heads) heads", expected: "an even multiple of them"
      )
    }
    guard !pathSteps.isEmpty, pathSteps.allSatisfy((1...12).contains),
      zip(pathSteps, pathSteps.dropFirst()).allSatisfy(<)
    else {
      throw RefinerError(
        file: file, field: "pathSteps", found: "\(pathSteps)", expected: "rising steps from 1 to 12")
    }
  }
}
