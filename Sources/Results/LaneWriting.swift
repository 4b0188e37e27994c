import Files
import Geometry
import Scenes

/// A line of `lanes/<scene>.jsonl`: the map's lines as perceived at one keyframe, in the global frame.
///
/// `{"sample": "..", "lines": [{"layer": "lane_divider", "points": [[x, y], ..]}, ..]}`
enum LaneLine {
  static func encode(_ prediction: FramePrediction) -> Submission.Line {
    var line = Submission.Line(bytes: [])
    var text = JSONText()
    text.raw("{\"sample\":")
    text.string(prediction.keyframe.token)
    text.raw(",\"lines\":[")
    var count = 0
    for layer in prediction.mapLines {
      for points in layer.lines {
        guard points.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else {
          line.flags.append("lanes: a line of \(layer.name) dropped: its points are not finite")
          continue
        }
        if count > 0 { text.raw(",") }
        count += 1
        text.raw("{\"layer\":")
        text.string(layer.name)
        text.raw(",\"points\":")
        text.points(points)
        text.raw("}")
      }
    }
    text.raw("]}\n")
    line.bytes = text.bytes
    return line
  }
}
