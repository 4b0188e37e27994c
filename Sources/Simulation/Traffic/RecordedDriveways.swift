import Geometry

/// Where the kerbs of a recorded scene are lowered: its map leaves out driveways and forecourts, and sidewalks are made
/// up where it has none, but its traffic shows where one drives and steps over them.
struct RecordedDriveways {
  /// Level asphalt under vehicles, and lowered pavement where people step over a kerb; to lie over sidewalks and under
  /// roads.
  private(set) var areas: [GroundArea] = []
  private let surface: KerbedGround

  /// - Parameter surface: the ground without these areas.
  /// - Complexity: O(poses).
  init(actors: [Actor], ego: MotionPath, surface: KerbedGround) {
    self.surface = surface
    for actor in actors {
      if actor.category.hasPrefix("human") {
        lowerKerbs(actor.path)
      } else if actor.category.hasPrefix("vehicle"), actor.category != "vehicle.bicycle" {
        pave(actor.path, length: actor.size.y, width: actor.size.x)
      }
    }
    pave(ego, length: 4.2, width: 1.8)
  }

  /// Places along a path, at most `spacing` metres apart.
  private static func places(_ path: MotionPath, spacing: Double) -> [PlanarPose] {
    var result: [PlanarPose] = []
    for (a, b) in zip(path.poses, path.poses.dropFirst() + path.poses.suffix(1)) {
      let steps = max(1, Int(((b.translation - a.translation).xy.length / spacing).rounded(.up)))
      for step in 0..<steps {
        let pose = a.interpolated(to: b, at: Double(step) / Double(steps))
        let place = PlanarPose(position: pose.translation.xy, heading: pose.rotation.yaw)
        if let last = result.last, (last.position - place.position).length < spacing / 4 { continue }
        result.append(place)
      }
    }
    return result
  }

  private static func rectangle(_ place: PlanarPose, length: Double, width: Double) -> Polygon {
    Polygon(
      [(1.0, 1.0), (-1, 1), (-1, -1), (1, -1)].map {
        place.point(ahead: $0.0 * length / 2, aside: $0.1 * width / 2)
      })
  }

  private mutating func pave(_ path: MotionPath, length: Double, width: Double) {
    for place in Self.places(path, spacing: 2) {
      let foot = Self.rectangle(place, length: length, width: width)
      guard (foot.points + [place.position]).contains(where: { surface.elevation($0) > 0.01 }) else {
        continue
      }
      areas.append(
        GroundArea(material: .carPark, outline: Self.rectangle(place, length: length + 3, width: width + 3)))
    }
  }

  private mutating func lowerKerbs(_ path: MotionPath) {
    let places = Self.places(path, spacing: 0.5)
    for (a, b) in zip(places, places.dropFirst())
    where (surface.elevation(a.position) < 0.07) != (surface.elevation(b.position) < 0.07) {
      let way = b.position - a.position
      let middle = PlanarPose(position: (a.position + b.position) / 2, heading: way.angle)
      areas.append(
        GroundArea(
          material: .sidewalk, outline: Self.rectangle(middle, length: 4, width: 3), elevation: 0.02))
    }
  }
}
