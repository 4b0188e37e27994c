internal import COneDNN

extension PrimitiveDescription {
  /// A backward primitive, with the forward one whose choices it follows.
  static func make<D>(
    _ descriptor: D, _ library: Library, forward: borrowing PrimitiveDescription
  ) throws -> PrimitiveDescription? {
    var handle: dnnl_primitive_desc_t?
    let attributes = try Attributes()
    let (attributesHandle, hint) = (attributes.handle, forward.handle)
    let status = withUnsafePointer(to: descriptor) {
      dnnl_primitive_desc_create(&handle, UnsafeRawPointer($0), attributesHandle, library.engine, hint)
    }
    guard status == dnnl_success, let handle else { return nil }
    return PrimitiveDescription(handle, library)
  }

  /// The layout of the source's gradient.
  var sourceGradient: Layout? { layout(dnnl_query_diff_src_md) }
  /// The layout of the result's gradient.
  var targetGradient: Layout? { layout(dnnl_query_diff_dst_md) }
  /// The layout of the weights' gradient.
  var weightsGradient: Layout? { layout(dnnl_query_diff_weights_md) }
  /// What a forward primitive leaves for its backward one.
  var workspace: Layout? { layout(dnnl_query_workspace_md) }
}

extension Primitive {
  // Names of arguments of backward primitives.
  static let sourceGradient = Int32(DNNL_ARG_DIFF_SRC_0), targetGradient = Int32(DNNL_ARG_DIFF_DST_0)
  static let weightsGradient = Int32(DNNL_ARG_DIFF_WEIGHTS_0)
  static let mean = Int32(DNNL_ARG_MEAN), variance = Int32(DNNL_ARG_VARIANCE)
  static let scale = Int32(DNNL_ARG_SCALE), shift = Int32(DNNL_ARG_SHIFT)
  static let scaleGradient = Int32(DNNL_ARG_DIFF_SCALE), shiftGradient = Int32(DNNL_ARG_DIFF_SHIFT)
  static let workspace = Int32(DNNL_ARG_WORKSPACE)
}

extension Descriptor {
  /// The forward convolution that its gradients' primitives follow.
  static func trainedConvolution(_ x: Layout, _ weights: Layout, _ y: Layout, _ o: Operator.Convolution)
    -> dnnl_convolution_desc_t?
  {
    var descriptor = dnnl_convolution_desc_t()
    let status = withPointers(x, weights, nil, y) { x, w, _, y in
      dnnl_dilated_convolution_forward_desc_init(
        &descriptor, dnnl_forward_training, dnnl_convolution_direct, x, w, nil, y, o.strides.map(Int64.init),
        o.dilations.map { Int64($0 - 1) }, o.padding.before.map(Int64.init), o.padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// The gradient of a convolution's source.
  static func convolutionData(_ x: Layout, _ weights: Layout, _ y: Layout, _ o: Operator.Convolution)
    -> dnnl_convolution_desc_t?
  {
    var descriptor = dnnl_convolution_desc_t()
    let status = withPointers(x, weights, nil, y) { x, w, _, y in
      dnnl_dilated_convolution_backward_data_desc_init(
        &descriptor, dnnl_convolution_direct, x, w, y, o.strides.map(Int64.init),
        o.dilations.map { Int64($0 - 1) }, o.padding.before.map(Int64.init), o.padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// The gradient of a convolution's weights.
  static func convolutionWeights(_ x: Layout, _ weights: Layout, _ y: Layout, _ o: Operator.Convolution)
    -> dnnl_convolution_desc_t?
  {
    var descriptor = dnnl_convolution_desc_t()
    let status = withPointers(x, weights, nil, y) { x, w, _, y in
      dnnl_dilated_convolution_backward_weights_desc_init(
        &descriptor, dnnl_convolution_direct, x, w, nil, y, o.strides.map(Int64.init),
        o.dilations.map { Int64($0 - 1) }, o.padding.before.map(Int64.init), o.padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// The gradient of a pooling.
  static func poolingGradient(_ o: Operator.Pooling, _ x: Layout, _ y: Layout, padding: Padding)
    -> dnnl_pooling_v2_desc_t?
  {
    guard let algorithm = poolingAlgorithm(o.kind) else { return nil }
    var descriptor = dnnl_pooling_v2_desc_t()
    let status = withPointers(x, y, nil, y) { x, y, _, _ in
      dnnl_pooling_v2_backward_desc_init(
        &descriptor, algorithm, x, y, o.strides.map(Int64.init), o.kernel.map(Int64.init),
        o.dilations.map { Int64($0 - 1) }, padding.before.map(Int64.init), padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  private static let scaleAndShift = dnnl_use_scale.rawValue | dnnl_use_shift.rawValue

  /// A batch normalisation by the batch's own statistics.
  static func batchNormalization(_ x: Layout, epsilon: Float) -> dnnl_batch_normalization_desc_t? {
    var descriptor = dnnl_batch_normalization_desc_t()
    let status = withUnsafePointer(to: x.descriptor) {
      dnnl_batch_normalization_forward_desc_init(
        &descriptor, dnnl_forward_training, $0, epsilon, scaleAndShift)
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// The gradients of a batch normalisation's source, scale and shift.
  static func batchNormalizationGradient(_ x: Layout, _ gradient: Layout, epsilon: Float)
    -> dnnl_batch_normalization_desc_t?
  {
    var descriptor = dnnl_batch_normalization_desc_t()
    let status = withPointers(gradient, x, nil, x) { gradient, x, _, _ in
      dnnl_batch_normalization_backward_desc_init(
        &descriptor, dnnl_backward, gradient, x, epsilon, scaleAndShift)
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// The gradient of a function of each element, from its source or, for some, its result; nil for others.
  static func eltwiseGradient(_ o: Operator.UnaryGradient, _ layout: Layout)
    -> (forward: dnnl_eltwise_desc_t, backward: dnnl_eltwise_desc_t)?
  {
    let algorithm: dnnl_alg_kind_t, alpha: Float
    switch o.function {
    case .relu: (algorithm, alpha) = (dnnl_eltwise_relu_use_dst_for_bwd, 0)
    case .leakyRelu(let slope) where o.fromOutput:
      (algorithm, alpha) = (dnnl_eltwise_relu_use_dst_for_bwd, slope)
    case .elu(let slope) where o.fromOutput: (algorithm, alpha) = (dnnl_eltwise_elu_use_dst_for_bwd, slope)
    case .sigmoid: (algorithm, alpha) = (dnnl_eltwise_logistic_use_dst_for_bwd, 0)
    case .tanh: (algorithm, alpha) = (dnnl_eltwise_tanh_use_dst_for_bwd, 0)
    case .swish(let beta): (algorithm, alpha) = (dnnl_eltwise_swish, beta)
    case .gelu: (algorithm, alpha) = (dnnl_eltwise_gelu_erf, 0)
    case .geluTanh: (algorithm, alpha) = (dnnl_eltwise_gelu_tanh, 0)
    case .mish: (algorithm, alpha) = (dnnl_eltwise_mish, 0)
    default: return nil
    }
    var forward = dnnl_eltwise_desc_t(), backward = dnnl_eltwise_desc_t()
    let status = withUnsafePointer(to: layout.descriptor) {
      let first = dnnl_eltwise_forward_desc_init(&forward, dnnl_forward_training, algorithm, $0, alpha, 0)
      guard first == dnnl_success else { return first }
      return dnnl_eltwise_backward_desc_init(&backward, algorithm, $0, $0, alpha, 0)
    }
    return status == dnnl_success ? (forward, backward) : nil
  }
}
