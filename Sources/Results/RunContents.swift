/// Which files a perception run has: what `--write` chose.
public struct RunContents: Sendable, Hashable {
  /// A kind of file.
  public enum Part: String, Sendable, Hashable, CaseIterable {
    /// `detections.json`
    case detections
    /// `tracks.json`
    case tracks
    /// `trajectories/<scene>.jsonl`
    case trajectories
    /// `lanes/<scene>.jsonl`
    case lanes
    /// `bev/<scene>/<sample>.npz`
    case bev
    /// `occupancy/<scene>/<sample>.npz`
    case occupancy
  }

  /// Which keyframes get a picture.
  public enum Previews: Sendable, Hashable {
    /// All.
    case all
    /// None at all, or so many of each scene at even steps.
    case perScene(Int)

    /// Whether frame `index` of `count` gets one.
    public func contains(_ index: Int, of count: Int) -> Bool {
      guard case .perScene(let wanted) = self, wanted < count else { return true }
      // The chosen frames are k * count / wanted for k below wanted: is there a k for this one?
      let k = (index * wanted + count - 1) / count
      return k < wanted && k * count < (index + 1) * wanted
    }

    /// `all`, `none` or the number.
    public var text: String {
      switch self {
      case .all: "all"
      case .perScene(0): "none"
      case .perScene(let count): "\(count)"
      }
    }
  }

  /// The files, but for pictures.
  public var parts: Set<Part>
  /// The pictures.
  public var previews: Previews

  /// Everything.
  public static let all = RunContents(parts: Set(Part.allCases), previews: .all)

  /// These files.
  public init(parts: Set<Part>, previews: Previews) {
    self.parts = parts
    self.previews = previews
  }

  /// The parts of the submissions, which a unit keeps until the run is joined.
  var submissionParts: [String] {
    [Part.detections, .tracks].filter(parts.contains).map { "\($0.rawValue).part" }
  }

  /// The folders of arrays and pictures that a scene has.
  var folders: [String] {
    [Part.bev, .occupancy].filter(parts.contains).map(\.rawValue)
      + (previews == .perScene(0) ? [] : ["preview"])
  }

  /// Nil where a name is no part's, or the pictures' text is none of `all`, `none` and a number.
  public init?(names: [String], previews text: String) {
    let parts = names.compactMap(Part.init(rawValue:))
    guard parts.count == names.count else { return nil }
    switch text {
    case "all": previews = .all
    case "none": previews = .perScene(0)
    default:
      guard let count = Int(text), count >= 0 else { return nil }
      previews = .perScene(count)
    }
    self.parts = Set(parts)
  }

  /// The parts' names in a fixed order.
  public var names: [String] { Part.allCases.filter(parts.contains).map(\.rawValue) }
}
