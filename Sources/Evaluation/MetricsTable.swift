import Scenes

extension Metrics {
  /// Each figure that has one with its 95 % interval over resampled scenes, a line each; empty for one scene alone.
  public var intervalLines: [String] {
    (bootstrap?.figures ?? []).compactMap { figure in
      guard let bounds = SceneBootstrap.interval(figure.values) else { return nil }
      return Self.row(figure.name, []) + "  \(Self.figure(bounds.low)) to \(Self.figure(bounds.high))"
    }
  }

  /// The figures as plain text for people, a section each.
  public var table: String {
    var lines = [sceneLine]
    if let detectionGap { lines.append("Detection (nuScenes): not scored: \(detectionGap)") }
    if let detection { lines += Self.lines(detection) }
    if let breakdown { lines += Self.lines(breakdown) }
    if let vehicleRecall { lines += Self.lines(vehicleRecall) }
    if let tracking { lines += Self.lines(tracking) }
    if let forecasting { lines += Self.lines(forecasting) }
    if let offRoad {
      lines.append(
        "Modes that leave the drivable area: \(Self.figure(offRoad.rate)) of \(offRoad.forecasts) forecasts")
    }
    if !endToEnd.isEmpty { lines += Self.lines(endToEnd) }
    if let planning { lines += Self.lines(planning) }
    if let planScore {
      lines.append("PDMS (NAVSIM): \(Self.figure(planScore.score)) over \(planScore.plans) plans")
    }
    if let occupancy { lines += Self.lines(occupancy) }
    if let vehicleArea { lines += Self.lines(vehicleArea) }
    if let map { lines += Self.lines(map) }
    if let lanes { lines += Self.lines(lanes) }
    if let volume { lines += Self.lines(volume) }
    if let rays { lines += Self.lines(rays) }
    let intervals = intervalLines
    if let scenes = bootstrap?.scenes.count, !intervals.isEmpty {
      lines += ["95 % intervals over \(scenes) resampled scenes"] + intervals
    }
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

  private static func lines(_ breakdown: DetectionBreakdown) -> [String] {
    ["Found within 2 m, at each class's score of the highest F1", row("", ["recall", "boxes", "ATE m"])]
      + breakdown.rows.map { group in
        row(
          "\(group.property.rawValue) \(group.name)",
          [figure(group.recall), "\(group.truth)", figure(group.translationError)])
      }
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

  private static func lines(_ kinds: [(kind: String, accuracy: EndToEndAccuracy)]) -> [String] {
    [
      "Found and forecast together (ViP3D)",
      row("kind", ["EPA", "minADE m", "minFDE m", "agents", "matched"]),
    ]
      + kinds.map { kind, accuracy in
        row(
          kind,
          [accuracy.accuracy, accuracy.minimumAverageDisplacement, accuracy.minimumFinalDisplacement]
            .map { figure($0) } + ["\(accuracy.agents)", "\(accuracy.matched)"])
      }
  }

  private static func lines(_ planning: PlanningMetrics) -> [String] {
    var lines = [
      "Planning: \(planning.scored) scored of \(planning.plans) plans",
      row("", ["L2 1s", "L2 2s", "L2 3s", "hit 1s", "hit 2s", "hit 3s"]),
    ]
    for rule in PlanningMetrics.Averaging.allCases {
      let none: [Double?] = [nil, nil, nil]
      let figures = (planning.distances(rule) ?? none) + (planning.collisionRates(rule) ?? none)
      lines.append(row(rule.rawValue, figures.map { figure($0) }))
    }
    return lines
  }

  private static func lines(_ area: VehicleAreaMetrics) -> [String] {
    [
      "Vehicle area (Lift-Splat-Shoot) over \(area.frames) frames: IoU \(figure(area.values[4])) at score 0.5, best "
        + "\(figure(area.best?.value)) at \(figure(area.best?.threshold))"
    ]
  }

  private static func lines(_ map: MapMetrics) -> [String] {
    ["Map layers over \(map.frames) frames: mean IoU \(figure(map.mean))"]
      + map.layers.map { row($0.name, [figure($0.intersectionOverUnion)]) }
  }

  private static func lines(_ lanes: LaneMetrics) -> [String] {
    [
      "Map lines (MapTR): mAP \(figure(lanes.mean))",
      row("layer", ["AP 0.5", "AP 1", "AP 1.5", "truth", "found"]),
    ]
      + lanes.layers.map { layer in
        let none: [Double?] = [nil, nil, nil]
        return row(
          layer.name,
          (layer.averagePrecisions ?? none).map { figure($0) } + ["\(layer.truth)", "\(layer.found)"])
      }
  }

  private static func lines(_ volume: VolumeMetrics) -> [String] {
    [
      "Semantic volume (Occ3D, cells seen by cameras) over \(volume.frames) frames: mIoU \(figure(volume.mean)), "
        + "geometry \(figure(volume.geometry))"
    ]
      + VolumeMetrics.names.enumerated().map { row($1, [figure(volume.intersectionOverUnion(ofClass: $0))]) }
  }

  private static func lines(_ rays: RayMetrics) -> [String] {
    let figures = (0..<3).map { figure(rays.intersectionOverUnion(threshold: $0)) }
    return [
      "RayIoU over \(rays.rays) rays of \(rays.frames) frames: \(figure(rays.mean)) "
        + "(1 m \(figures[0]), 2 m \(figures[1]), 4 m \(figures[2]))"
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
