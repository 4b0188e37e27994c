import Scenes

extension Metrics {
  /// The figures as plain text for people, a section each.
  public var table: String {
    var lines: [String] = []
    if let detectionGap { lines.append("Detection (nuScenes): not scored: \(detectionGap)") }
    if let detection { lines += Self.lines(detection) }
    if let vehicleRecall { lines += Self.lines(vehicleRecall) }
    if let tracking { lines += Self.lines(tracking) }
    if let forecasting { lines += Self.lines(forecasting) }
    if let occupancy { lines += Self.lines(occupancy) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func lines(_ detection: DetectionMetrics) -> [String] {
    var lines = ["Detection (nuScenes)"]
    lines.append(
      row("class", ["AP", "AP 0.5", "AP 1", "AP 2", "AP 4", "ATE m", "ASE", "AOE rad", "AVE m/s", "AAE"]))
    for (k, name) in DetectionClass.allCases.enumerated() {
      let figures: [Double?] =
        [detection.meanAveragePrecision(of: name)] + detection.averagePrecisions[k] + detection.errors[k]
      lines.append(row(name.rawValue, figures.map { figure($0) }))
    }
    let means: [Double?] = [detection.meanAveragePrecision, nil, nil, nil, nil] + detection.meanErrors
    lines.append(row("mean", means.enumerated().map { (1...4).contains($0) ? "" : figure($1) }))
    lines.append("mAP \(figure(detection.meanAveragePrecision))   NDS \(figure(detection.detectionScore))")
    return lines
  }

  private static func lines(_ recall: VehicleRecall) -> [String] {
    [
      "Vehicles of at least \(VehicleRecall.pointCount) points within \(Int(VehicleRecall.range)) m found within "
        + "\(Int(VehicleRecall.distance)) m: \(figure(recall.recall)) (\(recall.found) of \(recall.vehicles)), "
        + "at score \(figure(recall.scoreThreshold)) and precision \(figure(recall.precision))"
    ]
  }

  private static func lines(_ tracking: TrackingMetrics) -> [String] {
    let keys = ["amota", "amotp", "recall", "mota", "motp", "ids", "frag", "tid", "lgd"]
    let rows = TrackingMetrics.rows.filter { keys.contains($0.key) }
    var lines = ["Tracking (nuScenes)"]
    lines.append(
      row("class", ["AMOTA", "AMOTP m", "recall", "MOTA", "MOTP m", "IDS", "FRAG", "TID s", "LGD s"]))
    for (name, figures) in zip(TrackingMetrics.classes, tracking.figures) {
      lines.append(row(name.rawValue, rows.map { figure($0.value(figures)) }))
    }
    lines.append(row("mean or sum", rows.map { figure(tracking.total($0)) }))
    return lines
  }

  private static func lines(_ forecasting: ForecastMetrics) -> [String] {
    var lines = ["Forecasting (nuScenes): \(forecasting.scored) scored of \(forecasting.forecasts) forecasts"]
    lines.append(row("modes", ForecastMetrics.counts.map { "\($0)" }))
    lines.append(row("minADE m", forecasting.minimumAverageDisplacement.map { figure($0) }))
    lines.append(row("minFDE m", forecasting.minimumFinalDisplacement.map { figure($0) }))
    lines.append(row("miss rate (2 m)", forecasting.missRate.map { figure($0) }))
    return lines
  }

  private static func lines(_ occupancy: OccupancyMetrics) -> [String] {
    [
      "Occupancy within \(Int(OccupancyMetrics.range)) m over \(occupancy.frames) frames: occupied found "
        + "\(figure(occupancy.occupiedRecall)) of \(occupancy.occupied) cells, free found "
        + "\(figure(occupancy.freeRecall)) of \(occupancy.free), IoU \(figure(occupancy.intersectionOverUnion))"
    ]
  }

  private static func row(_ name: String, _ figures: [String]) -> String {
    let padded = name + String(repeating: " ", count: max(0, 22 - name.count))
    return padded
      + figures.map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined()
  }

  /// A figure with three decimals, whatever the locale; a dash where it does not exist.
  private static func figure(_ value: Double?) -> String {
    guard let value, value.isFinite, value.magnitude < 1e12 else { return "-" }
    let thousandths = Int((value.magnitude * 1000).rounded())
    let decimals = "\(thousandths % 1000)"
    let sign = value < 0 && thousandths > 0 ? "-" : ""
    return "\(sign)\(thousandths / 1000).\(String(repeating: "0", count: 3 - decimals.count))\(decimals)"
  }
}
