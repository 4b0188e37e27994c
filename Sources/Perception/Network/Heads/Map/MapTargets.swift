import Geometry
import NeuralEngine
import Scenes

/// What the map head should have said: layers of a map drawn on the result grid.
public enum MapTargets {
  /// `[1, layer, i, j]`: 1 where a cell's centre lies in an area (outside its holes), or within half `lineWidth` of a
  /// line; 0 elsewhere.
  ///
  /// - Parameter map: layers in the global frame; one that the head has and the map lacks is empty.
  /// - Complexity: O(rows × edges + cells).
  public static func draw(
    _ map: [MapLayer], globalFromEgo: RigidTransform, head: NetworkConfiguration.Map, grid: BEVGrid
  ) -> TensorValue {
    var values = [Float](repeating: 0, count: head.layers.count * grid.count)
    let egoFromGlobal = globalFromEgo.inverse
    func inEgo(_ points: [SIMD2<Double>]) -> [SIMD2<Double>] {
      points.map { (egoFromGlobal * SIMD3($0.x, $0.y, globalFromEgo.translation.z)).xy }
    }
    for (k, name) in head.layers.enumerated() {
      for layer in map where layer.name == name.rawValue {
        for area in layer.areas {
          let rings = ([area.outline] + area.holes).map { inEgo($0.points) }
          grid.forEachCell(inRings: rings) { values[k * grid.count + grid.index($0, $1)] = 1 }
        }
        for line in layer.lines {
          let points = inEgo(line)
          for (a, b) in zip(points, points.dropFirst()) {
            grid.forEachCell(within: head.lineWidth / 2, ofSegment: a, b) {
              values[k * grid.count + grid.index($0, $1)] = 1
            }
          }
        }
      }
    }
    return TensorValue([1, head.layers.count, grid.countX, grid.countY], values)
  }
}
