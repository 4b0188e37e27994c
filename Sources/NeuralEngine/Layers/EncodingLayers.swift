import Foundation

extension Graph {
  // MARK: Embedding

  /// Rows of a learned table `name.weight` `[count, channels]` by index: int64 `[any...] -> [any..., channels]`.
  public mutating func embedding(
    _ indices: TensorID, count: Int, channels: Int, initial: Initialization = .normal(0.02), name: String
  ) throws -> TensorID {
    try apply(
      .gather(.init(axis: 0)), addWeight("\(name).weight", [count, channels], initial), indices, name: name)
  }

  // MARK: Encodings

  /// The constant `[1, count, channels]` of sinusoidal encodings of positions 0, 1, ...: channel 2i holds
  /// `sin(position / 10000^(2i / channels))`, channel 2i + 1 the cosine. Vaswani et al., arXiv 1706.03762, section 3.5.
  public mutating func positionEncoding(count: Int, channels: Int, name: String) throws -> TensorID {
    try checkEncoding(channels, multiple: 2, positions: count, name)
    let positions = (0..<count).flatMap { sinusoids(Double($0), channels) }
    return addConstant(name, TensorValue([1, count, channels], positions))
  }

  /// The constant `[1, rows · columns, channels]` of cells in row-major order: the first half of the channels encodes the
  /// row, the second the column, each as `positionEncoding(count:channels:name:)` does.
  public mutating func positionEncoding(
    rows: Int, columns: Int, channels: Int, name: String
  ) throws -> TensorID {
    try checkEncoding(channels, multiple: 4, positions: min(rows, columns), name)
    var elements: [Float] = []
    elements.reserveCapacity(rows * columns * channels)
    for row in 0..<rows {
      for column in 0..<columns {
        elements += sinusoids(Double(row), channels / 2) + sinusoids(Double(column), channels / 2)
      }
    }
    return addConstant(name, TensorValue([1, rows * columns, channels], elements))
  }

  /// Sinusoidal encodings of a float input t of any shape: `[any...] -> [any..., channels]`. With `w_i =
  /// maximumPeriod^(-i / half)`, channels `0 ..< half` are `cos(t w_i)` and the rest `sin(t w_i)`, as diffusion models
  /// encode their time. Ho et al., arXiv 2006.11239; Peebles & Xie, arXiv 2212.09748.
  public mutating func timeEncoding(
    _ t: TensorID, channels: Int, maximumPeriod: Double = 10_000, name: String
  ) throws -> TensorID {
    try checkEncoding(channels, multiple: 2, name)
    return try scoped(name) { graph in
      let half = channels / 2
      let frequencies = (0..<half).map { Float(pow(maximumPeriod, -Double($0) / Double(half))) }
      let column = try graph.reshape(t, graph.shape(t) + [1])
      let angles = try graph.product(
        column, graph.addConstant("frequencies", TensorValue([half], frequencies)))
      let parts = [try graph.unary(.cosine, angles), try graph.unary(.sine, angles)]
      return try graph.concatenate(parts, axis: -1)
    }
  }

  /// A time encoding through two linear layers with SiLU between them: `[batch] -> [batch, outputs]`. Peebles & Xie,
  /// arXiv 2212.09748.
  public mutating func timeEmbedding(
    _ t: TensorID, encoding: Int = 256, outputs: Int, maximumPeriod: Double = 10_000, name: String
  ) throws -> TensorID {
    try scoped(name) { graph in
      let waves = try graph.timeEncoding(
        t, channels: encoding, maximumPeriod: maximumPeriod, name: "encoding")
      let hidden = try graph.linear(waves, outputs: outputs, initial: .normal(0.02), name: "first")
      return try graph.linear(
        try graph.unary(.swish(1), hidden), outputs: outputs, initial: .normal(0.02), name: "second")
    }
  }

  private func checkEncoding(_ channels: Int, multiple: Int, positions: Int = 0, _ name: String) throws {
    guard positions >= 0, channels > 0, channels % multiple == 0 else {
      throw EngineError(
        file: self.name, field: "encoding \(name)", found: "\(channels) channels, \(positions) positions",
        expected: "0 positions or more and a multiple of \(multiple)")
    }
  }
}

/// Sine and cosine by turns, at wavelengths from 2π to nearly 20000π.
private func sinusoids(_ position: Double, _ channels: Int) -> [Float] {
  (0..<channels).map { channel in
    let angle = position / pow(10_000, Double(channel / 2 * 2) / Double(channels))
    return Float(channel % 2 == 0 ? sin(angle) : cos(angle))
  }
}
