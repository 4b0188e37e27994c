import Files
import Foundation
import NeuralEngine

/// The folder of a training's checkpoints: the last two, each with its checksum in `index.json`.
///
/// A checkpoint is written whole under a name of its own before the index names it, so that a kill at any moment leaves a
/// valid one; one that does not have its checksum is skipped.
public struct CheckpointFolder: Sendable {
  /// The folder's path.
  public let path: String

  /// A line of the index.
  private struct Entry: Codable, Equatable {
    var file: String, sha256: String, step: Int
  }

  /// A checkpoint that was read.
  public struct Checkpoint: Sendable {
    /// Its path.
    public let file: String
    /// The trainer's state.
    public let state: WeightSet
    /// What the caller keeps with it, as text: the configuration, the place in the data.
    public let note: String
    /// Newer ones that were passed over, with the reason.
    public let skipped: [String]
  }

  /// The checkpoints in a folder, which may not exist yet.
  public init(_ path: String) { self.path = path }

  private var index: String { "\(path)/index.json" }

  /// Adds a checkpoint and removes all but the last two.
  ///
  /// - Throws: `FileError`; `TrainingError` where the index is not one.
  public func save(_ state: WeightSet, step: Int, note: String) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let name = "checkpoint-\(step).safetensors", file = "\(path)/\(name)"
    try state.save(file, metadata: [("format", "apus-checkpoint-1"), ("note", note)])
    let entry = Entry(file: name, sha256: SHA256.hexadecimal(try RegularFile.read(file)), step: step)
    let kept = Array(try entries().filter { $0.file != name }.suffix(1)) + [entry]
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    try AtomicFile.write(index, Array(try encoder.encode(kept)))
    for old in try FileManager.default.contentsOfDirectory(atPath: path)
    where old.hasPrefix("checkpoint-") && !kept.contains(where: { $0.file == old }) {
      try FileManager.default.removeItem(atPath: "\(path)/\(old)")
    }
  }

  /// The last checkpoint that is whole; nil where there is none.
  ///
  /// - Throws: `TrainingError` where checkpoints are listed and none is whole.
  public func last() throws -> Checkpoint? {
    let all = try entries()
    var skipped: [String] = []
    for entry in all.reversed() {
      let file = "\(path)/\(entry.file)"
      do {
        let bytes = try RegularFile.read(file)
        guard SHA256.hexadecimal(bytes) == entry.sha256 else {
          skipped.append("\(file): not the bytes that were written (checksum differs)")
          continue
        }
        let contents = try SafetensorsFile(bytes, name: file)
        return Checkpoint(
          file: file, state: try WeightSet(contents), note: contents.metadata("note") ?? "", skipped: skipped)
      } catch let error as FileError {
        skipped.append("\(error)")
      }
    }
    guard all.isEmpty else {
      throw TrainingError(
        place: index, field: "checkpoints", found: skipped.joined(separator: "; "), expected: "a whole one")
    }
    return nil
  }

  private func entries() throws -> [Entry] {
    guard FileManager.default.fileExists(atPath: index) else { return [] }
    do {
      return try JSONDecoder().decode([Entry].self, from: Data(try RegularFile.read(index)))
    } catch let error as DecodingError {
      throw TrainingError(
        place: index, field: "json", found: "\(error)", expected: "checkpoints with checksums")
    }
  }
}
