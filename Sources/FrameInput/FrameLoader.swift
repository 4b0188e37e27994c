import CameraInput
import Geometry
import LiftSplat
import PointClouds
import Recording
import Scenes

/// A frame's files in memory: what was new on disk since the frame before, and the pictures.
package struct LoadedFrame: Sendable {
  /// The frame, with what turned out to be missing or broken added to its degradations.
  package var frame: Frame
  /// The sweeps that no earlier frame of the scene has loaded, by token; a broken one is not there.
  package var newSweeps: [String: Sweep] = [:]
  /// The cameras whose images could be decoded, in order of channel, for the preview.
  package var pictures: [PreviewCamera] = []
  /// The images as a network takes them, where one is at work that sees.
  package var images: NetworkImages?
  /// What is worth saying of the files and no loss.
  package var notes: [String] = []
  package var clock = StageClock()
}

/// A frame's images as a network takes them.
package struct NetworkImages: Sendable {
  /// `[camera, 3, row, column]`, normalised; zeros where a camera is missing.
  package var planes: [Float]
  /// Each camera behind its planes, and where it was when it saw them; nil where it is missing.
  package var cameras: [LiftCamera?]
}

/// Which images a network takes, and how.
package struct ImageRequest: Sendable {
  /// Channels in the order of the network's images.
  package var channels: [String]
  /// Images of one run; at least as many as channels.
  package var count: Int
  /// The images' size in pixels.
  package var width: Int, height: Int
  package var normalization: Normalization
  /// Whether the network sees with LiDAR too.
  package var hasLidar: Bool

  /// A request for images of these channels.
  package init(
    channels: [String], count: Int, width: Int, height: Int, normalization: Normalization, hasLidar: Bool
  ) {
    self.channels = channels
    self.count = count
    self.width = width
    self.height = height
    self.normalization = normalization
    self.hasLidar = hasLidar
  }

  /// Images of no camera.
  /// - Parameter spare: planes that are no longer needed, whose memory is used again.
  package func none(reusing spare: consuming [Float]) -> NetworkImages {
    let values = count * 3 * width * height
    var planes = spare
    if planes.count == values {
      for k in planes.indices { planes[k] = 0 }
    } else {
      planes = [Float](repeating: 0, count: values)
    }
    return NetworkImages(planes: planes, cameras: [LiftCamera?](repeating: nil, count: count))
  }
}

/// The LiDAR sweeps of a scene's frame that the frame before it did not need; skipped frames need none.
package func newSweeps(of k: Int, in frames: [Frame]) -> [SensorData] {
  guard frames[k].skipReason == nil else { return [] }
  let before = frames[..<k].last { $0.skipReason == nil }
  let known = Set(before?.sweeps.map(\.token) ?? [])
  return frames[k].sweeps.filter { !known.contains($0.token) }
}

extension Frame {
  /// The LiDAR sweeps, the keyframe's own first.
  package var sweeps: [SensorData] { [lidar].compactMap { $0 } + earlierSweeps }
}

/// Reads and decodes the files of frames, for the preview and for a network. What is missing or broken degrades a frame.
///
/// Several threads may load frames at once: each takes a decoder of those that are spare.
package final class FrameLoader: Sendable {
  /// The width that a camera has in the preview, in pixels.
  package static let previewWidth = 400

  package let dataset: Dataset
  /// What a network wants of the images; nil: nothing.
  package let request: ImageRequest?
  /// Whether a frame without its LiDAR is skipped, and not only degraded: what sees with cameras alone goes on.
  private var needsLidar: Bool { request == nil }
  private let decoders = Spares<SpareDecoder>()
  private let planes = Spares<[Float]>(), clouds = Spares<PointCloud>()

  package init(_ dataset: Dataset, request: ImageRequest?) {
    self.dataset = dataset
    self.request = request
  }

  /// Frame `k` of a scene's frames, with the sweeps that the frame before it did not need.
  package func load(_ k: Int, of frames: [Frame]) -> LoadedFrame {
    let frame = frames[k]
    var loaded = LoadedFrame(frame: frame)
    guard frame.skipReason == nil else { return loaded }
    for data in newSweeps(of: k, in: frames) { read(data, into: &loaded) }
    guard loaded.frame.skipReason == nil else { return loaded }
    loaded.images = request?.none(reusing: planes.take() ?? [])
    for camera in frame.cameras {
      do {
        loaded.pictures.append(try decode(camera, into: &loaded))
      } catch {
        loaded.frame.degradations.append("\(camera.sensor.channel): \(error)")
      }
    }
    // A camera whose image is broken is no part of the frame.
    let whole = Set(loaded.pictures.map(\.data.token))
    loaded.frame.cameras.removeAll { !whole.contains($0.token) }
    loaded.frame.skipReason = blindness(loaded, request)
    return loaded
  }

  /// Takes back images that the network has seen.
  package func recycle(_ images: consuming NetworkImages?) {
    if let images { planes.give(images.planes) }
  }

  /// Takes back a sweep's points that no frame needs any more.
  package func recycle(_ points: consuming PointCloud) { clouds.give(points) }

  /// Reads a sweep.
  private func read(_ data: SensorData, into loaded: inout LoadedFrame) {
    let isKeyframe = data.token == loaded.frame.lidar?.token
    do {
      let (points, note) = try loaded.clock.measure("read") {
        try dataset.recognizedPointCloud(data, reusing: clouds.take() ?? PointCloud())
      }
      if let note { loaded.notes.append("\(data.sensor.channel): \(data.file): \(note)") }
      if isKeyframe, points.isEmpty {
        loaded.frame.degradations.append(
          "\(data.sensor.channel): \(data.file): 0 points (expected at least one)")
      }
      loaded.newSweeps[data.token] = Sweep(
        points: points, egoFromSensor: data.sensor.egoFromSensor, globalFromEgo: data.globalFromEgo,
        timestampMicroseconds: data.timestampMicroseconds)
    } catch {
      if needsLidar, isKeyframe {
        loaded.frame.skipReason = "\(data.sensor.channel): \(error)"
      } else {
        loaded.frame.degradations.append("\(data.sensor.channel) sweep: \(error)")
      }
    }
  }

  /// Decodes an image for the preview, at the scale that comes nearest to its width from above, and for the network.
  private func decode(_ camera: SensorData, into loaded: inout LoadedFrame) throws -> PreviewCamera {
    let bytes = try loaded.clock.measure("read") { try dataset.readFile(camera.file) }
    let start = ContinuousClock.now
    defer { loaded.clock.add("decode", (ContinuousClock.now - start) / .milliseconds(1)) }
    let spare = try decoders.take() ?? SpareDecoder()
    defer { decoders.give(spare) }
    let file = "\(dataset.root)/\(camera.file)"
    let size = try spare.decoder.size(of: bytes, file: file)
    if let model = camera.sensor.camera, model.width != size.width || model.height != size.height {
      throw ImageError(
        file: file, field: "size", found: "\(size.width)x\(size.height)",
        expected: "\(model.width)x\(model.height) as recorded")
    }
    let ratio = size.width / Self.previewWidth
    let scale: DecodeScale = ratio >= 4 ? .quarter : ratio >= 2 ? .half : .full
    let picture = try spare.decoder.decode(bytes, file: file, scale: scale)
    guard let request, let model = camera.sensor.camera,
      let slot = request.channels.firstIndex(of: camera.sensor.channel), var images = loaded.images
    else { return PreviewCamera(data: camera, image: picture) }
    // Taken out, so that its planes are written in place.
    loaded.images = nil
    defer { loaded.images = images }
    let plan = try ImagePlan(
      sourceWidth: size.width, sourceHeight: size.height, width: request.width, height: request.height)
    let placed = LiftCamera(
      camera: try plan.camera(from: model, file: file),
      egoFromCamera: loaded.frame.globalFromEgo.inverse * camera.globalFromSensor)
    let offset = slot * 3 * request.width * request.height
    // Mostly the preview's scale is the network's too: then one decoding serves both.
    if plan.decodeScale == scale {
      try spare.decoder.load(
        picture, file: file, plan: plan, normalization: request.normalization, into: &images.planes,
        at: offset)
    } else {
      try spare.decoder.load(
        bytes, file: file, plan: plan, normalization: request.normalization, into: &images.planes, at: offset)
    }
    images.cameras[slot] = placed
    return PreviewCamera(data: camera, image: picture)
  }
}

/// Why a network sees nothing at all in a frame; nil where it has a camera's image or the LiDAR's sweep.
private func blindness(_ loaded: LoadedFrame, _ request: ImageRequest?) -> String? {
  guard let request, loaded.images?.cameras.allSatisfy({ $0 == nil }) ?? true else { return nil }
  if request.hasLidar, let lidar = loaded.frame.lidar, loaded.newSweeps[lidar.token] != nil { return nil }
  return "no sensor that the model sees with has data"
}

/// A decoder that is one thread's at a time.
private final class SpareDecoder: @unchecked Sendable {
  // Who takes it from the spares is its one owner until it is given back.
  package var decoder: ImageDecoder

  package init() throws { decoder = try ImageDecoder() }
}
