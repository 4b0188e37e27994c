import Foundation
import Geometry
import Recording
import Results
import Scenes

/// Holds a run's BEV occupancy against the labelled LiDAR sweeps of its keyframes.
enum OccupancyEvaluation {
  /// - Returns: nil where the run has no BEV layers or the dataroot no labels for its keyframes.
  /// - Throws: what reading either throws; `ResultsError` where a run has some frames' layers and not others'.
  static func evaluate(run: String, dataset: Dataset, scenes: [String]) throws -> OccupancyMetrics? {
    let manager = FileManager.default
    guard manager.fileExists(atPath: "\(run)/bev/grid.json") else { return nil }
    let categories = try dataset.lidarCategoryNames()
    guard !categories.isEmpty else { return nil }
    let kinds = categories.map { OccupancyMetrics.PointKind(category: $0) }
    let grid = try GridFiles.readGrid("\(run)/bev/grid.json")
    var metrics = OccupancyMetrics()
    for name in scenes {
      for data in try dataset.scene(named: name).measurements
      where data.isKeyframe && data.sensor.channel == Scene.usualLidar {
        let file = "\(run)/bev/\(name)/\(data.sampleToken).npz"
        // A skipped frame has no layers.
        guard manager.fileExists(atPath: file), let labels = try dataset.lidarLabels(data) else { continue }
        let cloud = try dataset.pointCloud(data)
        guard labels.count == cloud.count, let highest = labels.max(), Int(highest) < kinds.count else {
          throw ResultsError(
            file: data.file, place: "labels", found: "\(labels.count), the highest \(labels.max() ?? 0)",
            expected: "\(cloud.count), below \(kinds.count)")
        }
        let egoFromSensor = data.sensor.egoFromSensor
        let points = (0..<cloud.count).map { k -> SIMD3<Double> in
          egoFromSensor * SIMD3(Double(cloud.x[k]), Double(cloud.y[k]), Double(cloud.z[k]))
        }
        metrics.add(
          try GridFiles.readLayers(file, grid: grid), points: points, kinds: labels.map { kinds[Int($0)] })
      }
    }
    return metrics.frames > 0 ? metrics : nil
  }
}
