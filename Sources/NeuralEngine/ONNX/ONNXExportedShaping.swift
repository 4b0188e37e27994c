extension ONNXGraphBuilder {
  /// Adds operators that move or pick elements, and reductions.
  mutating func addShaping(
    _ node: Graph.Node, _ x: [String], _ y: [String], _ types: [TensorType]
  ) throws {
    switch node.operation {
    case .reshape(let o):
      let shape = integers(o.shape)
      emit("Reshape", [x[0], shape], y, o.shape.contains(0) ? [.int("allowzero", 1)] : [])
    case .transpose(let o): emit("Transpose", x, y, [.ints("perm", o.permutation)])
    case .concatenation(let o): emit("Concat", x, y, [.int("axis", o.axis)])
    case .slice(let o): add(o, x[0], y, types[0].shape)
    case .reduction(let o): try add(o, node, x[0], y)
    case .gather(let o): emit("Gather", x, y, [.int("axis", o.axis)])
    case .gatherElements(let o): emit("GatherElements", x, y, [.int("axis", o.axis)])
    case .gatherND(let o): emit("GatherND", x, y, [.int("batch_dims", o.batchAxes)])
    case .scatterElements(let o):
      emit("ScatterElements", x, y, [.int("axis", o.axis), .text("reduction", o.reduction.rawValue)])
    case .scatterND(let o): emit("ScatterND", x, y, [.text("reduction", o.reduction.rawValue)])
    case .topK(let o):
      let count = integers([o.count])
      emit("TopK", [x[0], count], y, [.int("axis", o.axis), .flag("largest", o.largest)])
    case .argumentOfExtreme(let o):
      emit(
        o.largest ? "ArgMax" : "ArgMin", x, y,
        [.int("axis", o.axis), .flag("keepdims", o.keepsAxis), .flag("select_last_index", o.takesLast)])
    case .pad(let o): add(o, x[0], y, types[0])
    case .expand(let o):
      let shape = integers(o.shape)
      emit("Expand", [x[0], shape], y)
    case .tile(let o):
      let repeats = integers(o.repeats)
      emit("Tile", [x[0], repeats], y)
    case .select: emit("Where", x, y)
    case .cast(let o): emit("Cast", x, y, [.int("to", Int(Self.number(o.element)))])
    case .cumulativeSum(let o):
      let axis = constant(TensorValue([], integers: [Int64(o.axis)]))
      emit("CumSum", [x[0], axis], y, [.flag("exclusive", o.exclusive), .flag("reverse", o.reverse)])
    default: throw missing(node, node.operation.definition.name)
    }
  }

  private mutating func add(_ o: Operator.Slice, _ x: String, _ y: [String], _ shape: [Int]) {
    let axes = Array(shape.indices)
    guard !axes.isEmpty else { return emit("Identity", [x], y) }
    let ends = axes.map { axis in
      let end = o.starts[axis] + o.counts[axis] * o.steps[axis]
      // Before the first element only a number below the extent's negative will do.
      return o.counts[axis] == 0 ? o.starts[axis] : end < 0 ? -shape[axis] - 1 : end
    }
    let inputs = [integers(o.starts), integers(ends), integers(axes), integers(o.steps)]
    emit("Slice", [x] + inputs, y)
  }

  private mutating func add(
    _ o: Operator.Reduction, _ node: Graph.Node, _ x: String, _ y: [String]
  ) throws {
    let kinds: [Operator.Reduction.Function: String] = [
      .sum: "ReduceSum", .mean: "ReduceMean", .maximum: "ReduceMax", .minimum: "ReduceMin",
      .product: "ReduceProd", .norm1: "ReduceL1", .norm2: "ReduceL2", .sumOfSquares: "ReduceSumSquare",
      .logSum: "ReduceLogSum", .logSumExp: "ReduceLogSumExp",
    ]
    guard let kind = kinds[o.function] else { throw missing(node, o.name) }
    if o.axes.isEmpty {
      switch o.function {
      case .norm1, .norm2: return emit("Abs", [x], y)
      case .sumOfSquares: return emit("Mul", [x, x], y)
      case .logSum: return emit("Log", [x], y)
      default: return emit("Identity", [x], y)
      }
    }
    let axes = integers(o.axes)
    emit(kind, [x, axes], y, [.flag("keepdims", o.keepsAxes)])
  }

  private mutating func add(_ o: Operator.Pad, _ x: String, _ y: [String], _ type: TensorType) {
    let mode: String
    switch o.mode {
    case .constant(let value):
      let pads = integers(o.padding.before + o.padding.after)
      let fill: TensorValue
      switch type.element {
      case .float32: fill = TensorValue([], [value])
      case .int64: fill = TensorValue([], integers: [Operator.Cast.truncated(value)])
      case .bool: fill = TensorValue([], booleans: [value != 0])
      }
      let element = constant(fill)
      return emit("Pad", [x, pads, element], y, [.text("mode", "constant")])
    case .symmetric: return addSymmetric(o, x, y, type.shape)
    case .reflect: mode = "reflect"
    case .replicate: mode = "edge"
    case .circular: mode = "wrap"
    }
    let pads = integers(o.padding.before + o.padding.after)
    emit("Pad", [x, pads], y, [.text("mode", mode)])
  }

  /// ONNX has no padding mirrored about the edge: a gather along each axis is the same.
  private mutating func addSymmetric(_ o: Operator.Pad, _ x: String, _ y: [String], _ shape: [Int]) {
    var current = x
    for axis in shape.indices where o.padding.before[axis] != 0 || o.padding.after[axis] != 0 {
      let period = 2 * shape[axis]
      let places = (-o.padding.before[axis]..<shape[axis] + o.padding.after[axis]).map { index in
        let i = ((index % period) + period) % period
        return i < shape[axis] ? i : period - 1 - i
      }
      let indices = integers(places)
      current = step("Gather", [current, indices], [.int("axis", axis)])
    }
    emit("Identity", [current], y)
  }

  /// Adds an element-wise function.
  mutating func add(_ function: Operator.Unary.Function, _ x: String, _ y: [String]) {
    switch function {
    case .relu: emit("Relu", [x], y)
    case .leakyRelu(let alpha): emit("LeakyRelu", [x], y, [.float("alpha", alpha)])
    case .elu(let alpha): emit("Elu", [x], y, [.float("alpha", alpha)])
    case .sigmoid: emit("Sigmoid", [x], y)
    case .hardSigmoid(let alpha, let beta):
      emit("HardSigmoid", [x], y, [.float("alpha", alpha), .float("beta", beta)])
    case .hardSwish: emit("HardSwish", [x], y)
    case .swish(let beta):
      let factor = scalar(beta)
      let scaled = beta == 1 ? x : step("Mul", [x, factor])
      let gate = step("Sigmoid", [scaled])
      emit("Mul", [x, gate], y)
    case .gelu: emit("Gelu", [x], y)
    case .geluTanh: emit("Gelu", [x], y, [.text("approximate", "tanh")])
    case .mish: emit("Mish", [x], y)
    case .softplus: emit("Softplus", [x], y)
    case .tanh: emit("Tanh", [x], y)
    case .erf: emit("Erf", [x], y)
    case .exp: emit("Exp", [x], y)
    case .log: emit("Log", [x], y)
    case .sqrt: emit("Sqrt", [x], y)
    case .abs: emit("Abs", [x], y)
    case .negate: emit("Neg", [x], y)
    case .reciprocal: emit("Reciprocal", [x], y)
    case .sine: emit("Sin", [x], y)
    case .arctangent: emit("Atan", [x], y)
    case .cosine: emit("Cos", [x], y)
    case .floor: emit("Floor", [x], y)
    case .ceiling: emit("Ceil", [x], y)
    case .round: emit("Round", [x], y)
    case .clip(let low, let high):
      let bounds = [low, high].map { scalar($0) }
      emit("Clip", [x] + bounds, y)
    case .linear(let alpha, let beta):
      let factor = scalar(alpha), offset = scalar(beta)
      let product = step("Mul", [x, factor])
      emit("Add", [product, offset], y)
    case .power(let exponent):
      let power = scalar(exponent)
      emit("Pow", [x, power], y)
    case .identity, .stopGradient, .dropout: emit("Identity", [x], y)
    }
  }

  /// Adds a function of two tensors.
  mutating func add(
    _ function: Operator.Binary.Function, _ x: [String], _ y: [String], _ types: [TensorType]
  ) {
    switch function {
    case .add: emit("Add", x, y)
    case .subtract: emit("Sub", x, y)
    case .multiply: emit("Mul", x, y)
    case .divide: emit("Div", x, y)
    case .maximum: emit("Max", x, y)
    case .minimum: emit("Min", x, y)
    case .power: emit("Pow", x, y)
    case .prelu: emit("PRelu", x, y)
    case .remainder: emit("Mod", x, y, [.int("fmod", 1)])
    case .modulo:
      guard types[0].element == .float32 else { return emit("Mod", x, y) }
      let quotient = step("Div", x)
      let whole = step("Floor", [quotient])
      let product = step("Mul", [whole, x[1]])
      emit("Sub", [x[0], product], y)
    case .equal: emit("Equal", x, y)
    case .less: emit("Less", x, y)
    case .lessOrEqual: emit("LessOrEqual", x, y)
    case .greater: emit("Greater", x, y)
    case .greaterOrEqual: emit("GreaterOrEqual", x, y)
    case .and: emit("And", x, y)
    case .or: emit("Or", x, y)
    case .xor: emit("Xor", x, y)
    }
  }
}
