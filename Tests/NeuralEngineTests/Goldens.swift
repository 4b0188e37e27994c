import Files
import Foundation
import NeuralEngine
import Testing

/// PyTorch's results, made by tools/goldens/neural_engine.py (which says how its tensors are named).
struct Goldens {
  let file: SafetensorsFile

  init(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Fixtures")
    file = try SafetensorsFile.read(folder.appendingPathComponent("\(name).safetensors").path)
  }

  /// The names of all cases.
  var cases: Set<String> {
    Set(file.tensors.map { String($0.name.prefix { $0 != "/" }) })
  }

  func inputs(_ name: String) throws -> [TensorValue] { try values(name, "x") }
  func outputs(_ name: String) throws -> [TensorValue] { try values(name, "y") }

  func weights(_ name: String) throws -> [String: TensorValue] {
    let prefix = "\(name)/w/"
    var result: [String: TensorValue] = [:]
    for tensor in file.tensors where tensor.name.hasPrefix(prefix) {
      result[String(tensor.name.dropFirst(prefix.count))] = try value(tensor)
    }
    return result
  }

  private func values(_ name: String, _ kind: String) throws -> [TensorValue] {
    var result: [TensorValue] = []
    while let tensor = file["\(name)/\(kind)\(result.count)"] { result.append(try value(tensor)) }
    return result
  }

  private func value(_ tensor: SafetensorsFile.Tensor) throws -> TensorValue {
    switch tensor.elementType {
    case .int64: TensorValue(tensor.shape, integers: try file.array(tensor).values())
    case .bool: TensorValue(tensor.shape, booleans: try file.array(tensor).booleans())
    default: TensorValue(tensor.shape, try file.finiteFloats(tensor))
    }
  }
}

/// The largest difference of two elements, as a part of the expected one (or of 1, where that is less); nil where types
/// differ, integers are unequal or a number is NaN.
func worstElement(_ found: TensorValue, _ expected: TensorValue) -> Float? {
  guard found.type == expected.type else { return nil }
  guard let a = found.floats, let b = expected.floats else { return found == expected ? 0 : nil }
  var worst: Float = 0
  for (x, y) in zip(a, b) {
    guard !x.isNaN else { return nil }
    worst = max(worst, abs(x - y) / max(1, abs(y)))
  }
  return worst
}

/// What a float32 sum of some hundred products of numbers up to 1 may be off by, as a part of its size: 2^-24 for each
/// addition, of which most cancel; 1e-5 is 170 of them in one direction.
let sumTolerance: Float = 1e-5
