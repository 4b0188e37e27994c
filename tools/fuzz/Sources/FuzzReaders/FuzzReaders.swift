import Files
import Foundation
import NeuralEngine

/// libFuzzer's own entry: runs `callback` on inputs it makes.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// Feeds libFuzzer's bytes to the reader that `APUS_READER` names. A reader may throw; it must not crash, hang or take
/// much memory.
@main enum FuzzReaders {
  static func main() {
    var count = CommandLine.argc, arguments = CommandLine.unsafeArgv
    let status: Int32
    switch ProcessInfo.processInfo.environment["APUS_READER"] {
    case "safetensors": status = runDriver(&count, &arguments) { attempt($0, $1, safetensors) }
    case "npy": status = runDriver(&count, &arguments) { attempt($0, $1, npy) }
    case "npz": status = runDriver(&count, &arguments) { attempt($0, $1, npz) }
    case "onnx": status = runDriver(&count, &arguments) { attempt($0, $1, onnx) }
    default:
      print("APUS_READER is safetensors, npy, npz or onnx")
      status = 64
    }
    exit(status)
  }
}

private func attempt(_ data: UnsafePointer<UInt8>?, _ count: Int, _ read: ([UInt8]) throws -> Void) -> Int32 {
  do { try read(Array(UnsafeBufferPointer(start: data, count: count))) } catch {}
  return 0
}

private func safetensors(_ bytes: [UInt8]) throws {
  let file = try SafetensorsFile(bytes, name: "fuzz")
  for tensor in file.tensors {
    _ = file.bytes(tensor).count
    do { _ = try file.finiteFloats(tensor) } catch {}
    do { _ = try TensorValue(file.array(tensor)) } catch {}
  }
}

private func npy(_ bytes: [UInt8]) throws {
  let array = try NpyFile.parse(bytes, name: "fuzz")
  _ = try TensorValue(array)
}

private func npz(_ bytes: [UInt8]) throws {
  for entry in try NpzFile.parse(bytes, name: "fuzz", limit: 1 << 26) { _ = entry.array.count }
}

private func onnx(_ bytes: [UInt8]) throws {
  let network = try ONNXNetwork(bytes: bytes, name: "fuzz.onnx")
  _ = try NetworkReport(network.graph).table
  _ = try ONNXExport.bytes(network.graph, outputNames: network.outputNames)
}
