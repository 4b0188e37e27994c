import ArrayFiles

/// How much each part of the picture moves the middle of an output, found by perturbation.
///
/// The picture is cut into cells; each in turn is moved by `step` from a picture of noise, and the absolute change of the
/// output's middle element, summed over channels, is that cell's effect. Luo et al., arXiv 1701.04128, show that it is
/// far smaller than the receptive field and shaped like a Gaussian.
public struct EffectiveReceptiveField: Sendable {
  /// Rows and columns of cells.
  public let rows: Int, columns: Int
  /// Effects, row-major; the largest is 1 (all are 0 where nothing has any).
  public let effects: [Float]

  /// Measures a graph with an input `[n, c, rows, columns]` and an output of as many axes.
  ///
  /// - Parameters:
  ///   - cells: the most cells along an axis; the network runs `cells`² times at most.
  ///   - step: how far a cell is moved.
  /// - Throws: `EngineError` where the graph has no such input or output, or cannot be compiled.
  public init(_ graph: Graph, cells: Int = 32, step: Float = 1, threads: Int = 1) throws {
    guard let input = graph.inputs.first(where: { graph.shape($0).count == 4 && graph.shape($0)[0] > 0 }),
      let output = graph.outputs.first(where: { graph.shape($0).count == 4 && graph[$0].type.count > 0 }),
      graph[input].type.element == .float32, graph[output].type.element == .float32
    else {
      throw EngineError(
        file: graph.name, field: "effective receptive field", found: "no picture in and out",
        expected: "an input and an output of 4 axes")
    }
    let plan = try Plan(graph, Plan.Options(threads: threads))
    let shape = graph.shape(input)
    rows = max(1, min(cells, shape[2]))
    columns = max(1, min(cells, shape[3]))
    var random = SplitMix64(seed: 1)
    var values: [String: TensorValue] = [:]
    for id in graph.inputs {
      let type = graph[id].type
      values[graph[id].name] =
        type.element == .float32
        ? TensorValue(type.shape, (0..<type.count).map { _ in random.unit() - 0.5 })
        : TensorValue(zeros: type)
    }
    let name = graph[output].name, pictureName = graph[input].name
    let picture = values[pictureName]?.floats ?? []
    let base = Self.middle(try plan.run(values)[name])
    var effects: [Float] = []
    for cell in 0..<rows * columns {
      var moved = picture
      let (r, c) = (cell / columns, cell % columns)
      for channel in 0..<shape[1] {
        for i in r * shape[2] / rows..<(r + 1) * shape[2] / rows {
          for j in c * shape[3] / columns..<(c + 1) * shape[3] / columns {
            moved[(channel * shape[2] + i) * shape[3] + j] += step
          }
        }
      }
      values[pictureName] = TensorValue(shape, moved)
      let now = Self.middle(try plan.run(values)[name])
      effects.append(zip(base, now).reduce(0) { $0 + abs($1.0 - $1.1) })
    }
    let largest = effects.max() ?? 0
    self.effects = largest > 0 && largest.isFinite ? effects.map { $0 / largest } : effects.map { _ in 0 }
  }

  /// The middle element of every channel of the first picture.
  private static func middle(_ value: TensorValue?) -> [Float] {
    guard let value, let floats = value.floats else { return [] }
    let (height, width) = (value.shape[2], value.shape[3])
    return (0..<value.shape[1]).map { floats[($0 * height + height / 2) * width + width / 2] }
  }

  /// The effects as a grey picture, cells `scale` pixels wide; brightness is the root of the effect.
  public func picture(scale: Int = 8) -> PNGPicture {
    let width = columns * scale, height = rows * scale
    let pixels = (0..<width * height).map { p in
      let effect = effects[p / width / scale * columns + p % width / scale]
      return UInt8((max(0, min(1, effect)).squareRoot() * 255).rounded())
    }
    return PNGPicture(width: width, height: height, channels: 1, pixels: pixels)
  }
}
