import CameraInput
import Geometry
import PointClouds
import Recording
import Results
import Scenes

/// A frame's files in memory: what was new on disk since the frame before, and the pictures.
struct LoadedFrame: Sendable {
  /// The frame, with what turned out to be missing or broken added to its degradations.
  var frame: Frame
  /// The sweeps that no earlier frame of the scene has loaded, by token; a broken one is not there.
  var newSweeps: [String: Sweep] = [:]
  /// The cameras whose images could be decoded, in order of channel, for the preview.
  var pictures: [PreviewCamera] = []
  var clock = StageClock()
}

/// A frame to load, and which of its sweeps are new.
struct FrameToLoad: Sendable {
  var frame: Frame
  var newSweeps: [SensorData]

  /// Each frame of a scene with the sweeps that the frames before it did not need.
  static func list(_ frames: [Frame]) -> [FrameToLoad] {
    var seen: Set<String> = []
    return frames.map { frame in
      guard frame.skipReason == nil else { return FrameToLoad(frame: frame, newSweeps: []) }
      let sweeps = [frame.lidar].compactMap { $0 } + frame.earlierSweeps
      return FrameToLoad(frame: frame, newSweeps: sweeps.filter { seen.insert($0.token).inserted })
    }
  }
}

/// Reads and decodes a frame's files. What is missing or broken degrades the frame; without its LiDAR it is skipped.
func loadFrame(_ item: FrameToLoad, from dataset: Dataset, previewWidth: Int) -> LoadedFrame {
  var loaded = LoadedFrame(frame: item.frame)
  guard item.frame.skipReason == nil else { return loaded }
  var clock = StageClock()
  for data in item.newSweeps {
    do {
      let points = try clock.measure("read") { try dataset.pointCloud(data) }
      loaded.newSweeps[data.token] = Sweep(
        points: points, egoFromSensor: data.sensor.egoFromSensor, globalFromEgo: data.globalFromEgo,
        timestampMicroseconds: data.timestampMicroseconds)
      guard data.token == item.frame.lidar?.token, points.isEmpty else { continue }
      loaded.frame.degradations.append(
        "\(data.sensor.channel): \(data.file): 0 points (expected at least one)")
    } catch {
      if data.token == item.frame.lidar?.token {
        loaded.frame.skipReason = "\(data.sensor.channel): \(error)"
      } else {
        loaded.frame.degradations.append("\(data.sensor.channel) sweep: \(error)")
      }
    }
  }
  if loaded.frame.skipReason == nil {
    for camera in item.frame.cameras {
      do {
        loaded.pictures.append(try decode(camera, from: dataset, width: previewWidth, clock: &clock))
      } catch {
        loaded.frame.degradations.append("\(camera.sensor.channel): \(error)")
      }
    }
    // A camera whose image is broken is no part of the frame.
    let whole = Set(loaded.pictures.map(\.data.token))
    loaded.frame.cameras.removeAll { !whole.contains($0.token) }
  }
  loaded.clock = clock
  return loaded
}

/// Decodes an image for the preview, at the scale that comes nearest to `width` from above.
private func decode(
  _ camera: SensorData, from dataset: Dataset, width: Int, clock: inout StageClock
) throws -> PreviewCamera {
  let bytes = try clock.measure("read") { try dataset.readFile(camera.file) }
  return try clock.measure("decode") {
    var decoder = try JPEGDecoder()
    let file = "\(dataset.root)/\(camera.file)"
    let size = try decoder.size(of: bytes, file: file)
    if let model = camera.sensor.camera, model.width != size.width || model.height != size.height {
      throw ImageError(
        file: file, field: "size", found: "\(size.width)x\(size.height)",
        expected: "\(model.width)x\(model.height) as recorded")
    }
    let scale: DecodeScale = size.width >= 4 * width ? .quarter : size.width >= 2 * width ? .half : .full
    return PreviewCamera(data: camera, image: try decoder.decode(bytes, file: file, scale: scale))
  }
}
