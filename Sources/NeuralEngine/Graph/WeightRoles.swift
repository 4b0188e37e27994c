/// What a weight is for, which decides what training does with it.
public enum WeightRole: String, Sendable, Hashable, CaseIterable {
  /// Learned, and drawn towards 0 by weight decay: kernels, matrices, embeddings.
  case learned
  /// Learned without decay: biases, and scales and shifts of normalisations.
  case affine
  /// Running statistics of batch normalisation: updated by each batch, not by gradients.
  case statistic
  /// Fixed numbers that belong to a network, and all integers.
  case table

  /// Whether an optimiser steps it.
  public var isLearned: Bool { self == .learned || self == .affine }
}

extension Graph {
  /// The role of every weight: the one it was added with, else what the operators that read it say.
  ///
  /// So networks from files have roles too. A vector (one axis or none) counts as affine.
  public var weightRoles: [TensorID: WeightRole] {
    var roles: [TensorID: WeightRole] = [:]
    for id in weights {
      let type = self[id].type
      roles[id] = self[id].role ?? (type.element != .float32 ? .table : type.rank <= 1 ? .affine : .learned)
    }
    for node in nodes {
      for (input, id) in node.inputs.enumerated() where roles[id] != nil && self[id].role == nil {
        if let role = node.operation.role(ofInput: input) { roles[id] = role }
      }
    }
    return roles
  }
}

extension Operator {
  /// The role of a weight that is read as an input; nil: nothing special.
  fileprivate func role(ofInput input: Int) -> WeightRole? {
    switch self {
    case .batchNormalization: input > 2 ? .statistic : input > 0 ? .affine : nil
    case .groupedNormalization: input > 0 ? .affine : nil
    case .convolution, .transposedConvolution, .matrixMultiplication: input == 2 ? .affine : nil
    default: nil
    }
  }
}
