import Files
import Models
import NeuralEngine
import Results

/// What to replay, where to, and how.
public struct ReplayOptions: Sendable {
  /// Which scenes of the dataroot.
  public enum Selection: Sendable, Hashable {
    /// All of them.
    case all
    /// The scenes of a split, by its name.
    case split(String)
    /// One scene, by its name.
    case scene(String)
  }

  /// The run's folder.
  public var out: String
  /// The scenes.
  public var selection: Selection = .all
  /// Of the selection, the part `index` of `count` (from 1): scenes `index - 1`, `index - 1 + count`, ...
  public var shard: (index: Int, count: Int)?
  /// What perceives; nil: the classical way, without weights.
  public var model: Model?
  /// Somebody else's network, which tells what is detected; the rest is classical. Excludes `model`.
  public var network: NetworkDescription?
  /// The model's name in run.json: its file's.
  public var modelName = "classical"
  /// What a model computes in.
  public var precision = Plan.Precision.float32
  /// Threads for all stages together.
  public var threads = 1
  /// Whether a run that is there already is taken up again.
  public var resume = false
  /// Whether anything less than a whole frame ends the run.
  public var strict = false
  /// Whether tracks and map come from the annotations up to the present (no sensor file is opened).
  public var givenTruth = false
  /// Whether occupancy is computed from earlier sweeps alone.
  public var withholdKeyframeSweep = false
  /// The program's version and command line, for run.json.
  public var programVersion: String
  /// The command line.
  public var command: [String]

  /// Options for a run into this folder.
  public init(out: String, programVersion: String, command: [String]) {
    self.out = out
    self.programVersion = programVersion
    self.command = command
  }

  /// Everything that decides the outputs: kept in the run and compared before it is resumed or merged.
  func configuration(version: String, scenes: [String]) -> JSONValue {
    .members([
      "model": .string(
        model.map { $0.sha256 ?? $0.configuration.name } ?? network?.sha256 ?? "classical"),
      "precision": .string(precision.rawValue), "version_folder": .string(version),
      "given_truth": .bool(givenTruth),
      "withhold_keyframe_sweep": .bool(withholdKeyframeSweep), "scenes": .array(scenes.map { .string($0) }),
    ])
  }
}

/// What a replay says while it runs; called on the thread that runs it.
public enum ReplayEvent: Sendable {
  /// Frames done of all there are, and the scene at work.
  case progress(done: Int, total: Int, scene: String)
  /// Something odd that did no harm.
  case warning(String)
}

/// A replay was asked to stop; finished scenes are kept, the one at work is not.
public struct ReplayInterrupted: Error, CustomStringConvertible {
  /// One line.
  public var description: String { "interrupted; finished scenes are kept, and --resume goes on" }
}

/// A loss that `--strict` turns into an error.
public struct StrictnessError: Error, CustomStringConvertible {
  let place: String
  let reason: String
  /// One line.
  public var description: String { "\(place): \(reason) (expected nothing amiss, as --strict asks)" }
}
