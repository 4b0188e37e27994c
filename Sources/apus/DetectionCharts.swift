import Drawing
import Evaluation

extension LineChart {
  /// Precision over recall at 2 m, a line a class.
  static func precision(_ curves: DetectionCurves) -> LineChart {
    LineChart(
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
  static func calibration(_ curves: DetectionCurves) -> LineChart {
    LineChart(
      title: "How often a score is right, within 2 m", horizontal: "score", vertical: "share right",
      lines: curves.classes.map { curve in
        Line(name: curve.name.rawValue, points: curve.reliability.map { SIMD2($0.score, $0.right) })
      }, hasDiagonal: true)
  }
}
