/// How each of ONNX's operators becomes operators of a graph, by its name.
enum ONNXOperators {
  /// Adds a node to the importer's graph and returns its outputs' values.
  typealias Builder = @Sendable (inout ONNXImporter, ONNXNode) throws -> [ONNXImporter.Value]

  static let builders: [String: Builder] = [
    elementwise, shaping, layers, sampling, constants, quantized, recurrent, controlFlow, selecting, plugins,
  ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  /// The file of the repository that lists the operators that are read; a test holds it against `builders`.
  static let list = "docs/onnx-operators.md"

  /// Names all operators of a file that are not read at once.
  ///
  /// - Throws: `EngineError`, one for all of them.
  static func check(_ file: ONNXFile) throws {
    var faults: [String] = []
    func visit(_ nodes: [ONNXNodeProto]) {
      for (i, node) in nodes.enumerated() {
        let kind = ONNXNode.kind(node)
        if builders[kind] == nil {
          let name = node.name.isEmpty ? "\(node.opType)_\(i)" : node.name
          let domain = node.domain.isEmpty ? "" : " of domain \(node.domain)"
          faults.append("operator \(node.opType)\(domain) (node \(name))")
        }
        for attribute in node.attribute where attribute.hasG { visit(attribute.g.node) }
      }
    }
    visit(file.model.graph.node)
    guard !faults.isEmpty else { return }
    let shown = faults.prefix(20).joined(separator: ", ")
    throw EngineError(
      file: file.path, field: "graph", found: faults.count > 20 ? "\(shown) and \(faults.count - 20) more" : shown,
      expected: "operators of \(list)")
  }

  /// Nodes whose value is known when the graph is built.
  static let constants: [String: Builder] = [
    "Constant": constant, "ConstantOfShape": constantOfShape, "Shape": shape, "Size": size, "Range": range,
  ]

  private static let constant: Builder = { importer, node in
    if let a = node.attribute("value") {
      guard a.hasT else { throw node.fault("attribute value without a tensor", expected: "a tensor") }
      let value = try importer.file.value(a.t, field: "node \(node.name) (Constant)")
      if let element = ONNXElement(rawValue: a.t.dataType) { importer.setStoredElement(node, element) }
      return [.constant(value, name: node.outputs.first.map { importer.prefix + $0 })]
    }
    if node.has("value_float") {
      return [importer.constant(TensorValue([], [try node.float("value_float", 0)]))]
    }
    if node.has("value_int") {
      return [importer.constant(TensorValue([], integers: [Int64(try node.int("value_int", 0))]))]
    }
    if let floats = node.floats("value_floats") {
      return [importer.constant(TensorValue([floats.count], floats))]
    }
    if let ints = node.ints("value_ints") {
      return [importer.constant(TensorValue([ints.count], integers: ints.map { Int64($0) }))]
    }
    throw node.fault("no value of numbers", expected: "value, value_float(s) or value_int(s)")
  }

  private static let constantOfShape: Builder = { importer, node in
    let extents = try importer.knownIntegers(node, 0) ?? []
    guard TensorType.isValid(extents), extents.reduce(1, *) <= 1 << 28 else {
      throw node.fault("shape \(extents)", expected: "2^28 elements at most")
    }
    var fill = TensorValue([], [0])
    if let a = node.attribute("value"), a.hasT {
      fill = try importer.file.value(a.t, field: "node \(node.name) (ConstantOfShape)")
    }
    guard fill.type.count == 1 else { throw node.fault("\(fill.type.count) values", expected: "1") }
    let scalar = try importer.step(.reshape(.init([])), [importer.constant(fill)], node)
    return try importer.emit(.expand(.init(extents)), [scalar], node)
  }

  private static let shape: Builder = { importer, node in
    let shape = importer.shape(try importer.required(node, 0))
    func bound(_ name: String, _ standard: Int) throws -> Int {
      let value = try node.int(name, standard)
      return min(max(value < 0 ? max(value, -shape.count) + shape.count : value, 0), shape.count)
    }
    let start = try bound("start", 0), end = max(start, try bound("end", shape.count))
    let extents = shape[start..<end].map { Int64($0) }
    return [importer.constant(TensorValue([extents.count], integers: extents))]
  }

  private static let size: Builder = { importer, node in
    let count = importer.type(try importer.required(node, 0)).count
    return [importer.constant(TensorValue([], integers: [Int64(count)]))]
  }

  private static let range: Builder = { importer, node in
    let parts = try (0..<3).map { i in
      let value = try importer.knownInput(node, i)
      guard value.type.count == 1 else {
        throw node.fault("\(value.type) for input \(i)", expected: "one number")
      }
      return value
    }
    let numbers = parts.map { part in
      part.floats.map { Double($0[0]) } ?? part.integers.map { Double($0[0]) } ?? 0
    }
    let count = ((numbers[1] - numbers[0]) / numbers[2]).rounded(.up)
    guard count.isFinite, count <= 0x1p24 else {
      throw node.fault("\(count) numbers", expected: "2^24 at most")
    }
    let steps = 0..<Int(max(0, count))
    if let start = parts[0].integers?[0], let delta = parts[2].integers?[0] {
      return [
        importer.constant(
          TensorValue([steps.count], integers: steps.map { start &+ delta &* Int64($0) }))
      ]
    }
    return [
      importer.constant(TensorValue([steps.count], steps.map { Float(numbers[0] + numbers[2] * Double($0)) }))
    ]
  }

  /// An axis counted from the front.
  static func axis(_ axis: Int, rank: Int, _ node: ONNXNode) throws -> Int {
    guard axis >= -rank, axis < rank else {
      throw node.fault("axis \(axis)", expected: "\(-rank) to \(rank - 1)")
    }
    return axis < 0 ? axis + rank : axis
  }
}
