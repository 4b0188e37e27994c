import Geometry
import Recording
import Scenes

/// The evaluated keyframes with what is true of them, scene by scene in the dataroot's order.
struct SampleTruth {
  /// One keyframe's truth.
  struct Sample {
    let token: String
    let scene: String
    let timestampMicroseconds: Int64
    /// The ego's position at the LiDAR's time in the global frame.
    let ego: SIMD3<Double>
    /// Places where bicycles and motorcycles are not scored.
    let bicycleRacks: [Box3D]
    /// The annotated boxes that are scored.
    let boxes: [EvaluationBox]
    /// What else is annotated of each of `boxes`.
    let details: [BoxDetails]
    /// The annotated vehicles with LiDAR points.
    let vehicles: [VehicleRecall.Place]
  }

  /// What is annotated of a scored box beyond what its score needs.
  struct BoxDetails {
    /// The object.
    let instance: String
    /// nuScenes' visibility level, "1" to "4", or empty.
    let visibility: String
    /// From the ego, in metres in the plane.
    let distance: Double
    /// LiDAR points inside the box.
    let lidarPointCount: Int
  }

  private(set) var samples: [Sample] = []
  private(set) var rows: [String: Int] = [:]

  /// Reads the truth of a split's scenes.
  /// - Throws: `RecordingError`; `EvaluationError` for keyframes without LIDAR_TOP and attributes that nuScenes does not
  ///   have.
  init(_ dataset: Dataset, scenes: [String]) throws {
    var problems = EvaluationError()
    for name in scenes {
      let scene = try dataset.scene(named: name)
      let poses = Self.egoPositions(scene)
      for keyframe in scene.keyframes {
        guard let ego = poses[keyframe.token] else {
          problems.add(
            file: dataset.root, place: "sample \(keyframe.token)", found: "no LIDAR_TOP keyframe",
            expected: "one, from whose pose distances are measured")
          continue
        }
        rows[keyframe.token] = samples.count
        samples.append(try Self.sample(dataset, keyframe, name, ego, &problems))
      }
    }
    try problems.check()
  }

  /// The ego's position at each keyframe's LiDAR sweep; the table's last sweep of a keyframe counts.
  private static func egoPositions(_ scene: Scene) -> [String: SIMD3<Double>] {
    var result: [String: SIMD3<Double>] = [:]
    for data in scene.measurements where data.isKeyframe && data.sensor.channel == Scene.usualLidar {
      result[data.sampleToken] = data.globalFromEgo.translation
    }
    return result
  }

  private static func sample(
    _ dataset: Dataset, _ keyframe: Keyframe, _ scene: String, _ ego: SIMD3<Double>,
    _ problems: inout EvaluationError
  ) throws -> Sample {
    let annotations = try dataset.annotations(sample: keyframe.token)
    let racks = annotations.filter { $0.category == "static_object.bicycle_rack" }.map(\.box)
    var boxes: [EvaluationBox] = []
    var details: [BoxDetails] = []
    var vehicles: [VehicleRecall.Place] = []
    for annotation in annotations {
      let distance = (annotation.box.center - ego).xy.length
      if annotation.isVehicle, annotation.category != "vehicle.ego",
        annotation.lidarPointCount > 0
      {
        vehicles.append(
          VehicleRecall.Place(
            center: annotation.box.center.xy,
            counts: annotation.lidarPointCount >= VehicleRecall.pointCount && distance < VehicleRecall.range))
      }
      guard let name = DetectionClass(category: annotation.category) else { continue }
      guard let attribute = attribute(annotation, &problems) else { continue }
      guard annotation.box.rotation.norm > 0 else {
        problems.add(
          file: "sample_annotation.json", place: "\(annotation.token).rotation", found: "0",
          expected: "a rotation")
        continue
      }
      guard distance < name.evaluationRange, annotation.lidarPointCount + annotation.radarPointCount != 0,
        !isInRack(annotation.box.center, name, racks)
      else { continue }
      let velocity = try dataset.velocity(ofAnnotation: annotation.token)?.xy ?? SIMD2(.nan, .nan)
      boxes.append(
        EvaluationBox(
          name: name, center: annotation.box.center, size: annotation.box.size,
          yaw: annotation.box.rotation.normalized.yaw, velocity: velocity, attribute: attribute.value))
      details.append(
        BoxDetails(
          instance: annotation.instanceToken, visibility: annotation.visibility, distance: distance,
          lidarPointCount: annotation.lidarPointCount))
    }
    return Sample(
      token: keyframe.token, scene: scene, timestampMicroseconds: keyframe.timestampMicroseconds, ego: ego,
      bicycleRacks: racks, boxes: boxes, details: details, vehicles: vehicles)
  }

  private struct Attribute { let value: BoxAttribute? }

  private static func attribute(_ annotation: Annotation, _ problems: inout EvaluationError) -> Attribute? {
    guard let text = annotation.attribute, !text.isEmpty else { return Attribute(value: nil) }
    guard let attribute = BoxAttribute(rawValue: text) else {
      problems.add(
        file: "sample_annotation.json", place: "\(annotation.token).attribute", found: text,
        expected: "one of nuScenes' eight")
      return nil
    }
    return Attribute(value: attribute)
  }

  /// Whether a bicycle or motorcycle stands in a rack, where boxes of truth are not reliable.
  static func isInRack(_ center: SIMD3<Double>, _ name: DetectionClass, _ racks: [Box3D]) -> Bool {
    (name == .bicycle || name == .motorcycle) && racks.contains { $0.contains(center) }
  }
}
