import Files
import Foundation
import NeuralEngine

/// A Python process that runs the same on PyTorch: tensors go by npy files, commands and times by lines of text.
final class Peer {
  /// What went wrong with the peer.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let folder: URL
  private let process = Process()
  private let input = Pipe(), output = Pipe()
  private var buffer = Data()

  init(_ options: BenchmarkOptions) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("lift-splat-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [options.python, options.script, folder.path, "\(options.threads)"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    print("peer: \(try line())")
  }

  deinit {
    input.fileHandleForWriting.closeFile()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Writes a tensor for the peer to read by name.
  func give(_ name: String, _ value: TensorValue) throws {
    let array =
      switch value.elements {
      case .float32(let e): NpyArray(e, shape: value.shape)
      case .int64(let e): NpyArray(e, shape: value.shape)
      case .bool(let e): NpyArray(e, shape: value.shape)
      }
    try NpyFile.write(folder.appendingPathComponent("\(name).npy").path, array)
  }

  /// A tensor that the peer wrote.
  func take(_ name: String) throws -> [Float] {
    try NpyFile.read(folder.appendingPathComponent("\(name).npy").path).floats()
  }

  /// Sends a command and returns the numbers of its answer.
  ///
  /// OpenMP's threads spin for a while after their work: both sides let the other's come to rest.
  @discardableResult
  func ask(_ command: String) throws -> [Double] {
    defer { usleep(30_000) }
    usleep(30_000)
    input.fileHandleForWriting.write(Data((command + "\n").utf8))
    let answer = try line()
    guard answer.hasPrefix("ok") else { throw Failure(description: "peer: \(command): \(answer)") }
    return answer.split(separator: " ").dropFirst().compactMap { Double($0) }
  }

  private func line() throws -> String {
    while true {
      if let end = buffer.firstIndex(of: 10) {
        defer { buffer.removeSubrange(...end) }
        return String(decoding: buffer[..<end], as: UTF8.self)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure(description: "peer: ended without an answer") }
      buffer.append(more)
    }
  }
}

/// The best times in milliseconds of ours and of the peer's fastest kind, in turns; each side gets the same time.
func sideBySide(
  _ kinds: [String], _ options: BenchmarkOptions, _ peer: Peer, ours body: () throws -> Void
) throws -> (ours: Double, theirs: Double) {
  var (ours, theirs) = (Double.infinity, Double.infinity)
  for _ in 0..<options.rounds {
    var share = 0.0
    for kind in kinds {
      let times = try peer.ask("run \(kind) 3")
      theirs = times.reduce(theirs, min)
      share += times.reduce(0, +) / Double(kinds.count)
    }
    while share > 0 {
      let ms = try milliseconds(body)
      ours = min(ours, ms)
      share -= ms
    }
  }
  return (ours, theirs)
}
