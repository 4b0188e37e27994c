/// Custom nodes of networks that people have.
extension ONNXOperators {
  /// The builders by name.
  static let plugins: [String: Builder] = ["PPScatterPlugin": pillarScatter]

  /// CUDA-PointPillars' scatter: features `[n, c]` (or `[n, 1, c]`), places `[n, 4]` (0, z, y, x) and how many of them
  /// count, to `[1, c, h, w]`; the other places go to a cell that is cut off.
  private static let pillarScatter: Builder = { importer, node in
    let features = try importer.required(node, 0), places = try importer.required(node, 1)
    let shape = importer.shape(features), size = node.ints("dense_shape") ?? []
    guard let count = shape.first, let channels = shape.last, shape.count == 2 || shape.count == 3,
      shape.reduce(1, *) == count * channels, importer.shape(places) == [count, 4], size.count == 2,
      size.allSatisfy({ (1...1 << 16).contains($0) })
    else {
      throw node.fault(
        "features of \(shape), places of \(importer.shape(places)), dense_shape \(size)",
        expected: "[n, c], [n, 4], and rows and columns")
    }
    let cells = size[0] * size[1]
    func number(_ value: Int) -> ONNXImporter.Value { importer.constant(TensorValue([], integers: [Int64(value)])) }
    func column(_ index: Int) throws -> ONNXImporter.Value {
      try importer.step(.slice(.init(starts: [0, index], counts: [count, 1])), [places], node)
    }
    let row = try importer.step(.binary(.init(.multiply)), [try column(2), number(size[1])], node)
    let cell = try importer.step(.binary(.init(.add)), [row, try column(3)], node)
    let order = importer.constant(TensorValue([count, 1], integers: (0..<count).map { Int64($0) }))
    let limit = try importer.step(.reshape(.init([])), [try importer.required(node, 2)], node)
    let isWithin = try importer.step(.binary(.init(.less)), [order, limit], node)
    let target = try importer.step(.select(.init()), [isWithin, cell, number(cells)], node)
    let rows = try importer.step(.reshape(.init([count, channels])), [features], node)
    let empty = importer.constant(TensorValue(zeros: TensorType([cells + 1, channels])))
    let full = try importer.step(.scatterND(.init(reduction: .none)), [empty, target, rows], node)
    let canvas = try importer.step(.slice(.init(starts: [0, 0], counts: [cells, channels])), [full], node)
    let planes = try importer.step(.transpose(.init([1, 0])), [canvas], node)
    return try importer.emit(.reshape(.init([1, channels, size[0], size[1]])), [planes], node)
  }
}
