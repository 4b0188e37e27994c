import Foundation
import Geometry
import Recording

/// The road points that navigation gives a driver ("SD map"): centre lines as ordered points, coarse and without lanes.
///
/// The file `maps/expansion/<location>.roads.json`:
/// `{"version": 1, "location": .., "roads": [{"token": .., "junction": false, "speed_limit": m/s, "lanes": [along, against],
/// "points": [{"x", "y", "z", "curvature", "heading", "slope", "lane_type"}, ..]}, ..]}`. Points are ordered in the
/// direction of travel, at most 5 m apart, in the global frame; `curvature` in 1/m, positive to the left; `heading` in
/// radians from x, counter-clockwise; `slope` is rise over run ahead; `lane_type` is `two_way`, `one_way`, or within
/// junctions `straight`, `near_turn` or `far_turn`.
struct RoadPoints {
  /// One record of the file, as JSON text.
  static func records(_ network: RoadNetwork, heights: HeightField, name: String) -> [String] {
    var result: [String] = []
    for (k, road) in network.roads.enumerated() {
      result.append(
        record(
          road.path, heights, token: StableToken.make("\(name)/road_points/\(k)"), isJunction: false,
          limit: road.speedLimit, lanes: (road.lanesForward, road.lanesBackward),
          type: road.lanesBackward == 0 ? "one_way" : "two_way"))
    }
    for (k, lane) in network.lanes.enumerated() where lane.junction != nil {
      let type = lane.turn == .straight ? "straight" : lane.turn == .near ? "near_turn" : "far_turn"
      result.append(
        record(
          lane.path, heights, token: StableToken.make("\(name)/road_points/connector/\(k)"), isJunction: true,
          limit: lane.speedLimit, lanes: (1, 0), type: type))
    }
    return result
  }

  /// The whole file.
  static func file(location: String, records: [String]) -> [UInt8] {
    let body = records.joined(separator: ",\n")
    return Array("{\"version\": 1, \"location\": \"\(location)\", \"roads\": [\n\(body)\n]}\n".utf8)
  }

  private static func record(
    _ path: ArcPath, _ heights: HeightField, token: String, isJunction: Bool, limit: Double,
    lanes: (Int, Int), type: String
  ) -> String {
    let count = max(1, Int((path.length / 5).rounded(.up)))
    let points = (0...count).map { k -> String in
      let s = path.length * Double(k) / Double(count)
      let pose = path.pose(at: s)
      let z = heights.height(pose.position)
      let slope = (heights.height(pose.point(ahead: 1, aside: 0)) - z)
      return "{\"x\": \(text(pose.position.x, 3)), \"y\": \(text(pose.position.y, 3)), \"z\": \(text(z, 3)), "
        + "\"curvature\": \(text(path.curvature(at: min(s, path.length - 1e-6)), 6)), "
        + "\"heading\": \(text(wrapAngle(pose.heading), 5)), \"slope\": \(text(slope, 5)), "
        + "\"lane_type\": \"\(type)\"}"
    }
    return "{\"token\": \"\(token)\", \"junction\": \(isJunction), \"speed_limit\": \(text(limit, 2)), "
      + "\"lanes\": [\(lanes.0), \(lanes.1)], \"points\": [\(points.joined(separator: ", "))]}"
  }

  private static func text(_ value: Double, _ places: Int) -> String {
    let rounded = value.rounded(toPlaces: places)
    return "\(rounded == 0 ? 0 : rounded)"
  }
}
