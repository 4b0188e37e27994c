import NeuralEngine
import Scenes

extension TrajectoryConditions {
  /// Copies the conditions into one agent's row of an input; numbers under a mask become 0.
  ///
  /// - Parameters:
  ///   - name: the input's, as `ConditionLayout.inputs` lists them.
  ///   - view: the input's memory for `batch` agents.
  ///   - slot: the agent's row.
  func write(_ name: String, into view: MutableTensorView, slot: Int, _ c: RefinerConfiguration) {
    let count = view.count / max(view.shape[0], 1)
    let start = slot * count
    switch name {
    case "kind": view.integers[slot] = Int64(kind.rawValue)
    case "history":
      copyRows(history, ConditionLayout.historyFeatures, to: view.floats + start) { row in
        history[(row + 1) * ConditionLayout.historyFeatures - 1] != 0
      }
    case "attributes": copyRows(attributes, attributes.count, to: view.floats + start) { _ in true }
    case "neighbours":
      copyRows(neighbours, ConditionLayout.neighbourFeatures(c), to: view.floats + start) {
        neighbourMask[$0]
      }
    case "neighbours.mask": for k in 0..<count { view.booleans[start + k] = neighbourMask[k] }
    case "polylines":
      let width = ConditionLayout.pointFeatures
      copyRows(polylines, width, to: view.floats + start) { row in
        polylineMask[row / c.polylinePoints] && polylines[(row + 1) * width - 1] != 0
      }
    case "polylines.types":
      for k in 0..<count { view.integers[start + k] = polylineMask[k] ? polylineTypes[k] : 0 }
    case "polylines.mask": for k in 0..<count { view.booleans[start + k] = polylineMask[k] }
    case "bev.agent": copyRows(place, place.count, to: view.floats + start) { _ in hasPlace }
    case "bev.mask": view.booleans[slot] = hasPlace
    case "bev.paths": copyRows(paths, c.bevChannels, to: view.floats + start) { pathMask[$0] != 0 }
    case "bev.paths_mask": for k in 0..<count { view.floats[start + k] = pathMask[k] != 0 ? 1 : 0 }
    default: preconditionFailure("no conditions for input \(name)")
    }
  }

  private func copyRows(
    _ values: [Float], _ width: Int, to target: UnsafeMutablePointer<Float>, _ isValid: (Int) -> Bool
  ) {
    guard width > 0 else { return }
    for row in 0..<values.count / width {
      let valid = isValid(row)
      for k in row * width..<(row + 1) * width { target[k] = valid ? values[k] : 0 }
    }
  }

  /// The first array that is not as long as that of conditions of the right layout, or an index that is none.
  func fault(unlike wanted: TrajectoryConditions) -> (field: String, found: Int, expected: Int)? {
    let counts: [(String, Int, Int)] = [
      ("history", history.count, wanted.history.count),
      ("attributes", attributes.count, wanted.attributes.count),
      ("neighbours", neighbours.count, wanted.neighbours.count),
      ("neighbourMask", neighbourMask.count, wanted.neighbourMask.count),
      ("polylines", polylines.count, wanted.polylines.count),
      ("polylineTypes", polylineTypes.count, wanted.polylineTypes.count),
      ("polylineMask", polylineMask.count, wanted.polylineMask.count),
      ("place", place.count, wanted.place.count), ("paths", paths.count, wanted.paths.count),
      ("pathMask", pathMask.count, wanted.pathMask.count),
    ]
    for (field, found, expected) in counts where found != expected { return (field, found, expected) }
    let kinds = RoadLine.Kind.allCases.count
    for k in polylineTypes.indices where polylineMask[k] && !(0..<Int64(kinds)).contains(polylineTypes[k]) {
      return ("polylineTypes[\(k)]", Int(polylineTypes[k]), kinds - 1)
    }
    return nil
  }

  /// Conditions of many agents as the encoder's inputs by name, for training and export.
  /// - Precondition: every row fits the configuration.
  public static func tensors(
    _ agents: [TrajectoryConditions], configuration: RefinerConfiguration
  ) -> [String: TensorValue] {
    var result: [String: TensorValue] = [:]
    for (name, type) in ConditionLayout.inputs(configuration, batch: agents.count) {
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(type.byteCount, 1), alignment: 64)
      defer { bytes.deallocate() }
      let view = MutableTensorView(type, bytes)
      for (slot, agent) in agents.enumerated() { agent.write(name, into: view, slot: slot, configuration) }
      result[name] = TensorValue(type: type, copying: bytes)
    }
    return result
  }
}
