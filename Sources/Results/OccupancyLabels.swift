import Files
import Scenes

/// A keyframe's true occupancy as Occ3D stores it: `gts/<scene>/<sample>/labels.npz`.
public struct OccupancyLabels: Sendable {
  /// The classes.
  public var volume: OccupancyVolume
  /// Whether any camera sees a cell, `[i, j, k]` as the volume.
  public var isSeenByCamera: [Bool]

  /// The labels with these parts.
  /// - Precondition: as many values as the volume has cells.
  public init(volume: OccupancyVolume, isSeenByCamera: [Bool]) {
    precondition(
      isSeenByCamera.count == volume.semantics.count,
      "a mask of \(isSeenByCamera.count) cells for \(volume.semantics.count)")
    self.volume = volume
    self.isSeenByCamera = isSeenByCamera
  }

  /// Reads `semantics` and `mask_camera`.
  /// - Throws: `ResultsError` where either is missing, of another shape or type, or holds a class above 17; ArrayFiles'
  ///   errors where the archive cannot be read.
  /// - Source: Tian et al., "Occ3D", NeurIPS 2023, and its data format.
  public init(path: String) throws {
    let volume = try GridFiles.readVolume(path)
    guard let mask = try NpzFile.read(path).first(where: { $0.name == "mask_camera" }) else {
      throw ResultsError(file: path, place: "mask_camera", found: "none", expected: "uint8 [200, 200, 16]")
    }
    let shape = [OccupancyVolume.shape.x, OccupancyVolume.shape.y, OccupancyVolume.shape.z]
    guard mask.array.elementType.size == 1, mask.array.shape == shape else {
      throw ResultsError(
        file: path, place: "mask_camera", found: "\(mask.array.elementType) \(mask.array.shape)",
        expected: "uint8 or bool \(shape)")
    }
    self.init(volume: volume, isSeenByCamera: mask.array.bytes.map { $0 != 0 })
  }
}
