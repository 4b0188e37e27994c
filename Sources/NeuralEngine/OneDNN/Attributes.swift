internal import COneDNN

/// What is done to a primitive's result before it is written.
enum FusedOperation {
  /// An element-wise function times `scale`.
  case eltwise(dnnl_alg_kind_t, alpha: Float, beta: Float, scale: Float = 1)
  /// The result combined with another tensor.
  case binary(dnnl_alg_kind_t, Layout)
  /// The result added to `scale` times what the destination holds.
  case sum(scale: Float)
}

extension FusedOperation {
  /// Whether an element-wise function comes again with other parameters, which oneDNN 2.6 computes with one's for both.
  static func mixesParameters(_ operations: [FusedOperation]) -> Bool {
    var seen: [dnnl_alg_kind_t.RawValue: [Float]] = [:]
    for case .eltwise(let algorithm, let alpha, let beta, let scale) in operations {
      if let first = seen[algorithm.rawValue], first != [alpha, beta, scale] { return true }
      seen[algorithm.rawValue] = [alpha, beta, scale]
    }
    return false
  }
}

/// A primitive's attributes: user-managed scratch memory, scales and fused operations.
struct Attributes: ~Copyable {
  let handle: dnnl_primitive_attr_t

  /// - Parameters:
  ///   - outputScales: one factor, or one per channel (axis 1), applied before the fused operations.
  ///   - sourceZeroPoint: the number that stands for 0 in the source.
  ///   - targetZeroPoint: the number that stands for 0 in the target, added after the fused operations.
  init(
    _ fused: [FusedOperation] = [], outputScales: [Float] = [], sourceZeroPoint: Int = 0,
    targetZeroPoint: Int = 0
  ) throws {
    var attributes: dnnl_primitive_attr_t?
    try check(dnnl_primitive_attr_create(&attributes), "attributes")
    guard let attributes else { preconditionFailure("oneDNN made no attributes") }
    do {
      try check(
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "scratchpad mode")
      if !outputScales.isEmpty {
        let mask: Int32 = outputScales.count > 1 ? 2 : 0
        try check(
          dnnl_primitive_attr_set_output_scales(attributes, Int64(outputScales.count), mask, outputScales),
          "output scales")
      }
      for (argument, point) in [(DNNL_ARG_SRC, sourceZeroPoint), (DNNL_ARG_DST, targetZeroPoint)]
      where point != 0 {
        try check(
          dnnl_primitive_attr_set_zero_points(attributes, Int32(argument), 1, 0, [Int32(clamping: point)]),
          "zero point")
      }
      if !fused.isEmpty { try Attributes.append(fused, to: attributes) }
    } catch {
      dnnl_primitive_attr_destroy(attributes)
      throw error
    }
    handle = attributes
  }

  private static func append(_ fused: [FusedOperation], to attributes: dnnl_primitive_attr_t) throws {
    var list: dnnl_post_ops_t?
    try check(dnnl_post_ops_create(&list), "post-ops")
    defer { dnnl_post_ops_destroy(list) }
    for operation in fused {
      switch operation {
      case .eltwise(let algorithm, let alpha, let beta, let scale):
        try check(dnnl_post_ops_append_eltwise(list, scale, algorithm, alpha, beta), "eltwise post-op")
      case .binary(let algorithm, let layout):
        try withUnsafePointer(to: layout.descriptor) {
          try check(dnnl_post_ops_append_binary(list, algorithm, $0), "binary post-op")
        }
      case .sum(let scale): try check(dnnl_post_ops_append_sum(list, scale), "sum post-op")
      }
    }
    try check(dnnl_primitive_attr_set_post_ops(attributes, list), "post-ops")
  }

  deinit { dnnl_primitive_attr_destroy(handle) }
}

/// `alpha · x + beta`.
func linearOperation(_ alpha: Float, _ beta: Float) -> FusedOperation {
  .eltwise(dnnl_eltwise_linear, alpha: alpha, beta: beta)
}

/// oneDNN's name for a function, where it has one; some take two steps.
func eltwiseOperations(_ function: Operator.Unary.Function) -> [FusedOperation]? {
  switch function {
  case .relu: [.eltwise(dnnl_eltwise_relu, alpha: 0, beta: 0)]
  case .leakyRelu(let alpha): [.eltwise(dnnl_eltwise_relu, alpha: alpha, beta: 0)]
  case .elu(let alpha): [.eltwise(dnnl_eltwise_elu, alpha: alpha, beta: 0)]
  case .sigmoid: [.eltwise(dnnl_eltwise_logistic, alpha: 0, beta: 0)]
  case .hardSigmoid(let alpha, let beta):
    [.eltwise(dnnl_eltwise_linear, alpha: alpha, beta: beta), .eltwise(dnnl_eltwise_clip, alpha: 0, beta: 1)]
  case .hardSwish: [.eltwise(dnnl_eltwise_hardswish, alpha: 0, beta: 0)]
  case .swish(let beta): [.eltwise(dnnl_eltwise_swish, alpha: beta, beta: 0)]
  case .gelu: [.eltwise(dnnl_eltwise_gelu_erf, alpha: 0, beta: 0)]
  case .geluTanh: [.eltwise(dnnl_eltwise_gelu_tanh, alpha: 0, beta: 0)]
  case .mish: [.eltwise(dnnl_eltwise_mish, alpha: 0, beta: 0)]
  case .softplus: [.eltwise(dnnl_eltwise_soft_relu, alpha: 0, beta: 0)]
  case .tanh: [.eltwise(dnnl_eltwise_tanh, alpha: 0, beta: 0)]
  case .exp: [.eltwise(dnnl_eltwise_exp, alpha: 0, beta: 0)]
  case .log: [.eltwise(dnnl_eltwise_log, alpha: 0, beta: 0)]
  case .sqrt: [.eltwise(dnnl_eltwise_sqrt, alpha: 0, beta: 0)]
  case .abs: [.eltwise(dnnl_eltwise_abs, alpha: 0, beta: 0)]
  case .negate: [.eltwise(dnnl_eltwise_linear, alpha: -1, beta: 0)]
  case .linear(let alpha, let beta): [.eltwise(dnnl_eltwise_linear, alpha: alpha, beta: beta)]
  case .clip(let low, let high):
    low <= high ? [.eltwise(dnnl_eltwise_clip, alpha: low, beta: high)] : nil
  case .erf, .reciprocal, .sine, .cosine, .arctangent, .floor, .ceiling, .round, .power, .identity, .stopGradient,
    .dropout:
    nil
  }
}

/// oneDNN's name for a function of two tensors, where it has one.
func binaryAlgorithm(_ function: Operator.Binary.Function) -> dnnl_alg_kind_t? {
  switch function {
  case .add: dnnl_binary_add
  case .subtract: dnnl_binary_sub
  case .multiply: dnnl_binary_mul
  case .divide: dnnl_binary_div
  case .maximum: dnnl_binary_max
  case .minimum: dnnl_binary_min
  default: nil
  }
}
