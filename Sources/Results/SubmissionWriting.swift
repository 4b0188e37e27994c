import Files
import Geometry
import Scenes

/// The nuScenes submissions that a run writes, sample by sample.
///
/// A file is a header line, a line a sample, and a last line, so that scenes' parts are joined (and shards taken apart
/// again) without reading JSON: `{"meta":{...},"results":{` / `"<token>":[...],` ... / `}}`.
/// - Source: nuScenes detection and tracking challenges, "Results format".
public enum Submission {
  /// The most boxes that a sample may have.
  public static let boxLimit = 500

  /// A submission's first line, which says what was perceived with.
  static func head(_ inputs: RunInputs) -> String {
    "{\"meta\":{\"use_camera\":\(inputs.camera),\"use_lidar\":\(inputs.lidar),"
      + "\"use_radar\":false,\"use_map\":false,\"use_external\":false},\"results\":{\n"
  }
  static let tail: StaticString = "\n}}\n"

  /// One sample's line, what was lost in it, and what is worth a note.
  struct Line: Sendable {
    var bytes: [UInt8]
    var flags: [String] = []
    var notes: [String] = []
  }

  /// A sample's detections: those with a number that cannot be written are dropped and flagged; the 500 with the highest
  /// scores are kept, in falling order (stable).
  static func detections(_ boxes: [Detection], sample: String) -> Line {
    line(boxes, sample: sample, what: "detections", detection: { $0 }) { box, text in
      text.raw(",\"detection_name\":")
      text.string(box.name.rawValue)
      text.raw(",\"detection_score\":")
      text.number(box.score)
      text.raw(",\"attribute_name\":")
      text.string(box.attribute)
    }
  }

  /// A sample's tracks of the seven tracked classes, as `detections`.
  static func tracks(_ tracks: [Track], sample: String) -> Line {
    line(tracks.filter(\.detection.name.isTracked), sample: sample, what: "tracks", detection: \.detection) {
      track, text in
      text.raw(",\"tracking_id\":")
      text.string(track.id)
      text.raw(",\"tracking_name\":")
      text.string(track.detection.name.rawValue)
      text.raw(",\"tracking_score\":")
      text.number(track.detection.score)
    }
  }

  private static func line<Item>(
    _ items: [Item], sample: String, what: String, detection: (Item) -> Detection,
    rest: (Item, inout JSONText) -> Void
  ) -> Line {
    var line = Line(bytes: [])
    var kept: [Item] = []
    for item in items {
      if let fault = fault(detection(item)) {
        line.flags.append("\(what): a \(detection(item).name.rawValue) dropped: \(fault)")
      } else {
        kept.append(item)
      }
    }
    let order = kept.indices.sorted { (detection(kept[$1]).score, $0) < (detection(kept[$0]).score, $1) }
    if order.count > boxLimit {
      line.notes.append(
        "\(what): \(order.count) boxes, of which the \(boxLimit) with the highest scores are kept")
    }
    var text = JSONText()
    text.string(sample)
    text.raw(":[")
    for (k, index) in order.prefix(boxLimit).enumerated() {
      if k > 0 { text.raw(",") }
      common(detection(kept[index]), sample, &text)
      rest(kept[index], &text)
      text.raw("}")
    }
    text.raw("]")
    line.bytes = text.bytes
    return line
  }

  private static func common(_ box: Detection, _ sample: String, _ text: inout JSONText) {
    text.raw("{\"sample_token\":")
    text.string(sample)
    text.raw(",\"translation\":")
    text.numbers([box.box.center.x, box.box.center.y, box.box.center.z])
    text.raw(",\"size\":")
    text.numbers([box.box.size.x, box.box.size.y, box.box.size.z])
    text.raw(",\"rotation\":")
    text.numbers(box.box.rotation.wxyz)
    text.raw(",\"velocity\":")
    text.numbers([box.velocity.x, box.velocity.y])
  }

  /// Why a box cannot be written, or nil where it can.
  static func fault(_ box: Detection) -> String? {
    guard box.box.center.isFinite else { return "its translation is \(box.box.center)" }
    guard box.box.size.isFinite, box.box.size.min() > 0 else { return "its size is \(box.box.size)" }
    let norm = box.box.rotation.norm
    guard abs(norm - 1) < 1e-4 else { return "its rotation has norm \(norm)" }
    guard box.velocity.x.isFinite, box.velocity.y.isFinite else { return "its velocity is \(box.velocity)" }
    guard box.score >= 0, box.score <= 1 else { return "its score is \(box.score)" }
    return nil
  }
}
