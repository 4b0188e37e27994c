extension Operator {
  /// A sum of products after Einstein's convention: axes that share a label run together, those not in the output are
  /// summed. ONNX's Einsum.
  public struct Einsum: OperatorDefinition, Hashable {
    /// The equation, as `bij,bjk->bik`; `...` stands for leading axes that broadcast.
    public var equation: String

    /// A sum of products.
    public init(_ equation: String) { self.equation = equation }

    /// Its name in tables and errors.
    public var name: String { "einsum" }

    /// Labels of the equation resolved for shapes: letters as their ASCII, ellipsis axes as negative numbers.
    struct Terms {
      var inputs: [[Int]]
      var output: [Int]
      var extents: [Int: Int]
      /// Labels that are summed, in order of appearance.
      var summed: [Int]
    }

    /// The outputs' types, or `ShapeError` where inputs do not fit.
    public func outputTypes(_ inputs: [TensorType]) throws -> [TensorType] {
      for i in inputs.indices { try expectElement(inputs, i, .float32) }
      let terms = try terms(inputs)
      return [try TensorType(checking: terms.output.map { terms.extents[$0] ?? 1 })]
    }

    /// Floating-point operations of one run.
    public func operations(_ inputs: [TensorType], _ outputs: [TensorType]) throws -> Int {
      let terms = try terms(inputs)
      return saturatingProduct(
        [outputs[0].count, max(1, inputs.count)] + terms.summed.map { terms.extents[$0] ?? 1 })
    }

    func terms(_ inputs: [TensorType]) throws -> Terms {
      let text = equation.filter { $0 != " " }
      let fault = ShapeError.parameter("equation", found: equation, expected: "labels as in bij,bjk->bik")
      let sides = text.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false)
      var left = sides[0]
      if sides.count == 2 {
        guard left.last == "-" else { throw fault }
        left = left.dropLast()
      }
      let operands = left.split(separator: ",", omittingEmptySubsequences: false)
      guard operands.count == inputs.count, !inputs.isEmpty, text.utf8.count <= 1000 else { throw fault }
      var extents: [Int: Int] = [:], order: [Int] = [], labels: [[Int]] = []
      var ellipsis = 0
      for (i, operand) in operands.enumerated() {
        let resolved = try Self.labels(String(operand), rank: inputs[i].rank, fault)
        ellipsis = max(ellipsis, resolved.filter { $0 < 0 }.count)
        for (axis, label) in resolved.enumerated() {
          let extent = inputs[i].shape[axis], known = extents[label]
          if known == nil { order.append(label) }
          guard known == nil || known == extent || known == 1 || extent == 1 else {
            throw ShapeError.input(i, axis: axis, expected: "\(known ?? 1)")
          }
          extents[label] = max(known ?? 1, extent == 0 ? 0 : extent)
          if extent == 0 { extents[label] = 0 }
        }
        labels.append(resolved)
      }
      let output: [Int]
      if sides.count == 2 {
        output = try Self.labels(String(sides[1]), rank: nil, fault, ellipsis: ellipsis)
      } else {
        let letters = order.filter { label in label > 0 && labels.joined().filter { $0 == label }.count == 1 }
        output = (0..<ellipsis).map { $0 - ellipsis } + letters.sorted()
      }
      guard Set(output).count == output.count, output.allSatisfy({ extents[$0] != nil }) else { throw fault }
      return Terms(
        inputs: labels, output: output, extents: extents, summed: order.filter { !output.contains($0) })
    }

    /// Labels of one term; an ellipsis takes the axes that the letters leave, numbered -1 from the last.
    private static func labels(
      _ term: String, rank: Int?, _ fault: ShapeError, ellipsis: Int = 0
    ) throws -> [Int] {
      let characters = Array(term.utf8), dots = characters.filter { $0 == 0x2e }.count
      let letters = characters.count - dots
      guard dots == 0 || dots == 3, rank.map({ dots == 3 ? letters <= $0 : letters == $0 }) ?? true else {
        throw fault
      }
      let count = rank.map { $0 - letters } ?? ellipsis
      var result: [Int] = [], i = 0
      while i < characters.count {
        if characters[i] == 0x2e {
          guard i + 2 < characters.count, characters[i + 1] == 0x2e, characters[i + 2] == 0x2e else {
            throw fault
          }
          result += (0..<count).map { $0 - count }
          i += 3
        } else {
          guard (0x41...0x5a).contains(characters[i]) || (0x61...0x7a).contains(characters[i]) else {
            throw fault
          }
          result.append(Int(characters[i]))
          i += 1
        }
      }
      return result
    }
  }
}
