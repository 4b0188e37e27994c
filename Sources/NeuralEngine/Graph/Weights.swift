import Files

extension Graph {
  /// Writes all weights under their names as safetensors (F32; I64 and BOOL where a weight is that), whole or not at all.
  ///
  /// - Throws: `FileError`.
  public func saveWeights(_ path: String, metadata: [(key: String, value: String)] = []) throws {
    let tensors = weights.compactMap { id -> (name: String, array: NpyArray)? in
      guard let value = value(id) else { return nil }
      let array =
        switch value.elements {
        case .float32(let elements): NpyArray(elements, shape: value.shape)
        case .int64(let elements): NpyArray(elements, shape: value.shape)
        case .bool(let elements): NpyArray(elements, shape: value.shape)
        }
      return (self[id].name, array)
    }
    try SafetensorsFile.write(path, tensors: tensors, metadata: metadata)
  }

  /// Replaces all weights by a safetensors file's tensors of the same names (floats from F32, F16, BF16 or F64) and
  /// returns the file's metadata.
  ///
  /// - Throws: `ArrayFileError` naming the tensor or the place where the file is broken or a float is NaN or infinite;
  ///   `EngineError` listing every tensor that is missing, unexpected or of another shape or type; `FileError`. The graph
  ///   is then as it was.
  @discardableResult
  public mutating func loadWeights(_ path: String) throws -> [(key: String, value: String)] {
    let file = try SafetensorsFile.read(path)
    try loadWeights(file)
    return file.metadata
  }

  /// As above, from a file that has been read.
  public mutating func loadWeights(_ file: SafetensorsFile) throws {
    try checkNames(file)
    var values: [String: TensorValue] = [:]
    for tensor in file.tensors {
      let shape = tensor.shape
      switch tensor.elementType {
      case .int64: values[tensor.name] = TensorValue(shape, integers: try file.array(tensor).values())
      case .bool: values[tensor.name] = TensorValue(shape, booleans: try file.array(tensor).booleans())
      default: values[tensor.name] = TensorValue(shape, try file.finiteFloats(tensor))
      }
    }
    try setWeights(values, file: file.name)
  }

  /// Throws unless the file has just the weights, before any of its data are converted.
  private func checkNames(_ file: SafetensorsFile) throws {
    var faults: [String] = []
    let ids = weights
    for id in ids {
      let wanted = self[id].type
      guard let tensor = file[self[id].name] else {
        faults.append("\(self[id].name): missing (\(wanted))")
        continue
      }
      let fits =
        switch wanted.element {
        case .float32: [.float32, .float16, .bfloat16, .float64].contains(tensor.elementType)
        case .int64: tensor.elementType == .int64
        case .bool: tensor.elementType == .bool
        }
      if !fits || tensor.shape != wanted.shape {
        faults.append("\(self[id].name): \(tensor.elementType.rawValue)\(tensor.shape) for \(wanted)")
      }
    }
    let known = Set(ids.map { self[$0].name })
    faults += file.tensors.map(\.name).filter { !known.contains($0) }.sorted().map {
      "\($0): not in the network"
    }
    if !faults.isEmpty {
      throw EngineError(
        file: file.name, field: "tensors", found: faults.joined(separator: "; "),
        expected: "the network's \(ids.count) weights")
    }
  }
}
