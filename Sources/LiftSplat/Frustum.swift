import Geometry

/// A camera as its features are lifted: the model of the image that the network saw, and where it was.
public struct LiftCamera: Hashable, Sendable {
  /// The intrinsics after resize and crop, with the lens' distortion.
  public var camera: CameraModel
  /// The frame's ego from the camera at its own time.
  public var egoFromCamera: RigidTransform

  /// The camera with this model and pose.
  public init(camera: CameraModel, egoFromCamera: RigidTransform) {
    self.camera = camera
    self.egoFromCamera = egoFromCamera
  }

  /// The direction that a pixel sees in the camera frame, of length 1 m in `depth(of:)`; nil where it sees none.
  public func ray(_ pixel: SIMD2<Double>) -> SIMD3<Double>? {
    guard let direction = camera.unproject(pixel) else { return nil }
    if measuresRange { return direction }
    return direction.z > 0 ? direction / direction.z : nil
  }

  /// What depth bins measure, in metres: z for a pinhole or plumb-bob camera, as in the paper; the distance from the
  /// camera for a fisheye, whose rays may lie beside or behind the image plane.
  public func depth(of pointInCamera: SIMD3<Double>) -> Double {
    measuresRange ? pointInCamera.length : pointInCamera.z
  }

  private var measuresRange: Bool {
    if case .equidistant = camera.distortion { true } else { false }
  }
}

/// The shape of a rig's frustums and the grid that they are pooled into.
public struct FrustumLayout: Hashable, Sendable {
  /// The number of cameras.
  public let cameras: Int
  /// Extents of the feature maps.
  public let featureHeight: Int, featureWidth: Int
  /// Image pixels from one feature to the next.
  public let stride: Int
  /// The cut of the depth axis.
  public let bins: DepthBins
  /// The grid in the ego frame.
  public let grid: BEVGrid
  /// Heights in the ego frame in metres; points outside are dropped.
  public let heights: ClosedRange<Double>
  /// Whether a point is shared between the four cells around it by its distances from their centres.
  public let bilinear: Bool

  /// The layout with these measures.
  ///
  /// - Throws: `LiftSplatError` where an extent is below 1, or frustums or grid have 2³¹ points or more.
  public init(
    cameras: Int, featureHeight: Int, featureWidth: Int, stride: Int, bins: DepthBins, grid: BEVGrid,
    heights: ClosedRange<Double>, bilinear: Bool = false
  ) throws {
    func fault(_ field: String, _ found: String, _ expected: String) -> LiftSplatError {
      LiftSplatError(file: "frustum", field: field, found: found, expected: expected)
    }
    let extents = [
      ("cameras", cameras), ("featureHeight", featureHeight), ("featureWidth", featureWidth),
      ("stride", stride),
    ]
    for (field, extent) in extents where extent < 1 || extent > 1 << 20 {
      throw fault(field, "\(extent)", "1 to 2^20")
    }
    let most = Double(Int32.max) / (bilinear ? 4 : 1)
    let points = Double(cameras) * Double(featureHeight) * Double(featureWidth) * Double(bins.count)
    guard points <= most else { throw fault("points", "\(points)", "\(most) at most") }
    guard Double(grid.countX) * Double(grid.countY) <= Double(Int32.max) - 64 else {
      throw fault("grid", "\(grid.countX) x \(grid.countY) cells", "fewer than 2^31")
    }
    guard heights.lowerBound.isFinite, heights.upperBound.isFinite else {
      throw fault("heights", "\(heights)", "finite metres")
    }
    self.cameras = cameras
    self.featureHeight = featureHeight
    self.featureWidth = featureWidth
    self.stride = stride
    self.bins = bins
    self.grid = grid
    self.heights = heights
    self.bilinear = bilinear
  }

  /// Features of one camera.
  public var pixelsPerCamera: Int { featureHeight * featureWidth }
  /// Points of all frustums: `[camera, depth, row, column]`.
  public var pointCount: Int { cameras * bins.count * pixelsPerCamera }
  /// Entries that a plan has at most: the extent of the graph's inputs `pool.points` and `pool.weights`.
  public var capacity: Int { pointCount * (bilinear ? 4 : 1) }
  /// The extent of the graph's input `pool.starts`.
  public var startCount: Int { grid.count + 1 }

  /// The place of a point in a depth tensor `[camera, depth, row, column]`.
  public func index(camera: Int, depth: Int, row: Int, column: Int) -> Int {
    ((camera * bins.count + depth) * featureHeight + row) * featureWidth + column
  }

  /// The image pixel in the middle of the patch that a feature stands for; pixel (0, 0) is the first pixel's centre.
  public func pixel(row: Int, column: Int) -> SIMD2<Double> {
    let size = Double(stride)
    return SIMD2((Double(column) + 0.5) * size - 0.5, (Double(row) + 0.5) * size - 0.5)
  }

  /// Where a point of a camera's frustum is in the ego frame, in metres; nil where the pixel sees nothing.
  public func point(of camera: LiftCamera, depth: Int, row: Int, column: Int) -> SIMD3<Double>? {
    camera.ray(pixel(row: row, column: column)).map { camera.egoFromCamera * ($0 * bins.center(depth)) }
  }
}
