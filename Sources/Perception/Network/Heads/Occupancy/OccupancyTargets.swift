import NeuralEngine
import Scenes

/// What the head of occupancy from above should have said.
public enum OccupancyTargets {
  /// Occupied and observed `[1, 2, i, j]`, each 0 or 1: occupied where layers give more than one half to a cell that was
  /// observed. Where nothing was observed, occupied means nothing: the second plane is the mask of the first one's loss.
  ///
  /// - Parameter layers: such as `OccupancyMap` gathers from the sweeps around the frame, later ones included.
  public static func draw(_ layers: BEVLayers) -> TensorValue {
    let occupied = zip(layers.occupancy, layers.observed).map { Float($0 > 127 && $1 != 0 ? 1 : 0) }
    return TensorValue(
      [1, 2, layers.grid.countX, layers.grid.countY], occupied + layers.observed.map { $0 != 0 ? 1 : 0 })
  }
}
