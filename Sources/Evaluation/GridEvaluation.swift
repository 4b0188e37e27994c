import Foundation
import Geometry
import Recording
import Results

/// Scores what a run drew on grids: map layers and semantic volumes.
enum GridEvaluation {
  /// - Throws: what reading the run's and the dataroot's files throws.
  static func evaluate(run: String, dataset: Dataset, truth: SampleTruth, into metrics: inout Metrics) throws
  {
    let manager = FileManager.default
    for (name, rows) in truth.scenes {
      try volumes(run: run, dataset: dataset, scene: name, samples: truth.samples[rows], into: &metrics)
      guard manager.fileExists(atPath: "\(run)/bev/grid.json") else { continue }
      let layers = try dataset.mapLayers(location: dataset.location(ofScene: name))
      guard !layers.isEmpty else { continue }
      let grid = try GridFiles.readGrid("\(run)/bev/grid.json")
      for sample in truth.samples[rows] {
        let file = "\(run)/bev/\(name)/\(sample.token).npz"
        guard manager.fileExists(atPath: file) else { continue }
        let bev = try GridFiles.readLayers(file, grid: grid)
        guard !bev.mapLayers.isEmpty else { continue }
        var map = metrics.map ?? MapMetrics()
        map.add(bev, map: layers, globalFromEgo: sample.globalFromEgo)
        metrics.map = map
      }
    }
  }

  private static func volumes(
    run: String, dataset: Dataset, scene: String, samples: ArraySlice<SampleTruth.Sample>,
    into metrics: inout Metrics
  ) throws {
    let manager = FileManager.default
    for sample in samples {
      let found = "\(run)/occupancy/\(scene)/\(sample.token).npz"
      let labels = "\(dataset.root)/gts/\(scene)/\(sample.token)/labels.npz"
      guard manager.fileExists(atPath: found), manager.fileExists(atPath: labels) else { continue }
      let volume = try GridFiles.readVolume(found)
      let truth = try OccupancyLabels(path: labels)
      var cells = metrics.volume ?? VolumeMetrics()
      cells.add(volume, truth: truth)
      metrics.volume = cells
      var rays = metrics.rays ?? RayMetrics()
      let egoFromGlobal = sample.globalFromEgo.inverse
      rays.add(
        volume, truth: truth.volume,
        origins: RayMetrics.origins(samples.map { egoFromGlobal * $0.globalFromLidar.translation }))
      metrics.rays = rays
    }
  }
}
