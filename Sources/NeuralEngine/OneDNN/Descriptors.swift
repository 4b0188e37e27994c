internal import COneDNN

/// oneDNN's operation descriptors; nil where it refuses the parameters.
enum Descriptor {
  /// A convolution; weights may be grouped (`[groups, outputs, channels, kernel...]`).
  static func convolution(
    _ algorithm: ConvolutionAlgorithm, _ x: Layout, _ weights: Layout, _ bias: Layout?, _ y: Layout,
    strides: [Int], dilations: [Int], padding: Padding
  ) -> dnnl_convolution_desc_t? {
    var descriptor = dnnl_convolution_desc_t()
    let status = withPointers(x, weights, bias, y) { x, w, b, y in
      dnnl_dilated_convolution_forward_desc_init(
        &descriptor, dnnl_forward_inference, algorithm.code, x, w, b, y, strides.map(Int64.init),
        dilations.map { Int64($0 - 1) }, padding.before.map(Int64.init), padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// A transposed convolution; weights as for a convolution: outputs before channels.
  static func transposedConvolution(
    _ x: Layout, _ weights: Layout, _ bias: Layout?, _ y: Layout, strides: [Int], dilations: [Int],
    padding: Padding
  ) -> dnnl_deconvolution_desc_t? {
    var descriptor = dnnl_deconvolution_desc_t()
    let status = withPointers(x, weights, bias, y) { x, w, b, y in
      dnnl_dilated_deconvolution_forward_desc_init(
        &descriptor, dnnl_forward_inference, dnnl_deconvolution_direct, x, w, b, y, strides.map(Int64.init),
        dilations.map { Int64($0 - 1) }, padding.before.map(Int64.init), padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// A pooling by maximum or average.
  ///
  /// - Parameter training: whether a maximum leaves its places in a workspace.
  static func pooling(
    _ pooling: Operator.Pooling, _ x: Layout, _ y: Layout, padding: Padding, training: Bool = false
  ) -> dnnl_pooling_v2_desc_t? {
    guard let algorithm = poolingAlgorithm(pooling.kind) else { return nil }
    var descriptor = dnnl_pooling_v2_desc_t()
    let status = withPointers(x, y, nil, y) { x, y, _, _ in
      dnnl_pooling_v2_forward_desc_init(
        &descriptor, training ? dnnl_forward_training : dnnl_forward_inference, algorithm, x, y,
        pooling.strides.map(Int64.init),
        pooling.kernel.map(Int64.init), pooling.dilations.map { Int64($0 - 1) },
        padding.before.map(Int64.init), padding.after.map(Int64.init))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// oneDNN's name for a pooling, where it has one.
  static func poolingAlgorithm(_ kind: Operator.Pooling.Kind) -> dnnl_alg_kind_t? {
    switch kind {
    case .maximum: dnnl_pooling_max
    case .average(let countsPadding):
      countsPadding ? dnnl_pooling_avg_include_padding : dnnl_pooling_avg_exclude_padding
    case .norm: nil
    }
  }

  /// A function of each element.
  static func eltwise(_ algorithm: dnnl_alg_kind_t, _ x: Layout, alpha: Float, beta: Float)
    -> dnnl_eltwise_desc_t?
  {
    var descriptor = dnnl_eltwise_desc_t()
    let status = withUnsafePointer(to: x.descriptor) {
      dnnl_eltwise_forward_desc_init(&descriptor, dnnl_forward_inference, algorithm, $0, alpha, beta)
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// `x` where it is positive, else `x` times a slope; slopes are broadcast.
  static func prelu(_ x: Layout, _ slopes: Layout) -> dnnl_prelu_desc_t? {
    var descriptor = dnnl_prelu_desc_t()
    let status = withPointers(x, slopes, nil, x) { x, w, _, _ in
      dnnl_prelu_forward_desc_init(&descriptor, dnnl_forward_inference, x, w)
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// A function of two tensors' elements; the second may have extents of 1.
  static func binary(_ algorithm: dnnl_alg_kind_t, _ a: Layout, _ b: Layout, _ y: Layout)
    -> dnnl_binary_desc_t?
  {
    var descriptor = dnnl_binary_desc_t()
    let status = withPointers(a, b, nil, y) { a, b, _, y in
      dnnl_binary_desc_init(&descriptor, algorithm, a, b, y)
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// A batched matrix product.
  static func matmul(_ a: Layout, _ b: Layout, _ bias: Layout?, _ y: Layout) -> dnnl_matmul_desc_t? {
    var descriptor = dnnl_matmul_desc_t()
    let status = withPointers(a, b, bias, y) { a, b, c, y in dnnl_matmul_desc_init(&descriptor, a, b, c, y) }
    return status == dnnl_success ? descriptor : nil
  }

  /// A softmax along an axis, or its logarithm.
  static func softmax(_ x: Layout, _ y: Layout, axis: Int, logarithm: Bool) -> dnnl_softmax_v2_desc_t? {
    var descriptor = dnnl_softmax_v2_desc_t()
    let status = withPointers(x, y, nil, y) { x, y, _, _ in
      dnnl_softmax_v2_forward_desc_init(
        &descriptor, dnnl_forward_inference, logarithm ? dnnl_softmax_log : dnnl_softmax_accurate, x, y,
        Int32(axis))
    }
    return status == dnnl_success ? descriptor : nil
  }

  /// A statistic over the axes whose extent becomes 1.
  static func reduction(_ algorithm: dnnl_alg_kind_t, _ x: Layout, _ y: Layout) -> dnnl_reduction_desc_t? {
    var descriptor = dnnl_reduction_desc_t()
    let status = withPointers(x, y, nil, y) { x, y, _, _ in
      dnnl_reduction_desc_init(&descriptor, algorithm, x, y, 0, 0)
    }
    return status == dnnl_success ? descriptor : nil
  }

  static func withPointers<R>(
    _ a: Layout, _ b: Layout, _ c: Layout?, _ d: Layout,
    _ body: (
      UnsafePointer<dnnl_memory_desc_t>, UnsafePointer<dnnl_memory_desc_t>,
      UnsafePointer<dnnl_memory_desc_t>?, UnsafePointer<dnnl_memory_desc_t>
    ) -> R
  ) -> R {
    withUnsafePointer(to: a.descriptor) { a in
      withUnsafePointer(to: b.descriptor) { b in
        withUnsafePointer(to: d.descriptor) { d in
          if let c {
            return withUnsafePointer(to: c.descriptor) { body(a, b, $0, d) }
          }
          return body(a, b, nil, d)
        }
      }
    }
  }
}
