import Algorithms
import Geometry
import Scenes

/// One class's tracks of all scenes, with every pair of a true box and a result that may match.
///
/// Made once a class and matched at every threshold.
struct TrackMatching {
  /// The distance in metres at which a result no longer matches.
  static let distance = 2.0

  /// One keyframe with boxes of the class.
  private struct Frame {
    /// The track of each true box, in order.
    var truth: [Int] = []
    /// The track of each result, in order.
    var results: [Int] = []
    /// The score of each result.
    var scores: [Double] = []
    /// Truth (row), result (column) and their distance, by rising row and column.
    var pairs: [AssignmentPair] = []
  }

  private struct SceneFrames {
    var frames: [Frame] = []
    var truthTracks = 0
  }

  private let scenes: [SceneFrames]
  /// The boxes of truth.
  let truthCount: Int
  /// The tracks of truth.
  let trackCount: Int

  init(name: DetectionClass, scenes: [TrackedScene]) {
    self.scenes = scenes.map { Self.frames(of: name, $0) }
    truthCount = self.scenes.reduce(0) { $0 + $1.frames.reduce(0) { $0 + $1.truth.count } }
    trackCount = self.scenes.reduce(0) { $0 + $1.truthTracks }
  }

  private static func frames(of name: DetectionClass, _ scene: TrackedScene) -> SceneFrames {
    var result = SceneFrames()
    var numbers: [Int: Int] = [:]
    for (truth, results) in zip(scene.truth, scene.results) {
      let truth = truth.filter { $0.name == name }
      let results = results.filter { $0.name == name }
      var frame = Frame(results: results.map(\.track), scores: results.map(\.score))
      for (row, box) in truth.enumerated() {
        let number = numbers[box.track] ?? numbers.count
        numbers[box.track] = number
        frame.truth.append(number)
        for (column, found) in results.enumerated() {
          let separation = (box.center - found.center).length
          if separation < distance {
            frame.pairs.append(AssignmentPair(row: row, column: column, cost: separation))
          }
        }
      }
      result.frames.append(frame)
    }
    result.truthTracks = numbers.count
    return result
  }

  /// What became of the tracks at one threshold.
  struct Outcome {
    /// Keyframes with any box of truth or any result at the threshold.
    var frames = 0
    /// Boxes of truth that were found by the track that had them before, or by a first one.
    var matches = 0
    /// Boxes of truth that were found by another track than before.
    var switches = 0
    /// Results that match nothing, and boxes of truth that nothing matches.
    var falsePositives = 0, misses = 0
    /// The sum of distances of matches and switches, in metres.
    var distanceSum = 0.0
    /// The scores of the results that match (not those that switch).
    var matchedScores: [Double] = []
    /// The tracks of truth.
    var tracks: [TruthTrack] = []
  }

  /// What became of one true track, keyframe by keyframe.
  struct TruthTrack {
    /// Boxes, and those of them that were found.
    var count = 0, found = 0
    /// Keyframes before the first that was found.
    var late = 0
    /// How often the track was lost and found again.
    var fragmentations = 0
    /// The most keyframes in a row that were missed.
    var longestGap = 0
    private var gap = 0

    mutating func add(isFound: Bool) {
      count += 1
      if isFound {
        if gap > 0, found > 0 { fragmentations += 1 }
        found += 1
        gap = 0
      } else {
        gap += 1
        longestGap = max(longestGap, gap)
        if found == 0 { late += 1 }
      }
    }
  }

  /// Matches keyframe by keyframe: what matched last is kept where it still lies within the distance; the others are
  /// assigned at the least sum of distances.
  ///
  /// - Parameter threshold: results below this score are left out.
  /// - Complexity: O(Σ truth x results of a keyframe).
  /// - Source: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics",
  ///   EURASIP 2008, section 2.1; py-motmetrics 1.4.0, `MOTAccumulator.update`.
  func outcome(threshold: Double) -> Outcome {
    var outcome = Outcome()
    for scene in scenes {
      var tracks = [TruthTrack](repeating: TruthTrack(), count: scene.truthTracks)
      var partners = [Int?](repeating: nil, count: scene.truthTracks)
      for frame in scene.frames {
        let isActive = frame.scores.map { $0 >= threshold }
        let results = isActive.count { $0 }
        guard !frame.truth.isEmpty || results > 0 else { continue }
        outcome.frames += 1
        let columns = Self.match(frame, isActive, &partners, &outcome)
        for (row, track) in frame.truth.enumerated() { tracks[track].add(isFound: columns[row] != nil) }
        let found = columns.count { $0 != nil }
        outcome.misses += frame.truth.count - found
        outcome.falsePositives += results - found
      }
      outcome.tracks += tracks
    }
    return outcome
  }

  /// - Returns: for each true box the result that it has, or nil.
  private static func match(
    _ frame: Frame, _ isActive: [Bool], _ partners: inout [Int?], _ outcome: inout Outcome
  ) -> [Int?] {
    var columns = [Int?](repeating: nil, count: frame.truth.count)
    guard !frame.pairs.isEmpty else { return columns }
    var isFree = isActive
    var pairs = frame.pairs[...]
    for (row, track) in frame.truth.enumerated() {
      let own = pairs.prefix { $0.row == row }
      pairs = pairs[own.endIndex...]
      guard let partner = partners[track],
        let column = frame.results.indices.first(where: { isFree[$0] && frame.results[$0] == partner }),
        let pair = own.first(where: { $0.column == column })
      else { continue }
      columns[row] = column
      isFree[column] = false
      outcome.matches += 1
      outcome.distanceSum += pair.cost
      outcome.matchedScores.append(frame.scores[column])
    }
    let open = frame.pairs.filter { columns[$0.row] == nil && isFree[$0.column] }
    guard !open.isEmpty else { return columns }
    let assigned = linearAssignment(pairs: open, rows: frame.truth.count, columns: frame.results.count)
    for pair in open where assigned[pair.row] == pair.column {
      columns[pair.row] = pair.column
      let track = frame.truth[pair.row]
      if let partner = partners[track], partner != frame.results[pair.column] {
        outcome.switches += 1
      } else {
        outcome.matches += 1
        outcome.matchedScores.append(frame.scores[pair.column])
      }
      outcome.distanceSum += pair.cost
      partners[track] = frame.results[pair.column]
    }
    return columns
  }
}
