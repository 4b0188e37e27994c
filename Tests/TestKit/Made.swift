import Geometry
import Scenes

/// Made-up parts of predictions.
package enum Made {
  /// A moving object.
  package static func detection(
    _ name: DetectionClass = .car, at center: SIMD3<Double> = SIMD3(1, 2, 0.5), score: Double = 0.5,
    size: SIMD3<Double> = SIMD3(1.9, 4.5, 1.6), velocity: SIMD2<Double> = SIMD2(3, -1)
  ) -> Detection {
    Detection(
      name: name, box: Box3D(center: center, size: size, rotation: Quaternion(yaw: 0.3)), velocity: velocity,
      score: score, attribute: "vehicle.moving")
  }

  /// Two modes along x.
  package static func trajectories(from start: SIMD2<Double> = .zero) -> Trajectories {
    let modes = [1.0, 0.5].map { speed in (1...12).map { start + SIMD2(speed * Double($0) / 2, 0) } }
    return Trajectories(modes: modes, probabilities: [0.7, 0.3])
  }

  /// All that may be perceived at a keyframe, with a track for each detection.
  package static func prediction(
    _ sample: String, time: Int64 = 1_000_000, detections: [Detection] = [detection()],
    layers: BEVLayers? = nil
  ) -> FramePrediction {
    let tracks = detections.enumerated().map { Track(id: "t\($0.offset)", detection: $0.element) }
    let volume = OccupancyVolume.shape
    return FramePrediction(
      keyframe: Keyframe(token: sample, timestampMicroseconds: time),
      globalFromEgo: RigidTransform(rotation: Quaternion(yaw: 0.1), translation: SIMD3(100, 200, 0)),
      detections: detections, tracks: tracks, bev: layers ?? self.layers(),
      volume: OccupancyVolume(semantics: [UInt8](repeating: 17, count: volume.x * volume.y * volume.z)),
      egoTrajectories: trajectories(from: SIMD2(100, 200)),
      agents: tracks.map {
        AgentTrajectories(track: $0, trajectories: trajectories(from: $0.detection.box.center.xy))
      })
  }

  /// Layers over the standard grid with these cells occupied; only they are observed.
  package static func layers(occupied: [(Int, Int)] = [(10, 20)]) -> BEVLayers {
    let grid = BEVGrid.standard
    var occupancy = [UInt8](repeating: 127, count: grid.count)
    for (i, j) in occupied { occupancy[grid.index(i, j)] = 250 }
    return BEVLayers(
      grid: grid, occupancy: occupancy, observed: occupancy.map { $0 == 127 ? 0 : 1 },
      mapLayers: [("drivable_area", [UInt8](repeating: 3, count: grid.count))])
  }
}
