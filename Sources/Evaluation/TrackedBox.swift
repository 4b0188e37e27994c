import Scenes

/// A box of a track as tracking is scored on it, of truth or of a result.
public struct TrackedBox: Sendable, Hashable {
  /// The track: a number that is unique within the scene, counted from 0 for truth and for results apart.
  public var track: Int
  /// The class, one of the seven that are tracked.
  public var name: DetectionClass
  /// The centre seen from above, in metres in the global frame.
  public var center: SIMD2<Double>
  /// Confidence; no meaning for truth.
  public var score: Double

  /// The box with these properties.
  public init(track: Int, name: DetectionClass, center: SIMD2<Double>, score: Double = 0) {
    self.track = track
    self.name = name
    self.center = center
    self.score = score
  }
}

/// One scene's tracks keyframe by keyframe.
public struct TrackedScene: Sendable {
  /// The keyframes' times in microseconds, rising.
  public var timestamps: [Int64]
  /// `[keyframe][box]`: what is true.
  public var truth: [[TrackedBox]]
  /// `[keyframe][box]`: what was found.
  public var results: [[TrackedBox]]

  /// The scene with these boxes.
  /// - Precondition: as many keyframes of truth and of results as times.
  public init(timestamps: [Int64], truth: [[TrackedBox]], results: [[TrackedBox]]) {
    precondition(
      timestamps.count == truth.count && timestamps.count == results.count,
      "\(timestamps.count) times, \(truth.count) keyframes of truth, \(results.count) of results")
    self.timestamps = timestamps
    self.truth = truth
    self.results = results
  }

  /// The scene as nuscenes-devkit scores it: each result with its track's mean score, and every track's gaps filled.
  ///
  /// A gap is filled linearly in time but with the two weights exchanged, as the devkit does it: a box near the gap's left
  /// end lies near the right end's. It makes a difference only where two or more keyframes in a row are missing.
  /// - Source: nuscenes-devkit 1.2.0, `eval/tracking/loaders.py`, `create_tracks` and `interpolate_tracks`.
  func prepared() -> TrackedScene {
    TrackedScene(
      timestamps: timestamps, truth: Self.filled(truth, timestamps),
      results: Self.filled(Self.withMeanScores(results), timestamps))
  }

  private static func withMeanScores(_ frames: [[TrackedBox]]) -> [[TrackedBox]] {
    var scores: [Int: [Double]] = [:]
    for box in frames.joined() { scores[box.track, default: []].append(box.score) }
    let means = scores.mapValues { PairwiseSum.of($0[...]) / Double($0.count) }
    return frames.map { boxes in
      boxes.map { box in
        var box = box
        box.score = means[box.track] ?? box.score
        return box
      }
    }
  }

  private static func filled(_ frames: [[TrackedBox]], _ timestamps: [Int64]) -> [[TrackedBox]] {
    var rows: [Int: Int] = [:]
    var tracks: [[(frame: Int, box: TrackedBox)]] = []
    for (frame, boxes) in frames.enumerated() {
      for box in boxes {
        if let row = rows[box.track] {
          tracks[row].append((frame, box))
        } else {
          rows[box.track] = tracks.count
          tracks.append([(frame, box)])
        }
      }
    }
    var result = frames
    for track in tracks {
      for (left, right) in zip(track, track.dropFirst()) where right.frame > left.frame + 1 {
        for frame in left.frame + 1..<right.frame {
          let weight =
            Double(timestamps[right.frame] - timestamps[frame])
            / Double(timestamps[right.frame] - timestamps[left.frame])
          var box = right.box
          box.center = (1 - weight) * left.box.center + weight * right.box.center
          box.score = (1 - weight) * left.box.score + weight * right.box.score
          result[frame].append(box)
        }
      }
    }
    return result
  }
}

/// The sum of numbers in numpy's order, so that means compare equal with the devkit's thresholds to the last bit.
/// - Source: numpy 1.26, `pairwise_sum` in `loops_utils.h.src`: eight sums side by side in blocks of at most 128.
enum PairwiseSum {
  static func of(_ values: ArraySlice<Double>) -> Double {
    let start = values.startIndex
    if values.count < 8 { return values.reduce(0, +) }
    if values.count > 128 {
      let half = values.count / 2 / 8 * 8
      return of(values[start..<start + half]) + of(values[(start + half)...])
    }
    var sums = Array(values[start..<start + 8])
    var next = start + 8
    while next + 8 <= values.endIndex {
      for k in 0..<8 { sums[k] += values[next + k] }
      next += 8
    }
    let sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    return values[next...].reduce(sum, +)
  }
}
