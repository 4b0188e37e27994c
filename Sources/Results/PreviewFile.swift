import Files
import Foundation
import Scenes

/// Pictures of a run: `preview/<scene>/<number>_<seconds>s_<sample>.jpg`, which sort by time, and beside each a link
/// `<sample>.png` for readers that know the sample alone. (Whatever its name ends in, a picture says itself what it is.)
public enum PreviewFile {
  /// JPEG's quality: lines of a pixel's width stay sharp to the eye at a fifth of the size of PNG.
  private static let quality = 90

  /// Writes a picture and its link into a folder that becomes visible as a whole later.
  static func write(_ image: Image, place: FramePlace, sample: String, into folder: String) throws {
    let name = place.pictureName(sample: sample)
    try writeWithinUnit(
      "\(folder)/\(name)",
      JPEGFile.encode(
        width: image.width, height: image.height, pixels: image.pixels, quality: quality, name: name))
    try link(name, sample: sample, in: folder)
  }

  /// Makes the links of a folder's pictures anew, from the pictures' names.
  static func link(picturesIn folder: String) throws {
    for name in try Folders.names(folder) {
      if let sample = sample(of: name) { try link(name, sample: sample, in: folder) }
    }
  }

  private static func link(_ name: String, sample: String, in folder: String) throws {
    let path = "\(folder)/\(sample).png"
    guard symlink(name, path) == 0 || errno == EEXIST else {
      throw FileError(path: path, operation: "linking to \(name)", code: errno)
    }
  }

  /// Whether a file is the link that `write` makes beside a picture, and leads to nothing else.
  static func isLink(_ name: String, beside folder: String) -> Bool {
    var target = [UInt8](repeating: 0, count: 512)
    let count = readlink("\(folder)/\(name)", &target, target.count)
    guard count > 0, let sample = sample(of: String(decoding: target.prefix(count), as: UTF8.self)) else {
      return false
    }
    return name == "\(sample).png"
  }

  /// The sample of a picture's name; nil where it is no picture's.
  static func sample(of name: String) -> String? {
    let parts = name.split(separator: "_", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, name.hasSuffix(".jpg"), parts[0].allSatisfy(\.isNumber), parts[1].hasSuffix("s")
    else { return nil }
    return String(parts[2].dropLast(4))
  }

  /// The names of a scene's pictures in a run, by sample; empty where it has none.
  /// - Throws: Files' `FileError` where the folder cannot be listed.
  public static func names(run: String, scene: String) throws -> [String: String] {
    let folder = "\(run)/preview/\(scene)"
    guard try Folders.kind(folder) == .folder else { return [:] }
    var names: [String: String] = [:]
    for name in try Folders.names(folder) {
      if let sample = sample(of: name) { names[sample] = name }
    }
    return names
  }
}
