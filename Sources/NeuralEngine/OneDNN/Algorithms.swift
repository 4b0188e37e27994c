internal import COneDNN

/// Ways to compute a convolution.
enum ConvolutionAlgorithm: Sendable {
  /// Multiplying every tap.
  case direct
  /// Winograd's minimal filtering (Lavin & Gray, arXiv 1509.09308): a third to a quarter of the multiplications of 3x3
  /// kernels, with rounding errors some ten times larger.
  case winograd

  var code: dnnl_alg_kind_t {
    switch self {
    case .direct: dnnl_convolution_direct
    case .winograd: dnnl_convolution_winograd
    }
  }
}

/// oneDNN's name for a reduction, where it has one.
func reductionAlgorithm(_ function: Operator.Reduction.Function) -> dnnl_alg_kind_t? {
  switch function {
  case .sum: dnnl_reduction_sum
  case .mean: dnnl_reduction_mean
  case .maximum: dnnl_reduction_max
  case .minimum: dnnl_reduction_min
  default: nil
  }
}
