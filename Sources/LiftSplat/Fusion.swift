import NeuralEngine

/// How BEV features of several sources become one.
public enum FusionMethod: String, Codable, Hashable, Sendable, CaseIterable {
  /// All channels side by side, then a 3 x 3 convolution.
  case concatenation
  /// Each source projected to the same channels and weighted, place by place, by a gate that sees all sources.
  case gated
}

extension Graph {
  /// One BEV tensor of `outputs` channels from those of several sources; a source that is missing at run time is zeros.
  ///
  /// Concatenation: `relu(norm(conv3x3([parts])))`, as BEVFusion's. Gated: `Σ_k σ(conv1x1([parts])_k) · relu(norm(
  /// conv1x1(part_k)))`. Weights are `name.mix` and `name.norm`, or `name.value.k`, `name.norm.k` and `name.gate.k`.
  /// - Parameter parts: `[1, channel, i, j]`, channels of their own.
  /// - Throws: `EngineError` where there are no parts or they do not fit each other.
  /// - Source: Liu et al., BEVFusion, ICRA 2023, section 3.3; gates as Arevalo et al., arXiv 1702.01992, section 3.1.
  public mutating func fuse(
    _ parts: [TensorID], outputs: Int, method: FusionMethod, name: String
  ) throws -> TensorID {
    guard let first = parts.first, outputs >= 1 else {
      throw EngineError(
        file: self.name, field: "fusion \(name)", found: "\(parts.count) parts, \(outputs) outputs",
        expected: "1 or more of both")
    }
    let all = parts.count == 1 ? first : try concatenate(parts, name: "\(name).parts")
    switch method {
    case .concatenation:
      let mixed = try convolution(all, outputs: outputs, kernel: 3, bias: false, name: "\(name).mix")
      return try relu(batchNormalization(mixed, name: "\(name).norm"))
    case .gated:
      var sum: TensorID?
      for (k, part) in parts.enumerated() {
        let projected = try convolution(
          part, outputs: outputs, kernel: 1, bias: false, name: "\(name).value.\(k)")
        let value = try relu(batchNormalization(projected, name: "\(name).norm.\(k)"))
        let gate = try unary(
          .sigmoid, convolution(all, outputs: outputs, kernel: 1, name: "\(name).gate.\(k)"))
        let share = try product(value, gate)
        sum = try sum.map { try self.sum($0, share) } ?? share
      }
      return sum ?? all
    }
  }
}
