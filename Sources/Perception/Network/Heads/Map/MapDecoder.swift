import Algorithms
import Foundation
import Geometry
import NeuralEngine
import Scenes

/// Bytes and lines from the map head's logits `[1, layer, i, j]`.
public struct MapDecoder: Sendable {
  private let configuration: NetworkConfiguration.Map
  private let grid: BEVGrid
  private var tracer: LineTracer

  /// A decoder of a head over the result grid.
  public init(_ configuration: NetworkConfiguration.Map, grid: BEVGrid) {
    self.configuration = configuration
    self.grid = grid
    tracer = LineTracer(
      grid: grid, tolerance: configuration.lineTolerance, minimumLength: configuration.minimumLineLength)
  }

  /// Each layer's probabilities as bytes, probability = value / 255.
  /// - Precondition: `logits` is `[1, layer, i, j]` of the head over the grid.
  public func layers(_ logits: TensorView, threads: Int = 1) -> [(name: String, values: [UInt8])] {
    precondition(
      logits.shape == [1, configuration.layers.count, grid.countX, grid.countY], "logits \(logits.shape)")
    return configuration.layers.enumerated().map { k, layer in
      (layer.rawValue, probabilityBytes(logits.floats + k * grid.count, count: grid.count, threads: threads))
    }
  }

  /// The layers of lines, traced: polylines in the global frame.
  ///
  /// - Precondition: as for `layers`.
  public mutating func lines(_ logits: TensorView, globalFromEgo: RigidTransform) -> [MapLayer] {
    let least = Float(log(configuration.lineProbability / (1 - configuration.lineProbability)))
    var result: [MapLayer] = []
    for (k, layer) in configuration.layers.enumerated() where layer.isLine {
      let lines = tracer.lines(logits.floats + k * grid.count, least: least)
      result.append(
        MapLayer(
          name: layer.rawValue,
          lines: lines.map { $0.map { (globalFromEgo * SIMD3($0.x, $0.y, 0)).xy } }))
    }
    return result
  }
}

/// `255 / (1 + exp(-x))`, rounded; what is not a number is 0.
func probabilityBytes(_ logits: UnsafePointer<Float>, count: Int, threads: Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
    initialized = count
    guard let target = buffer.baseAddress else { return }
    KernelContext(threads: threads).parallel(count, grain: 8192) { range in
      for k in range {
        let value = 255 * logistic(logits[k])
        target[k] = value >= 0 ? UInt8(value.rounded()) : 0
      }
    }
  }
}
