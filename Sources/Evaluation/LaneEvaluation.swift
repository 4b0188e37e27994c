import Foundation
import Geometry
import Recording
import Results

/// Scores `lanes/<scene>.jsonl`: the map's lines as they were perceived.
enum LaneEvaluation {
  /// - Returns: nil where the run has no lines or the dataroot no map for its scenes.
  /// - Throws: what reading either throws; `EvaluationError` where a line names a keyframe that its scene does not have.
  static func evaluate(run: String, dataset: Dataset, truth: SampleTruth) throws -> LaneMetrics? {
    typealias Frames = [(truth: [[SIMD2<Double>]], found: [LaneMetrics.Line])]
    var byLayer: [(layer: String, frames: Frames)] = []
    var problems = EvaluationError()
    for (name, rows) in truth.scenes {
      let path = "\(run)/lanes/\(name).jsonl"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let layers = try dataset.mapLayers(location: dataset.location(ofScene: name)).filter {
        !$0.lines.isEmpty
      }
      try LaneRecord.read(path) { record in
        guard let row = truth.rows[record.sampleToken], rows.contains(row) else {
          problems.add(
            file: path, place: "sample \(record.sampleToken)", found: "not of \(name)",
            expected: "a keyframe of the scene")
          return
        }
        let egoFromGlobal = truth.samples[row].globalFromEgo.inverse
        let height = truth.samples[row].ego.z
        func inEgo(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
          points.map { (egoFromGlobal * SIMD3($0.x, $0.y, height)).xy }
        }
        for layer in layers {
          let found = record.lines.filter { $0.layer == layer.name }.map {
            LaneMetrics.Line(points: inEgo($0.points), score: $0.score)
          }
          let k = byLayer.firstIndex { $0.layer == layer.name } ?? byLayer.count
          if k == byLayer.count { byLayer.append((layer.name, [])) }
          // A city has thousands of lines: what is out of reach goes here already.
          byLayer[k].frames.append((layer.lines.map(inEgo).flatMap(LaneMetrics.pieces), found))
        }
      }
    }
    try problems.check()
    return byLayer.isEmpty ? nil : LaneMetrics(byLayer)
  }
}
