import Files
import Results
import Scenes

/// Occ3D's mean intersection over union of a semantic volume, over the cells that a camera sees, and geometry alone.
///
/// Cells of all frames are counted together; a class's figure is `both / (truth + found - both)`. The mean is over the 17
/// classes of matter (0 to 16, free space apart) that are there or found.
/// - Source: Tian et al., "Occ3D", NeurIPS 2023, section 4 (camera visibility mask); its code, `occ_metrics.py`.
public struct VolumeMetrics: Sendable, Equatable {
  /// Classes of matter: all but free.
  public static let classCount = Int(OccupancyVolume.free)
  /// Names of the classes of matter, as lidarseg's challenge orders them.
  public static let names = [
    "others", "barrier", "bicycle", "bus", "car", "construction_vehicle", "motorcycle", "pedestrian",
    "traffic_cone", "trailer", "truck", "driveable_surface", "other_flat", "sidewalk", "terrain", "manmade",
    "vegetation",
  ]

  /// Frames that were judged, and cells of them that were.
  public private(set) var frames = 0, cells = 0
  private var confusion = [Int](repeating: 0, count: (classCount + 1) * (classCount + 1))

  /// Nothing judged yet.
  public init() {}

  /// Judges one frame.
  /// - Precondition: as many values in both and in the mask.
  public mutating func add(_ found: OccupancyVolume, truth: OccupancyLabels) {
    frames += 1
    let width = Self.classCount + 1
    for k in truth.volume.semantics.indices where truth.isSeenByCamera[k] {
      confusion[Int(truth.volume.semantics[k]) * width + Int(found.semantics[k])] += 1
      cells += 1
    }
  }

  /// A class's intersection over union; nil where it is neither there nor found.
  public func intersectionOverUnion(ofClass k: Int) -> Double? {
    let width = Self.classCount + 1
    let truth = (0..<width).reduce(0) { $0 + confusion[k * width + $1] }
    let found = (0..<width).reduce(0) { $0 + confusion[$1 * width + k] }
    let both = confusion[k * width + k]
    let union = truth + found - both
    return union > 0 ? Double(both) / Double(union) : nil
  }

  /// The mean over the classes of matter that have a figure; nil where none has.
  public var mean: Double? {
    let values = (0..<Self.classCount).compactMap { intersectionOverUnion(ofClass: $0) }
    return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Matter against free space, whatever its class; nil where there is none and none is found.
  public var geometry: Double? {
    let width = Self.classCount + 1
    let free = Self.classCount
    var both = 0
    var either = 0
    for t in 0..<width {
      for f in 0..<width where t != free || f != free {
        either += confusion[t * width + f]
        both += t != free && f != free ? confusion[t * width + f] : 0
      }
    }
    return either > 0 ? Double(both) / Double(either) : nil
  }

  /// The figures.
  public var json: JSONValue {
    .members([
      "miou": .optional(mean), "iou_geometry": .optional(geometry),
      "iou": .object(
        Self.names.enumerated().map {
          .init(key: $0.element, value: .optional(intersectionOverUnion(ofClass: $0.offset)))
        }), "frames": .integer(frames), "cells": .integer(cells),
    ])
  }
}
