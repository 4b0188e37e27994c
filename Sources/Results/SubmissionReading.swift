import Files
import Geometry

/// A box as a detection or tracking submission has it, not judged yet: names may be unknown and numbers not finite.
public struct SubmissionBox: Sendable {
  /// Where the box begins in its file, in bytes.
  public var offset = 0
  /// The sample that the box names.
  public var sampleToken = ""
  /// The box in the global frame; the rotation as written.
  public var box = Box3D(center: .zero, size: .zero, rotation: .identity)
  /// Velocity in the global frame, in metres a second.
  public var velocity = SIMD2(Double.nan, Double.nan)
  /// `detection_name` or `tracking_name`.
  public var name = ""
  /// `detection_score` or `tracking_score`.
  public var score = Double.nan
  /// `attribute_name`, or empty.
  public var attribute = ""
  /// `tracking_id`, or empty.
  public var trackingID = ""
}

/// A forecast as a prediction submission has it, not judged yet.
public struct SubmissionForecast: Sendable {
  /// Where the forecast begins in its file, in bytes.
  public var offset = 0
  /// The object.
  public var instanceToken = ""
  /// The keyframe.
  public var sampleToken = ""
  /// `[mode][step]`: positions in the global frame in metres.
  public var modes: [[SIMD2<Double>]] = []
  /// One a mode.
  public var probabilities: [Double] = []
}

extension Submission {
  /// Which fields a submission's boxes have.
  public enum Kind: Sendable {
    /// `detection_name`, `detection_score`, `attribute_name`.
    case detection
    /// `tracking_id`, `tracking_name`, `tracking_score`.
    case tracking
  }

  /// Reads a detection or tracking submission sample by sample, in the order of the file and in constant memory.
  ///
  /// - Parameter sample: called with each sample's token and boxes.
  /// - Throws: `ResultsError` with the byte offset where the file is no such submission; what `sample` throws.
  /// - Complexity: O(bytes).
  public static func read(
    _ path: String, kind: Kind, sample: (_ token: String, _ boxes: [SubmissionBox]) throws -> Void
  ) throws {
    var json = try JSONPull(path)
    try json.expect(0x7b)
    var seen = false
    if try !json.take(0x7d) {
      repeat {
        let key = try json.string()
        try json.expect(0x3a)
        if key == "results", !seen {
          seen = true
          try results(&json, kind, sample)
        } else if key == "results" {
          throw json.fault("results twice", "once")
        } else {
          try json.skip()
        }
      } while try json.another(close: 0x7d)
    }
    try json.finish()
    guard seen else {
      throw ResultsError(file: path, place: "results", found: "none", expected: "an object of samples")
    }
  }

  private static func results(
    _ json: inout JSONPull, _ kind: Kind, _ sample: (String, [SubmissionBox]) throws -> Void
  ) throws {
    try json.expect(0x7b)
    if try json.take(0x7d) { return }
    repeat {
      let token = try json.string()
      try json.expect(0x3a)
      try json.expect(0x5b)
      var boxes: [SubmissionBox] = []
      if try !json.take(0x5d) {
        repeat {
          boxes.append(try box(&json, kind))
          guard boxes.count <= 100_000 else {
            throw json.fault("more than 100000 boxes of sample \(token)", "at most \(boxLimit)")
          }
        } while try json.another(close: 0x5d)
      }
      try sample(token, boxes)
    } while try json.another(close: 0x7d)
  }

  private static func box(_ json: inout JSONPull, _ kind: Kind) throws -> SubmissionBox {
    _ = try json.peek()
    var box = SubmissionBox(offset: json.offset)
    let (name, score) =
      kind == .detection ? ("detection_name", "detection_score") : ("tracking_name", "tracking_score")
    var found = 0
    try json.expect(0x7b)
    if try !json.take(0x7d) {
      repeat {
        let key = try json.string()
        try json.expect(0x3a)
        switch key {
        case "sample_token": (box.sampleToken, found) = (try json.string(), found | 1)
        case "translation":
          try json.numbers(3) { box.box.center[$0] = $1 }
          found |= 2
        case "size":
          try json.numbers(3) { box.box.size[$0] = $1 }
          found |= 4
        case "rotation":
          var q = SIMD4<Double>.zero
          try json.numbers(4) { q[$0] = $1 }
          box.box.rotation = Quaternion(w: q.x, x: q.y, y: q.z, z: q.w)
          found |= 8
        case "velocity":
          try json.numbers(2) { box.velocity[$0] = $1 }
          found |= 16
        case name: (box.name, found) = (try json.string(), found | 32)
        case score:
          box.score = try json.number().value
          found |= 64
        case "attribute_name" where kind == .detection:
          (box.attribute, found) = (try json.string(), found | 128)
        case "tracking_id" where kind == .tracking: (box.trackingID, found) = (try json.string(), found | 128)
        default: try json.skip()
        }
      } while try json.another(close: 0x7d)
    }
    let fields = [
      "sample_token", "translation", "size", "rotation", "velocity", name, score,
      kind == .detection ? "attribute_name" : "tracking_id",
    ]
    if let missing = fields.indices.first(where: { found >> $0 & 1 == 0 }) {
      throw json.fault("a box without \(fields[missing])", "the fields of a submission", at: box.offset)
    }
    return box
  }

  /// Reads a prediction submission forecast by forecast, in the order of the file and in constant memory.
  /// - Throws: `ResultsError` with the byte offset where the file is no such submission; what `forecast` throws.
  public static func readForecasts(_ path: String, forecast: (SubmissionForecast) throws -> Void) throws {
    var json = try JSONPull(path)
    try json.expect(0x5b)
    if try !json.take(0x5d) {
      repeat { try forecast(oneForecast(&json)) } while try json.another(close: 0x5d)
    }
    try json.finish()
  }

  private static func oneForecast(_ json: inout JSONPull) throws -> SubmissionForecast {
    _ = try json.peek()
    var result = SubmissionForecast(offset: json.offset)
    var found = 0
    try json.expect(0x7b)
    if try !json.take(0x7d) {
      repeat {
        let key = try json.string()
        try json.expect(0x3a)
        switch key {
        case "instance": (result.instanceToken, found) = (try json.string(), found | 1)
        case "sample": (result.sampleToken, found) = (try json.string(), found | 2)
        case "prediction":
          result.modes = try list(&json, limit: 1000) { json in
            try list(&json, limit: 1000) { json in
              var point = SIMD2<Double>.zero
              try json.numbers(2) { point[$0] = $1 }
              return point
            }
          }
          found |= 4
        case "probabilities":
          result.probabilities = try list(&json, limit: 1000) { try $0.number().value }
          found |= 8
        default: try json.skip()
        }
      } while try json.another(close: 0x7d)
    }
    let fields = ["instance", "sample", "prediction", "probabilities"]
    if let missing = fields.indices.first(where: { found >> $0 & 1 == 0 }) {
      throw json.fault(
        "a forecast without \(fields[missing])", "the fields of a submission", at: result.offset)
    }
    return result
  }

  private static func list<Item>(
    _ json: inout JSONPull, limit: Int, _ item: (inout JSONPull) throws -> Item
  ) throws -> [Item] {
    try json.expect(0x5b)
    var items: [Item] = []
    if try json.take(0x5d) { return items }
    repeat {
      items.append(try item(&json))
      guard items.count <= limit else { throw json.fault("a list of more than \(limit)", "at most \(limit)") }
    } while try json.another(close: 0x5d)
    return items
  }
}
