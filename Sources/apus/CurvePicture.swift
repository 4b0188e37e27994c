import Drawing
import Evaluation
import Foundation

/// A line chart over the unit square as SVG, which opens in every browser and scales.
struct CurvePicture {
  /// One line of the chart.
  struct Line {
    let name: String
    /// In the unit square, x rising to the right and y upwards.
    let points: [SIMD2<Double>]
  }

  let title: String
  let horizontal: String
  let vertical: String
  let lines: [Line]
  /// Whether the diagonal is drawn, where a calibrated score would lie.
  var hasDiagonal = false

  private static let side = 320.0
  private static let margin = 48.0
  /// Told apart by people who do not tell red from green (Okabe and Ito, 2008).
  private static let colors = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d1f", "#000000", "#999999",
    "#5d3a9b",
  ]

  private static func place(_ point: SIMD2<Double>) -> String {
    String(format: "%.1f,%.1f", margin + side * point.x, margin + side * (1 - point.y))
  }

  /// The picture.
  var svg: String {
    let (side, margin) = (Self.side, Self.margin)
    var body =
      "<rect x=\"\(margin)\" y=\"\(margin)\" width=\"\(side)\" height=\"\(side)\" fill=\"none\" stroke=\"#888\"/>\n"
    for tenth in stride(from: 0, through: 10, by: 2) {
      let share = Double(tenth) / 10
      body += Self.text("\(share)", SIMD2(margin + side * share, margin + side + 16), anchor: "middle")
      body += Self.text("\(share)", SIMD2(margin - 6, margin + side * (1 - share) + 4), anchor: "end")
    }
    if hasDiagonal {
      body +=
        "<polyline points=\"\(Self.place(.zero)) \(Self.place(SIMD2(1, 1)))\" stroke=\"#bbb\" fill=\"none\"/>\n"
    }
    for (k, line) in lines.enumerated() {
      let color = Self.colors[k % Self.colors.count]
      let points = line.points.map(Self.place).joined(separator: " ")
      body += "<polyline points=\"\(points)\" stroke=\"\(color)\" stroke-width=\"1.6\" fill=\"none\"/>\n"
      let y = margin + 8 + 16 * Double(k)
      body +=
        "<rect x=\"\(margin + side + 12)\" y=\"\(y - 8)\" width=\"10\" height=\"10\" fill=\"\(color)\"/>\n"
      body += Self.text(line.name, SIMD2(margin + side + 28, y + 1), anchor: "start")
    }
    body += Self.text(title, SIMD2(margin + side / 2, 24), anchor: "middle", size: 14)
    body += Self.text(horizontal, SIMD2(margin + side / 2, margin + side + 34), anchor: "middle")
    body += Self.text(vertical, SIMD2(margin, margin - 8), anchor: "middle")
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 420" width="560" height="420" font-family="sans-serif">
      <rect width="560" height="420" fill="#fff"/>
      \(body)</svg>

      """
  }

  private static func text(_ text: String, _ place: SIMD2<Double>, anchor: String, size: Int = 11) -> String {
    "<text x=\"\(place.x)\" y=\"\(place.y)\" text-anchor=\"\(anchor)\" font-size=\"\(size)\">"
      + "\(HTMLReport.escaped(text))</text>\n"
  }
}

extension CurvePicture {
  /// Precision over recall at 2 m, a line a class.
  static func precision(_ curves: DetectionCurves) -> CurvePicture {
    CurvePicture(
      title: "Precision over recall, matches within 2 m", horizontal: "recall", vertical: "precision",
      lines: curves.classes.map { curve in
        let precisions = curve.precisions[2]
        let last = (precisions.lastIndex { $0 > 0 } ?? 0) + 1
        return Line(
          name: curve.name.rawValue,
          points: precisions.prefix(last).enumerated().map { SIMD2(Double($0.offset) / 100, $0.element) })
      })
  }

  /// How often results of a score are right, a line a class.
  static func calibration(_ curves: DetectionCurves) -> CurvePicture {
    CurvePicture(
      title: "How often a score is right, within 2 m", horizontal: "score", vertical: "share right",
      lines: curves.classes.map { curve in
        Line(name: curve.name.rawValue, points: curve.reliability.map { SIMD2($0.score, $0.right) })
      }, hasDiagonal: true)
  }
}
