import Algorithms
import Geometry

/// Finds room for car parks beside roads.
enum CarParkPlacement {
  /// Car parks for the network, at most `limit`, on ground that the space has free; they are marked in it.
  static func place(on network: RoadNetwork, limit: Int, space: inout FreeSpace, seed: UInt64) -> [CarPark] {
    var random = RandomSource(seed: seed, stream: 3)
    var result: [CarPark] = []
    for road in network.roads.shuffled(using: &random) where result.count < limit {
      let left = random.chance(0.5)
      let forwardIsRight = network.handedness > 0
      let half = road.halfWidth(forward: left != forwardIsRight, laneWidth: network.laneWidth)
      let parking = left == forwardIsRight ? road.parkingBackward : road.parkingForward
      let length = random.uniform(24, 44)
      guard road.path.length > length + 20, parking == 0 else { continue }
      if let found = fit(road, left: left, half: half, length: length, space: space) {
        space.occupy(found.pose, length: found.length, width: found.width)
        result.append(found)
      }
    }
    return result
  }

  private static func fit(_ road: Road, left: Bool, half: Double, length: Double, space: FreeSpace)
    -> CarPark?
  {
    let width = 17.0
    let sign = left ? 1.0 : -1
    for fraction in [0.5, 0.4, 0.6] {
      let at = road.path.pose(at: road.path.length * fraction)
      let near = half + road.sidewalkWidth + 2.5
      let middle = PlanarPose(
        position: at.point(ahead: 0, aside: sign * (near + width / 2)), heading: at.heading)
      guard space.isFree(middle, length: length + 3, width: width + 3, onWalk: false) else { continue }
      let corners = [
        (-3.0, sign * (half - 0.2)), (3.0, sign * (half - 0.2)), (3.0, sign * (near + 1)),
        (-3.0, sign * (near + 1)),
      ]
      return CarPark(
        pose: middle, length: length, width: width, bays: bays(middle, length, width, entrance: -sign),
        driveway: Polygon(corners.map { at.point(ahead: $0.0, aside: $0.1) }))
    }
    return nil
  }

  /// Two rows of bays with an aisle between; none where the way in is.
  private static func bays(_ middle: PlanarPose, _ length: Double, _ width: Double, entrance: Double)
    -> [PlanarPose]
  {
    var result: [PlanarPose] = []
    for row in [-1.0, 1] {
      var x = -length / 2 + 2
      while x + 1.25 < length / 2 - 0.5 {
        if row != entrance || abs(x) > 5 {
          result.append(
            PlanarPose(
              position: middle.point(ahead: x, aside: row * (width / 2 - 2.8)),
              heading: middle.heading + row * .pi / 2))
        }
        x += 2.5
      }
    }
    return result
  }
}
