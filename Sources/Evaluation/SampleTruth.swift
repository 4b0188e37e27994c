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
    /// The ego's pose at the LiDAR's time.
    let globalFromEgo: RigidTransform
    /// Places where bicycles and motorcycles are not scored.
    let bicycleRacks: [Box3D]
    /// The annotated boxes that are scored.
    let boxes: [EvaluationBox]
    /// What else is annotated of each of `boxes`.
    let details: [BoxDetails]
    /// The annotated vehicles with LiDAR points.
    let vehicles: [VehicleRecall.Place]
    /// Everything annotated but the ego itself.
    let obstacles: [Obstacle]
    /// The LiDAR's pose at its time.
    let globalFromLidar: RigidTransform

    /// The ego's position in the global frame.
    var ego: SIMD3<Double> { globalFromEgo.translation }
  }

  /// What became of the annotations, counted.
  struct Tally {
    /// Annotations of the evaluated samples.
    var annotations = 0
    /// Those that are scored.
    var scored = 0
    /// Annotations by categories that no class is known for.
    var unknown: [String: Int] = [:]
    /// Annotations without a LiDAR or radar point, and those out of their class's range or in a bicycle rack.
    var withoutPoints = 0, outOfRange = 0

    /// Why nothing can be scored; nil where something can.
    func gap(samples: Int) -> String? {
      guard scored == 0 else { return nil }
      guard annotations > 0 else { return "no annotations in the \(samples) samples" }
      let names = unknown.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let shown = names.prefix(5).map { "\($0.key) (\($0.value))" } + (names.count > 5 ? [".."] : [])
      let parts = [
        (unknown.values.reduce(0, +), "of categories without a class: \(shown.joined(separator: ", "))"),
        (withoutPoints, "without a LiDAR or radar point"), (outOfRange, "out of range"),
      ]
      return "none of the \(annotations) annotations: "
        + parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: "; ")
    }
  }

  /// Something that the ego could run into.
  struct Obstacle {
    /// What it is.
    enum Kind {
      case vehicle, person, object

      /// nil for the ego itself.
      init?(category: String) {
        if category == "vehicle.ego" { return nil }
        self = category.hasPrefix("vehicle.") ? .vehicle : category.hasPrefix("human.") ? .person : .object
      }
    }

    /// The object, the same through the scene.
    let instance: String
    let kind: Kind
    /// In the global frame.
    let box: Box3D
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
  private(set) var tally = Tally()
  private(set) var rows: [String: Int] = [:]
  /// The scenes with the rows of their keyframes.
  private(set) var scenes: [(name: String, rows: Range<Int>)] = []
  /// The place in `scenes` of each sample's scene.
  private(set) var sceneOfSample: [Int] = []

  /// Reads the truth of a split's scenes.
  /// - Parameter classes: classes of categories, beside nuScenes' own.
  /// - Throws: `RecordingError`; `EvaluationError` for keyframes without LiDAR and attributes that nuScenes does not
  ///   have.
  init(_ dataset: Dataset, scenes: [String], classes: [String: DetectionClass] = [:]) throws {
    var problems = EvaluationError()
    for name in scenes {
      let scene = try dataset.scene(named: name)
      let poses = Self.lidarPoses(scene)
      let first = samples.count
      for keyframe in scene.keyframes {
        guard let pose = poses[keyframe.token] else {
          problems.add(
            file: dataset.root, place: "sample \(keyframe.token)", found: "no keyframe of a LiDAR",
            expected: "one, from whose pose distances are measured")
          continue
        }
        rows[keyframe.token] = samples.count
        sceneOfSample.append(self.scenes.count)
        samples.append(try sample(dataset, keyframe, name, pose, classes, &problems))
      }
      self.scenes.append((name, first..<samples.count))
    }
    try problems.check()
  }

  private struct LidarPose {
    let globalFromEgo: RigidTransform
    let globalFromLidar: RigidTransform
  }

  /// The poses at each keyframe's LiDAR sweep; the table's last sweep of a keyframe counts.
  private static func lidarPoses(_ scene: Scene) -> [String: LidarPose] {
    var result: [String: LidarPose] = [:]
    let lidar = scene.referenceLidar()
    for data in scene.measurements where data.isKeyframe && data.sensor.channel == lidar {
      result[data.sampleToken] = LidarPose(
        globalFromEgo: data.globalFromEgo, globalFromLidar: data.globalFromSensor)
    }
    return result
  }

  private mutating func sample(
    _ dataset: Dataset, _ keyframe: Keyframe, _ scene: String, _ poses: LidarPose,
    _ classes: [String: DetectionClass], _ problems: inout EvaluationError
  ) throws -> Sample {
    let annotations = try dataset.annotations(sample: keyframe.token)
    let racks = annotations.filter { $0.category == "static_object.bicycle_rack" }.map(\.box)
    var boxes: [EvaluationBox] = []
    var details: [BoxDetails] = []
    var vehicles: [VehicleRecall.Place] = []
    for annotation in annotations {
      let distance = (annotation.box.center - poses.globalFromEgo.translation).xy.length
      if Obstacle.Kind(category: annotation.category) == .vehicle, annotation.lidarPointCount > 0 {
        vehicles.append(
          VehicleRecall.Place(
            center: annotation.box.center.xy,
            counts: annotation.lidarPointCount >= VehicleRecall.pointCount && distance < VehicleRecall.range))
      }
      tally.annotations += 1
      guard let name = classes[annotation.category] ?? DetectionClass(category: annotation.category) else {
        tally.unknown[annotation.category, default: 0] += 1
        continue
      }
      guard let attribute = Self.attribute(annotation, &problems) else { continue }
      guard annotation.box.rotation.norm > 0 else {
        problems.add(
          file: "sample_annotation.json", place: "\(annotation.token).rotation", found: "0",
          expected: "a rotation")
        continue
      }
      guard annotation.lidarPointCount + annotation.radarPointCount != 0 else {
        tally.withoutPoints += 1
        continue
      }
      guard distance < name.evaluationRange, !Self.isInRack(annotation.box.center, name, racks) else {
        tally.outOfRange += 1
        continue
      }
      tally.scored += 1
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
      token: keyframe.token, scene: scene, timestampMicroseconds: keyframe.timestampMicroseconds,
      globalFromEgo: poses.globalFromEgo, bicycleRacks: racks, boxes: boxes, details: details,
      vehicles: vehicles,
      obstacles: annotations.compactMap { annotation in
        Obstacle.Kind(category: annotation.category).map {
          Obstacle(instance: annotation.instanceToken, kind: $0, box: annotation.box)
        }
      },
      globalFromLidar: poses.globalFromLidar)
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
