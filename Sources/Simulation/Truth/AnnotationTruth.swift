import Geometry

/// Which actors are annotated at which keyframes, with what sensors saw of them.
struct AnnotationTruth {
  /// What was seen of an actor at a keyframe.
  struct Sighting: Sendable {
    var lidarPoints = 0
    var visiblePixels = 0
    var unoccludedPixels = 0
  }

  /// `[keyframe][actor]`.
  private let sightings: [[Sighting]]
  private let scene: SimulationScene
  private let times: [Int64]
  private let hasCameras: Bool
  /// Metres from the ego within which actors are annotated.
  static let reach = 100.0

  init(_ scene: SimulationScene, times: [Int64], sightings: [[Sighting]], hasCameras: Bool) {
    self.scene = scene
    self.times = times
    self.sightings = sightings
    self.hasCameras = hasCameras
  }

  /// Whether an actor is annotated at each keyframe: from its first sighting to its last, while it is near.
  func annotated(actor: Int) -> [Bool] {
    let seen = times.indices.map { k -> Bool in
      let s = sightings[k][actor]
      guard let box = scene.actors[actor].box(at: times[k]) else { return false }
      let distance = (box.center - scene.ego.pose(at: times[k]).translation).xy.length
      return distance < Self.reach && (s.lidarPoints > 0 || s.visiblePixels > 8)
    }
    guard let first = seen.firstIndex(of: true), let last = seen.lastIndex(of: true) else {
      return times.map { _ in false }
    }
    return times.indices.map { $0 >= first && $0 <= last && scene.actors[actor].exists(at: times[$0]) }
  }

  /// The visibility token: how much of its outline, over all images of the keyframe, an actor shows.
  func visibility(actor: Int, keyframe: Int) -> String {
    guard hasCameras else { return "" }
    let s = sightings[keyframe][actor]
    guard s.unoccludedPixels > 0 else { return "1" }
    let share = Double(s.visiblePixels) / Double(s.unoccludedPixels)
    return share < 0.4 ? "1" : share < 0.6 ? "2" : share < 0.8 ? "3" : "4"
  }

  /// LiDAR points inside the box.
  func lidarPoints(actor: Int, keyframe: Int) -> Int { sightings[keyframe][actor].lidarPoints }

  /// The nuScenes attribute, or nil where the category has none.
  func attribute(actor: Int, keyframe: Int) -> String? {
    let a = scene.actors[actor]
    let speed = a.path.velocity(at: times[keyframe]).xy.length
    switch a.category {
    case "vehicle.bicycle", "vehicle.motorcycle":
      return a.hasRider ? "cycle.with_rider" : "cycle.without_rider"
    case let name where name.hasPrefix("vehicle"):
      if speed > 0.2 { return "vehicle.moving" }
      let way = a.path.distances[a.path.distances.count - 1]
      return way < 0.5 ? "vehicle.parked" : "vehicle.stopped"
    case let name where name.hasPrefix("human"):
      if a.isSitting { return "pedestrian.sitting_lying_down" }
      return speed > 0.2 ? "pedestrian.moving" : "pedestrian.standing"
    default: return nil
    }
  }
}
