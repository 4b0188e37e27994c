import Geometry
import Scenes

/// A detection as a preview names it: its score and, where a track follows it, that track's number.
struct LabelledDetection {
  let detection: Detection
  let track: Track?

  /// `12 0.83`, or the score alone.
  var label: String {
    let score = "0.\(String(Int((detection.score * 100).rounded()) + 100).suffix(2))"
    let shown = detection.score > 0.994 ? "1.00" : score
    return number.map { "\($0) \(shown)" } ?? shown
  }

  /// What of the track's identity a person calls its number: the last run of digits, or all of it.
  var number: String? {
    guard let id = track?.id else { return nil }
    let digits = String(id.reversed().prefix { $0.isNumber }.reversed())
    return digits.isEmpty ? String(id.suffix(6)) : digits
  }

  /// The detections that are drawn, each with the nearest track of its class that no better one has taken.
  static func all(in prediction: FramePrediction, minimumScore: Double) -> [LabelledDetection] {
    var taken = Set<Int>()
    return prediction.detections.filter { $0.score >= minimumScore }.map { detection in
      var best: (index: Int, distance: Double)?
      for (k, track) in prediction.tracks.enumerated()
      where track.detection.name == detection.name && !taken.contains(k) {
        let distance = (track.detection.box.center.xy - detection.box.center.xy).length
        // A track's box is smoothed: within half a box, and never less than a metre.
        guard distance < max(1, detection.box.length / 2), distance < best?.distance ?? .infinity else {
          continue
        }
        best = (k, distance)
      }
      if let best { taken.insert(best.index) }
      return LabelledDetection(detection: detection, track: best.map { prediction.tracks[$0.index] })
    }
  }
}

/// The nearest objects as a table below the cameras.
struct ObjectTable {
  let x: Int, y: Int, rows: Int, columns: Int, columnWidth: Int

  func draw(_ objects: [LabelledDetection], egoFromGlobal: RigidTransform, on canvas: inout Canvas) {
    let near = objects.map { object in
      (object: object, distance: (egoFromGlobal * object.detection.box.center).xy.length)
    }.filter { $0.distance.isFinite }.sorted { $0.distance < $1.distance }
    for (k, entry) in near.prefix(rows * columns).enumerated() {
      let left = x + k / rows * columnWidth, top = y + k % rows * 12
      let detection = entry.object.detection
      canvas.fill(x: left..<left + 7, y: top..<top + 7, Palette.color(of: detection.name))
      let speed = detection.velocity.length
      let cells = [
        Self.padded(entry.object.number ?? "-", 4), Self.padded("\(Int(entry.distance.rounded())) m", 6),
        Self.padded(speed.isFinite ? "\((speed * 10).rounded() / 10) m/s" : "", 9),
      ]
      let score = Int((detection.score * 100).rounded())
      let name = detection.name.rawValue.replacing("_", with: " ").replacing(
        "construction vehicle", with: "constr. veh.")
      canvas.text(
        cells[0] + " " + name + String(repeating: " ", count: max(1, 14 - name.count))
          + Self.padded("\(score)%", 4) + cells[1] + cells[2],
        x: left + 8, y: top, Palette.text)
    }
    if near.count > rows * columns {
      canvas.text(
        "and \(near.count - rows * columns) more", x: x, y: y + rows * 12, Palette.dimText)
    }
  }

  private static func padded(_ text: String, _ count: Int) -> String {
    String(repeating: " ", count: max(0, count - text.count)) + text
  }
}
