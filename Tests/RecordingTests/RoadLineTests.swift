import Foundation
import Recording
import Scenes
import Testing

/// A dataroot's road points, and what is said of broken ones.
@Test func roadPointsAreReadAndFaultsNamed() throws {
  let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let sample = repository.appendingPathComponent("scenes/simulated")
  let lines = try Dataset(root: sample.path).roadLines(location: "boston-seaport")
  #expect(lines.count > 10)
  #expect(Set(lines.map(\.kind)).isSuperset(of: [.twoWay, .straight, .nearTurn, .farTurn]))
  for road in lines {
    #expect(road.points.count >= 2 && road.kind.isRoad && (road.speedLimit ?? 0) > 0)
    for (a, b) in zip(road.points, road.points.dropFirst()) {
      let way = b.position - a.position
      #expect((way.x * way.x + way.y * way.y).squareRoot() < 5.01)
    }
  }
  #expect(try Dataset(root: sample.path).roadLines(location: "nowhere").isEmpty)

  let copy = FileManager.default.temporaryDirectory.appendingPathComponent("roads-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: copy) }
  try FileManager.default.copyItem(at: sample, to: copy)
  let file = copy.appendingPathComponent("maps/expansion/boston-seaport.roads.json")
  func fault(_ text: String) throws -> String {
    try FileManager.default.removeItem(at: file)
    try text.write(to: file, atomically: true, encoding: .utf8)
    do {
      _ = try Dataset(root: copy.path).roadLines(location: "boston-seaport")
      return "nothing"
    } catch { return "\(error)" }
  }
  let point =
    "{\"x\": 1, \"y\": 2, \"z\": 0, \"curvature\": 0, \"heading\": 0, \"slope\": 0, \"lane_type\": \"one_way\"}"
  func roads(of points: String) -> String { "{\"version\": 1, \"roads\": [{\"points\": [\(points)]}]}" }
  #expect(try fault(roads(of: "\(point), \(point)")) == "nothing")
  #expect(try fault("[]").contains("file: a list (expected an object with roads)"))
  #expect(try fault("{\"roads\": []}").contains("version: missing"))
  #expect(try fault("{\"version\": 2, \"roads\": []}").contains("version: 2 (expected 1)"))
  #expect(try fault(roads(of: point)).contains("roads[0].points: 1 points"))
  let lacking = point.replacingOccurrences(of: "\"slope\": 0, ", with: "")
  #expect(try fault(roads(of: "\(point), \(lacking)")).contains("roads[0].points[1].slope: missing"))
  let wrong = point.replacingOccurrences(of: "one_way", with: "lane_divider")
  #expect(try fault(roads(of: "\(wrong), \(point)")).contains("roads[0].points[0].lane_type"))
  #expect(try fault("{\"version\": 1, \"roads\": [{").contains("byte"))
}
