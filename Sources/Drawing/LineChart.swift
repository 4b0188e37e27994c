import Foundation

/// A line chart over the unit square as SVG, which opens in every browser and scales.
public struct LineChart: Sendable {
  /// One line of the chart.
  public struct Line: Sendable {
    let name: String
    let points: [SIMD2<Double>]

    /// The line through these points of the unit square, x rising to the right and y upwards.
    public init(name: String, points: [SIMD2<Double>]) {
      self.name = name
      self.points = points
    }
  }

  private let title: String
  private let horizontal: String
  private let vertical: String
  private let lines: [Line]
  private let hasDiagonal: Bool

  /// The chart of these lines.
  /// - Parameters:
  ///   - horizontal: What x is.
  ///   - vertical: What y is.
  ///   - hasDiagonal: Whether the diagonal is drawn, where a calibrated score would lie.
  public init(title: String, horizontal: String, vertical: String, lines: [Line], hasDiagonal: Bool = false) {
    self.title = title
    self.horizontal = horizontal
    self.vertical = vertical
    self.lines = lines
    self.hasDiagonal = hasDiagonal
  }

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

  /// The picture as a file's text.
  public var svg: String {
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
