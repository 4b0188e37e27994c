import Files

/// How much each part of the picture moves the middle of an output, found by perturbation.
///
/// The picture is cut into cells; each in turn is moved by `step` from a picture of noise, and the absolute change of the
/// output's middle element, summed over channels (and over several pictures), is that cell's effect. Luo et al.,
/// arXiv 1701.04128, show that it is far smaller than the receptive field and shaped like a Gaussian.
public struct EffectiveReceptiveField: Sendable {
  /// Rows and columns of cells.
  public let rows: Int, columns: Int
  /// Effects, row-major; the largest is 1 (all are 0 where nothing has any).
  public let effects: [Float]
  /// Rows and columns of the network's input.
  public let height: Int, width: Int
  /// Rows and columns of the input that the middle element can depend on by the published recurrences; nil: all.
  public let field: (rows: ClosedRange<Int>, columns: ClosedRange<Int>)?

  /// Floating-point operations after which no further pictures are added to a measurement.
  private static let budget = 1e12

  /// Measures a graph with an input `[n, c, rows, columns]` and an output of as many axes.
  ///
  /// - Parameters:
  ///   - cells: the most cells along an axis; the network runs `cells`² times at most for each picture.
  ///   - step: how far a cell is moved.
  ///   - pictures: pictures of noise that are measured; nil: up to 4, fewer for large networks (10^12 operations).
  ///   - progress: told how many of all runs of the network are done.
  /// - Throws: `EngineError` where the graph has no such input or output, or cannot be compiled.
  public init(
    _ graph: Graph, cells: Int = 32, step: Float = 1, pictures: Int? = nil, threads: Int = 1,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws {
    guard let input = graph.inputs.first(where: { graph.shape($0).count == 4 && graph.shape($0)[0] > 0 }),
      let output = graph.outputs.first(where: { graph.shape($0).count == 4 && graph[$0].type.count > 0 }),
      graph[input].type.element == .float32, graph[output].type.element == .float32, cells >= 1
    else {
      throw EngineError(
        file: graph.name, field: "effective receptive field", found: "no picture in and out",
        expected: "an input and an output of 4 axes")
    }
    let shape = graph.shape(input)
    height = shape[2]
    width = shape[3]
    rows = max(1, min(cells, height))
    columns = max(1, min(cells, width))
    field = Self.field(graph, output)
    let plan = try Plan(graph, Plan.Options(threads: threads))
    let cost = Double(try NetworkReport(graph).operations) * Double(rows * columns)
    let count = max(1, pictures ?? min(4, Int(min(4, Self.budget / max(cost, 1)))))
    var random = SplitMix64(seed: 1)
    var effects = [Float](repeating: 0, count: rows * columns)
    let cellCount = rows * columns
    for picture in 0..<count {
      var values: [String: TensorValue] = [:]
      for id in graph.inputs {
        let type = graph[id].type
        values[graph[id].name] =
          type.element == .float32
          ? TensorValue(type.shape, (0..<type.count).map { _ in random.unit() - 0.5 })
          : TensorValue(zeros: type)
      }
      try Self.add(
        to: &effects, rows, columns, plan, values, input: graph[input].name, output: graph[output].name,
        step: step
      ) { progress(picture * cellCount + $0, count * cellCount) }
    }
    let largest = effects.max() ?? 0
    self.effects = largest > 0 && largest.isFinite ? effects.map { $0 / largest } : effects.map { _ in 0 }
  }

  /// The input rows and columns that the output's middle element sees, within the picture.
  private static func field(
    _ graph: Graph, _ output: TensorID
  ) -> (rows: ClosedRange<Int>, columns: ClosedRange<Int>)? {
    guard let input = graph.inputs.first(where: { graph.shape($0).count == 4 && graph.shape($0)[0] > 0 }),
      case .windows(let axes) = ReceptiveFields(graph).dependences[output.index], axes.count == 2
    else { return nil }
    let ranges = axes.enumerated().compactMap { axis, field -> ClosedRange<Int>? in
      let extent = graph.shape(input)[axis + 2], middle = Double(graph.shape(output)[axis + 2] / 2)
      let first = (field.first + middle * field.jump).rounded(.down)
      let last = (field.last + middle * field.jump).rounded(.up)
      guard first.isFinite, last.isFinite, extent > 0, last >= 0, first < Double(extent) else { return nil }
      return Int(max(0, first))...Int(min(Double(extent - 1), last))
    }
    return ranges.count == 2 ? (ranges[0], ranges[1]) : nil
  }

  /// Adds each cell's effect on one picture.
  private static func add(
    to effects: inout [Float], _ rows: Int, _ columns: Int, _ plan: Plan, _ values: [String: TensorValue],
    input: String, output: String, step: Float, progress: (_ done: Int) -> Void
  ) throws {
    guard let given = values[input], let picture = given.floats else { return }
    let shape = given.shape
    var values = values
    let base = middle(try plan.run(values)[output])
    for cell in effects.indices {
      let (r, c) = (cell / columns, cell % columns)
      let lines = r * shape[2] / rows..<(r + 1) * shape[2] / rows
      let places = c * shape[3] / columns..<(c + 1) * shape[3] / columns
      var moved = picture
      for channel in 0..<shape[1] {
        for i in lines { for j in places { moved[(channel * shape[2] + i) * shape[3] + j] += step } }
      }
      values[input] = TensorValue(shape, moved)
      let now = middle(try plan.run(values)[output])
      defer { progress(cell + 1) }
      effects[cell] += zip(base, now).reduce(0) { $0 + abs($1.0 - $1.1) }
    }
  }

  /// The middle element of every channel of the first picture.
  private static func middle(_ value: TensorValue?) -> [Float] {
    guard let value, let floats = value.floats else { return [] }
    let (height, width) = (value.shape[2], value.shape[3])
    return (0..<value.shape[1]).map { floats[($0 * height + height / 2) * width + width / 2] }
  }

  /// The effects as a picture of the input's proportions, 512 pixels on the longer side or a little less (as many as the
  /// input where that has more): brightness is the root of the effect, and an orange frame the receptive field.
  public func picture() -> PNGPicture {
    let scale = max(1, 512 / max(height, width, 1))
    let (tall, wide) = (height * scale, width * scale)
    let rowCells = Self.cells(rows, height), columnCells = Self.cells(columns, width)
    var pixels = [UInt8](repeating: 0, count: 3 * tall * wide)
    for y in 0..<tall {
      for x in 0..<wide {
        let effect = effects[rowCells[y / scale] * columns + columnCells[x / scale]]
        let grey = UInt8((max(0, min(1, effect)).squareRoot() * 255).rounded())
        let isFrame =
          field.map { Self.isFrame(y, x, $0.rows, $0.columns, scale, tall, wide) } ?? false
        let color: [UInt8] = isFrame ? [255, 140, 0] : [grey, grey, grey]
        for c in 0..<3 { pixels[(y * wide + x) * 3 + c] = color[c] }
      }
    }
    return PNGPicture(width: wide, height: tall, channels: 3, pixels: pixels)
  }

  /// The cell of each input row or column.
  private static func cells(_ count: Int, _ extent: Int) -> [Int] {
    (0..<count).flatMap { cell in
      [Int](repeating: cell, count: (cell + 1) * extent / count - cell * extent / count)
    }
  }

  /// Whether a pixel lies on the field's outline, just outside it (at the picture's edge on it).
  private static func isFrame(
    _ y: Int, _ x: Int, _ rows: ClosedRange<Int>, _ columns: ClosedRange<Int>, _ scale: Int, _ tall: Int,
    _ wide: Int
  ) -> Bool {
    let top = max(0, rows.lowerBound * scale - 1), bottom = min(tall - 1, (rows.upperBound + 1) * scale)
    let left = max(0, columns.lowerBound * scale - 1)
    let right = min(wide - 1, (columns.upperBound + 1) * scale)
    guard (top...bottom) ~= y, (left...right) ~= x else { return false }
    return y == top || y == bottom || x == left || x == right
  }
}
