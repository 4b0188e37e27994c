import Algorithms
import Geometry
import Glibc
import Scenes

/// An image with the truth behind it.
public struct CameraView: Sendable {
  /// How much of an actor a camera sees.
  public struct Visibility: Sendable, Hashable {
    /// `Actor.id`.
    public var actor: Int32
    /// Pixels that show it.
    public var visiblePixels: Int
    /// Pixels that would show it if nothing stood in front of it.
    public var outlinePixels: Int
  }

  /// The picture.
  public var image: Image
  /// The actors within the picture, in order of id.
  public var visibility: [Visibility]
  /// Depth along the camera's z axis in metres, `[row, column]`, 0 for sky; nil where not asked for.
  public var depth: [Float]?
  /// The nuScenes-lidarseg class a pixel, 255 for sky; nil where not asked for.
  public var classes: [UInt8]?
  /// `Actor.id` a pixel, 0 for none; nil where not asked for.
  public var actors: [Int32]?
}

/// Draws what a camera sees of a scene: scan conversion into a buffer of triangles, then light for each pixel.
///
/// The pixel's own ray meets the triangle's plane, so textures, depth and distortion are exact for every camera model; lenses
/// with distortion draw onto one wide flat face or the faces of a cube first, and look up which triangle a ray meets.
public struct CameraSimulator: Sendable {
  /// What to make besides the picture, and how.
  public struct Options: Sendable, Hashable {
    /// Whether depth, classes and actors a pixel are given.
    public var givesTruth: Bool
    /// Pictures taken over the exposure and averaged; 1: no motion blur.
    public var motionBlurSamples: Int
    /// Seconds that the shutter is open (for motion blur).
    public var exposureSeconds: Double
    /// Rays a pixel along each side, averaged: 0 takes 2 for pictures up to 800 pixels wide, else 1.
    public var raysPerSide: Int
    /// Sensor noise over a usual camera's.
    public var noise: Double

    /// How many rays a pixel of this camera takes along each side.
    func rays(_ camera: CameraModel) -> Int { raysPerSide > 0 ? raysPerSide : (camera.width <= 800 ? 2 : 1) }

    /// The options; the default has no truth and no motion blur.
    /// - Precondition: at least one sample; at most 8 rays a side; exposure and noise not negative.
    public init(
      givesTruth: Bool = false, motionBlurSamples: Int = 1, exposureSeconds: Double = 0.005,
      raysPerSide: Int = 0,
      noise: Double = 1
    ) {
      precondition(
        motionBlurSamples >= 1 && exposureSeconds >= 0 && (0...8).contains(raysPerSide) && noise >= 0,
        "\(raysPerSide) rays, \(motionBlurSamples) samples, \(exposureSeconds) s, noise \(noise)")
      self.givesTruth = givesTruth
      self.motionBlurSamples = motionBlurSamples
      self.exposureSeconds = exposureSeconds
      self.raysPerSide = raysPerSide
      self.noise = noise
    }
  }

  let geometry: SceneGeometry
  let lighting: SceneLighting
  let camera: CameraModel
  let egoFromCamera: RigidTransform
  let options: Options
  /// Rays a pixel along each side, and the camera with as many pixels.
  let raysPerSide: Int
  let fineCamera: CameraModel
  let layout: PictureLayout

  /// The camera on its mount in a scene.
  /// - Precondition: the camera has pixels.
  /// - Complexity: O(pixels) once for a lens with distortion.
  public init(
    _ geometry: SceneGeometry, lighting: SceneLighting, camera: CameraModel, egoFromCamera: RigidTransform,
    options: Options = Options()
  ) {
    precondition(camera.width > 0 && camera.height > 0, "a picture of \(camera.width) x \(camera.height)")
    self.geometry = geometry
    self.lighting = lighting
    self.camera = camera
    self.egoFromCamera = egoFromCamera
    self.options = options
    raysPerSide = options.rays(camera)
    let n = Double(raysPerSide)
    var fine = camera
    fine.fx *= n
    fine.fy *= n
    fine.cx = (camera.cx + 0.5) * n - 0.5
    fine.cy = (camera.cy + 0.5) * n - 0.5
    fine.width *= raysPerSide
    fine.height *= raysPerSide
    fineCamera = fine
    layout = PictureLayout(fine)
  }

  /// What the camera sees at this moment. The same view gives the same pixels on any thread.
  /// - Complexity: O(triangles in view + pixels).
  public func view(at timestampMicroseconds: Int64) -> CameraView {
    let pixels = camera.width * camera.height
    let light = UnsafeMutablePointer<SIMD4<Float>>.allocate(capacity: pixels)
    light.initialize(repeating: .zero, count: pixels)
    defer { light.deallocate() }
    let samples = options.motionBlurSamples
    var first: PictureDrawing?
    for sample in 0..<samples {
      let shift = (Double(sample) - Double(samples - 1) / 2) / Double(samples) * options.exposureSeconds
      let drawing = PictureDrawing(self, at: timestampMicroseconds + Int64((shift * 1e6).rounded()))
      drawing.addLight(to: light, share: 1 / Float(samples * raysPerSide * raysPerSide))
      // Truth is that of the middle of the exposure.
      if sample == samples / 2 { first = drawing }
    }
    let place = camera.cx * 7 + egoFromCamera.translation.y * 1000 + egoFromCamera.translation.x
    let seed = CounterRandom(
      geometry.scene.seed, UInt64(bitPattern: timestampMicroseconds), place.bitPattern
    ).state
    let formation = ImageFormation(exposure: lighting.light.exposure, noise: Float(options.noise), seed: seed)
    let bytes = formation.develop(light, width: camera.width, height: camera.height)
    let image = Image(width: camera.width, height: camera.height, channels: 3, pixels: bytes)
    let truth = options.givesTruth ? first?.truth() : nil
    return CameraView(
      image: image, visibility: first?.visibility() ?? [], depth: truth?.depth, classes: truth?.classes,
      actors: truth?.actors)
  }
}
