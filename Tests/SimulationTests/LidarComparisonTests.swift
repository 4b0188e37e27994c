import Foundation
import Geometry
import Recording
import Scenes
import Simulation
import TestKit
import Testing

/// Simulated sweeps beside recorded ones; prints its figures, and with APUS_COMPARISON=FOLDER in the environment writes
/// them there as JSON. Skips where the recordings are absent.
@Suite struct LidarComparisonTests {
  static let data = RealData.path("")

  /// Rebuilds surroundings from some keyframes and compares the sweeps of others (or the same where there is one).
  static func compare(
    _ folder: String, scene index: Int, builtFrom: [Int], comparedAt: [Int], sensor: LidarSensor,
    body: LidarSimulator.EgoBody, roadBelow: Float, terrainAbove: Float
  ) throws -> SensorComparison {
    let dataset = try Dataset(root: "\(data)/\(folder)")
    let name = dataset.sceneNames[index]
    let recorded = try dataset.scene(named: name)
    let geometry = SceneGeometry(
      try RecordedSurroundings.scene(
        dataset, named: name, keyframes: builtFrom, roadBelow: roadBelow, terrainAbove: terrainAbove,
        weather: .clearNoon))
    let keyframes = recorded.measurements.filter { $0.sensor.modality == .lidar && $0.isKeyframe }
    var comparison = SensorComparison(rings: sensor.beams.count, minimumRange: 2.5)
    for k in comparedAt {
      let data = keyframes[k]
      let simulator = LidarSimulator(
        geometry, sensor: sensor, egoFromSensor: data.sensor.egoFromSensor, body: body)
      let cars = try dataset.annotations(sample: data.sampleToken).filter { $0.category == "vehicle.car" }
      comparison.add(
        recorded: try dataset.pointCloud(data),
        simulated: simulator.sweep(endingAt: data.timestampMicroseconds).cloud,
        cars: cars.map { $0.box.transformed(by: data.globalFromSensor.inverse) })
    }
    if let out = ProcessInfo.processInfo.environment["APUS_COMPARISON"] {
      try comparison.json.write(toFile: "\(out)/\(folder).json", atomically: true, encoding: .utf8)
    }
    return comparison
  }

  @Test(.enabled(if: RealData.has("nuscenes-keyframe"), "shared/data/nuscenes-keyframe is not here"))
  func resemblesANuScenesKeyframe() throws {
    let c = try Self.compare(
      "nuscenes-keyframe", scene: 0, builtFrom: [0], comparedAt: [0], sensor: .hdl32E(), body: .hatchback,
      roadBelow: 12, terrainAbove: 30)
    print("nuscenes-keyframe\n\(c.report)")
    #expect(abs(c.pointRatio - 1) <= 0.15)
    #expect(c.range.totalVariation <= 0.15)
    #expect(c.ring.totalVariation <= 0.15)
    #expect(c.intensity.totalVariation <= 0.25)
  }

  @Test(.enabled(if: RealData.has("pandaset-002"), "shared/data/pandaset-002 is not here"))
  func resemblesPandaSetOnKeyframesItDidNotSee() throws {
    let c = try Self.compare(
      "pandaset-002", scene: 0, builtFrom: [0, 4, 8], comparedAt: [2, 6, 10], sensor: .pandar64(),
      body: .minivan,
      roadBelow: 10, terrainAbove: 20)
    print("pandaset-002\n\(c.report)")
    #expect(abs(c.pointRatio - 1) <= 0.15)
    #expect(c.range.totalVariation <= 0.15)
    #expect(c.intensity.totalVariation <= 0.25)
  }

  @Test func totalVariationOfKnownHistograms() {
    var c = SensorComparison(rings: 4, minimumRange: 1)
    func cloud(_ x: [Float], ring: Float) -> PointCloud {
      var cloud = PointCloud()
      for v in x { cloud.append(SIMD3(v, 0, 0), intensity: v, ring: ring, age: 0) }
      return cloud
    }
    // Recorded: 3 points at 7 m and 1 at 12; simulated: 1 at 7, 1 at 12; one within a metre is no return.
    c.add(
      recorded: cloud([7, 7, 7, 12, 0.5], ring: 0), simulated: cloud([7, 12], ring: 1),
      cars: [Box3D(center: SIMD3(7, 0, 0), size: SIMD3(1, 1, 1), rotation: .identity)])
    #expect(c.points.recorded == 4 && c.points.simulated == 2)
    #expect(abs(c.range.totalVariation - 0.25) < 1e-12 && c.ring.totalVariation == 1)
    #expect(c.cars[0].count == 1 && c.cars[0].recorded == 3 && c.cars[0].simulated == 1)
  }
}
