import CameraInput
import Geometry
import LiftSplat
import Perception
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
  /// The images as a network takes them, where one is at work that sees.
  var images: NetworkImages?
  /// What the network's image branch makes of them.
  var features: ImageFeatures?
  var clock = StageClock()
}

/// A frame's images as a network takes them.
struct NetworkImages: Sendable {
  /// `[camera, 3, row, column]`, normalised; zeros where a camera is missing.
  var planes: [Float]
  /// Each camera behind its planes, and where it was when it saw them; nil where it is missing.
  var cameras: [LiftCamera?]
}

/// Which images a network takes, and how.
struct ImageRequest: Sendable {
  /// Channels in the order of the network's images.
  var channels: [String]
  /// Images of one run; at least as many as channels.
  var count: Int
  /// The images' size in pixels.
  var width: Int, height: Int
  var normalization: Normalization
  /// Whether the network sees with LiDAR too.
  var hasLidar: Bool

  /// Images of no camera.
  var none: NetworkImages {
    NetworkImages(
      planes: [Float](repeating: 0, count: count * 3 * width * height),
      cameras: [LiftCamera?](repeating: nil, count: count))
  }
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

/// Reads and decodes a frame's files. What is missing or broken degrades the frame.
///
/// - Parameters:
///   - request: what a network wants of the images; nil: nothing.
///   - needsLidar: whether a frame without its LiDAR is skipped, and not only degraded.
func loadFrame(
  _ item: FrameToLoad, from dataset: Dataset, previewWidth: Int, request: ImageRequest?,
  needsLidar: Bool
) -> LoadedFrame {
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
      if needsLidar, data.token == item.frame.lidar?.token {
        loaded.frame.skipReason = "\(data.sensor.channel): \(error)"
      } else {
        loaded.frame.degradations.append("\(data.sensor.channel) sweep: \(error)")
      }
    }
  }
  if loaded.frame.skipReason == nil {
    loaded.images = request?.none
    for camera in item.frame.cameras {
      do {
        loaded.pictures.append(
          try decode(
            camera, of: item.frame, from: dataset, width: previewWidth, request: request,
            into: &loaded.images, clock: &clock))
      } catch {
        loaded.frame.degradations.append("\(camera.sensor.channel): \(error)")
      }
    }
    // A camera whose image is broken is no part of the frame.
    let whole = Set(loaded.pictures.map(\.data.token))
    loaded.frame.cameras.removeAll { !whole.contains($0.token) }
    loaded.frame.skipReason = blindness(loaded, request)
  }
  loaded.clock = clock
  return loaded
}

/// Why a network sees nothing at all in a frame; nil where it has a camera's image or the LiDAR's sweep.
private func blindness(_ loaded: LoadedFrame, _ request: ImageRequest?) -> String? {
  guard let request, loaded.images?.cameras.allSatisfy({ $0 == nil }) ?? true else { return nil }
  if request.hasLidar, let lidar = loaded.frame.lidar, loaded.newSweeps[lidar.token] != nil { return nil }
  return "no sensor that the model sees with has data"
}

/// Decodes an image for the preview, at the scale that comes nearest to `width` from above, and for the network.
private func decode(
  _ camera: SensorData, of frame: Frame, from dataset: Dataset, width: Int, request: ImageRequest?,
  into images: inout NetworkImages?, clock: inout StageClock
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
    let picture = try decoder.decode(bytes, file: file, scale: scale)
    if let request, var taken = images, let model = camera.sensor.camera,
      let slot = request.channels.firstIndex(of: camera.sensor.channel)
    {
      images = nil
      defer { images = taken }
      let plan = try ImagePlan(
        sourceWidth: size.width, sourceHeight: size.height, width: request.width, height: request.height)
      let offset = slot * 3 * request.width * request.height
      // Mostly the preview's scale is the network's too: then one decoding serves both.
      if plan.decodeScale == scale {
        try decoder.load(
          picture, file: file, plan: plan, normalization: request.normalization, into: &taken.planes,
          at: offset)
      } else {
        try decoder.load(
          bytes, file: file, plan: plan, normalization: request.normalization, into: &taken.planes, at: offset
        )
      }
      taken.cameras[slot] = LiftCamera(
        camera: try plan.camera(from: model, file: file),
        egoFromCamera: frame.globalFromEgo.inverse * camera.globalFromSensor)
    }
    return PreviewCamera(data: camera, image: picture)
  }
}
