import Files
import Foundation
import NeuralEngine
import Testing

/// What `tools/goldens/perception_network.py` made with PyTorch, and the numbers that both sides make from names.
enum NetworkGoldens {
  static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures/network.npz").path

  static func array(_ name: String) throws -> NpyArray {
    let wanted = name.replacingOccurrences(of: "/", with: "__")
    return try #require(try NpzFile.read(path).first { $0.name == wanted }?.array, "no golden \(name)")
  }

  /// `count` numbers in [0, 1) that belong to a name.
  static func units(_ name: String, _ count: Int) -> [Float] {
    var state = name.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return (0..<count).map { _ in
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return Float((z ^ (z >> 31)) >> 40) * 0x1p-24
    }
  }

  static func given(_ name: String, _ shape: [Int], _ low: Float = -1, _ high: Float = 1) -> TensorValue {
    TensorValue(shape, units(name, shape.reduce(1, *)).map { $0 * (high - low) + low })
  }

  /// Weights as the script makes them.
  static func setWeights(of graph: inout Graph) throws {
    var values: [String: TensorValue] = [:]
    for id in graph.weights {
      let name = graph[id].name, shape = graph.shape(id)
      if name.hasSuffix("running_var") {
        values[name] = given(name, shape, 0.5, 1.5)
      } else if name.hasSuffix("running_mean") {
        values[name] = given(name, shape, -0.1, 0.1)
      } else if shape.count == 1 {
        values[name] = name.hasSuffix("weight") ? given(name, shape, 0.5, 1.5) : given(name, shape, -0.2, 0.2)
      } else {
        let bound = Float(1.7 / Double(shape.dropFirst().reduce(1, *)).squareRoot())
        values[name] = given(name, shape, -bound, bound)
      }
    }
    try graph.setWeights(values)
  }

  /// Compares every element; the tolerance is for the largest.
  static func expect(
    _ found: [Float], _ expected: [Float], tolerance: Float, _ what: String,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(found.count == expected.count, "\(what)", sourceLocation: location)
    let range = max(expected.reduce(0) { max($0, abs($1)) }, 1)
    let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    let isFinite = found.allSatisfy(\.isFinite)
    #expect(
      isFinite && worst <= tolerance * range, "\(what): off by \(worst) in a range of \(range)",
      sourceLocation: location)
  }

  /// Whether all elements agree.
  static func agree(_ found: [Float], _ expected: [Float], tolerance: Float) -> Bool {
    let range = max(expected.reduce(0) { max($0, abs($1)) }, 1)
    return found.count == expected.count
      && zip(found, expected).allSatisfy { abs($0 - $1) <= tolerance * range }
  }

  /// Calls `body` with views of tensors.
  static func withViews<R>(
    _ values: [String: TensorValue], _ body: ((String) -> TensorView) throws -> R
  ) throws -> R {
    let memory = values.mapValues { value in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: value.type.byteCount, alignment: 64)
      value.withBytes { buffer.copyMemory(from: $0) }
      return buffer
    }
    defer { for buffer in memory.values { buffer.deallocate() } }
    return try body { name in
      guard let value = values[name], let base = memory[name]?.baseAddress else {
        preconditionFailure("no tensor \(name)")
      }
      return TensorView(value.type, base)
    }
  }
}
