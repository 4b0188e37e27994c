import Geometry

/// LiDAR points as columns of equal length: position, intensity, ring and age.
public struct PointCloud: Sendable, Equatable {
  /// Positions in metres in the frame that the owner of the cloud names.
  public var x: [Float], y: [Float], z: [Float]
  /// Returned intensity, 0 to 255 as nuScenes records it.
  public var intensity: [Float]
  /// The laser's index.
  public var ring: [Float]
  /// Seconds from the point's sweep to the keyframe: 0 for the keyframe's own sweep, positive for earlier ones.
  public var age: [Float]

  /// A cloud without points.
  public init() {
    x = []
    y = []
    z = []
    intensity = []
    ring = []
    age = []
  }

  /// The cloud with these columns.
  /// - Precondition: all have the same length.
  public init(x: [Float], y: [Float], z: [Float], intensity: [Float], ring: [Float], age: [Float]) {
    precondition(
      x.count == y.count && x.count == z.count && x.count == intensity.count && x.count == ring.count
        && x.count == age.count,
      "columns of \(x.count), \(y.count), \(z.count), \(intensity.count), \(ring.count) and \(age.count)")
    self.x = x
    self.y = y
    self.z = z
    self.intensity = intensity
    self.ring = ring
    self.age = age
  }

  /// The number of points.
  public var count: Int { x.count }
  /// Whether there are no points.
  public var isEmpty: Bool { x.isEmpty }

  /// Point `k`'s position.
  public func position(_ k: Int) -> SIMD3<Float> { SIMD3(x[k], y[k], z[k]) }

  /// Makes room for `n` points.
  public mutating func reserveCapacity(_ n: Int) {
    x.reserveCapacity(n)
    y.reserveCapacity(n)
    z.reserveCapacity(n)
    intensity.reserveCapacity(n)
    ring.reserveCapacity(n)
    age.reserveCapacity(n)
  }

  /// Makes the columns `count` long, in the memory that they have where it suffices; what they hold is unspecified.
  public mutating func resize(to count: Int) {
    func resize(_ column: inout [Float]) {
      if column.count > count { column.removeLast(column.count - count) }
      column.reserveCapacity(count)
      column.append(contentsOf: repeatElement(0, count: count - column.count))
    }
    resize(&x)
    resize(&y)
    resize(&z)
    resize(&intensity)
    resize(&ring)
    resize(&age)
  }

  /// Adds a point.
  public mutating func append(_ p: SIMD3<Float>, intensity i: Float, ring r: Float, age a: Float) {
    x.append(p.x)
    y.append(p.y)
    z.append(p.z)
    intensity.append(i)
    ring.append(r)
    age.append(a)
  }
}

/// Pixels, rows from the top, channels interleaved: `[row, column, channel]`, 8 bits each.
public struct Image: Sendable, Equatable {
  /// Width and height in pixels.
  public let width: Int, height: Int
  /// Channels a pixel: 3 for RGB, 1 for grey.
  public let channels: Int
  /// The values, `height * width * channels` of them.
  public var pixels: [UInt8]

  /// The image with these pixels.
  /// - Precondition: `pixels.count == width * height * channels`.
  public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
    precondition(
      pixels.count == width * height * channels,
      "\(pixels.count) bytes for \(width) x \(height) x \(channels)")
    self.width = width
    self.height = height
    self.channels = channels
    self.pixels = pixels
  }
}
