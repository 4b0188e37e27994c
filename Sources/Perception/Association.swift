import Geometry
import Scenes

/// The pairs of tracks and detections that lie within gates, with their costs: rows are tracks, columns detections.
///
/// Detections are sorted by group of classes and by x, so that each track is held against few of them. Those that are
/// not finite are left out.
/// - Complexity: O(d log d + t log d + pairs close in x) for t tracks and d detections.
package func associationPairs(_ states: [TrackState], _ detections: [Detection]) -> [AssignmentPair] {
  let sorted = detections.indices.filter { detections[$0].isFinite }.map {
    SweptDetection(
      group: TrackerConfiguration.group(of: detections[$0].name), x: detections[$0].box.center.x, index: $0)
  }.sorted { ($0.group, $0.x, $0.index) < ($1.group, $1.x, $1.index) }
  var pairs: [AssignmentPair] = []
  pairs.reserveCapacity(2 * max(states.count, detections.count))
  for (row, state) in states.enumerated() {
    let group = TrackerConfiguration.group(of: state.name)
    let x = state.filter.position.x
    let reach = state.reach
    // x - constant rises with x in floating point too, so that both ends of the sweep are exact.
    let start = firstIndex(of: sorted) { ($0.group, $0.x - x) >= (group, -reach) }
    for candidate in sorted[start...] {
      guard candidate.group == group, candidate.x - x <= reach else { break }
      let cost = state.cost(of: detections[candidate.index])
      if cost.isFinite { pairs.append(AssignmentPair(row: row, column: candidate.index, cost: cost)) }
    }
  }
  return pairs
}

/// A detection where a sweep along x meets it.
private struct SweptDetection {
  var group: Int
  var x: Double
  var index: Int
}

/// The first element for which `isReached` holds, or the end; once it holds it holds for all that follow.
private func firstIndex(
  of sorted: [SweptDetection], where isReached: (SweptDetection) -> Bool
) -> Int {
  var (low, high) = (0, sorted.count)
  while low < high {
    let middle = (low + high) / 2
    if isReached(sorted[middle]) { high = middle } else { low = middle + 1 }
  }
  return low
}

extension Detection {
  var isFinite: Bool {
    let q = box.rotation
    return box.center.isFinite && box.size.isFinite && velocity.x.isFinite && velocity.y.isFinite
      && score.isFinite
      && q.w.isFinite && q.x.isFinite && q.y.isFinite && q.z.isFinite
  }
}
