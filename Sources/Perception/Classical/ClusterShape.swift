import Scenes

/// A cluster's measures, and how well they fit a class.
struct ClusterShape: Sendable {
  let rectangle: FittedRectangle
  let points: Float
  let columnCount: Int
  /// The sensor in the rectangle's axes, metres.
  let sensor: SIMD2<Float>
  /// The 90th and the 10th percentile over the columns of their tops and bottoms, in metres above the ground.
  let top: Float, bottom: Float
  /// The highest column's top.
  let highest: Float
  private let tops: [Float]

  init(_ members: [Int32], columns: [ObstacleColumns.Column], points: Float, sensor: SIMD2<Float>) {
    let own = members.map { columns[Int($0)] }
    rectangle = LShapeFit.fit(own.map(\.position), weights: [Float](repeating: 1, count: own.count))
    self.points = points
    columnCount = own.count
    self.sensor = SIMD2(
      sensor.x * rectangle.axisU.x + sensor.y * rectangle.axisU.y,
      sensor.x * rectangle.axisV.x + sensor.y * rectangle.axisV.y)
    tops = own.map(\.top).sorted()
    let bottoms = own.map(\.bottom).sorted()
    top = tops[(tops.count - 1) * 9 / 10]
    bottom = bottoms[(bottoms.count - 1) / 10]
    highest = tops[tops.count - 1]
  }

  /// The cluster as an object of a class, its length along the rectangle's first axis or (turned) its second.
  func fit(to shape: ClassShape, isTurned: Bool) -> ObjectProposal? {
    // Columns' mean positions lie within the surface by about half a cell either side.
    let extent = rectangle.extent + 0.1
    let (length, width) = isTurned ? (extent.y, extent.x) : (extent.x, extent.y)
    if !shape.hasHeading && width > length { return nil }
    let middle = (rectangle.minimum + rectangle.maximum) / 2
    let view = sensor - middle
    let distance = max((view.x * view.x + view.y * view.y).squareRoot(), 0.1)
    let alongU = abs(view.x) / distance
    let alongV = abs(view.y) / distance
    let (lengthView, widthView) = isTurned ? (alongV, alongU) : (alongU, alongV)
    let zLength = deviation(length, shape.size.x, shape.spread.x, view: lengthView)
    let zWidth = deviation(width, shape.size.y, shape.spread.y, view: widthView)
    let height = shape.isVehicle ? top : highest
    let zHeight = (height - shape.size.z) / (height > shape.size.z ? shape.spread.z : shape.spread.z * 1.5)
    let z = zLength * zLength + zWidth * zWidth + zHeight * zHeight
    guard z < 18 else { return nil }
    var score = shape.prior * exponential(-z / 2)
    score *= 1 - exponential(-points / (shape.isVehicle ? 20 : 8))
    let tall = Float(tops.reversed().prefix { $0 > shape.tallest }.count) / Float(tops.count)
    score *= max(0, 1 - 3 * tall)
    if shape.isVehicle {
      // Of a vehicle straight ahead or abeam one face may be all that is seen: then its own length is what tells.
      let isEnd = length < width && zWidth < 1 && widthView < 0.5
      let isSide = width < length && zLength < 1 && lengthView < 0.5
      score *= max(depthFactor(extent, width: shape.size.y), isEnd ? 0.8 : isSide ? 0.4 : 0)
    }
    if bottom > 0.7 { score *= max(0.1, 1 - (bottom - 0.7) * 1.5) }
    guard score > 0.002 else { return nil }
    return completed(shape, score: score, isTurned: isTurned)
  }

  /// A roof, a bonnet or a second side gives a vehicle depth; a piece of a wall or a fence has none.
  private func depthFactor(_ extent: SIMD2<Float>, width: Float) -> Float {
    let depth = min(extent.x, extent.y) / (0.4 * width)
    return min(max(depth * depth, 0.02), 1)
  }

  /// How many spreads an extent strays from a class's: too long counts fully, too short less, as what faces away from
  /// the sensor is seen in part.
  private func deviation(_ seen: Float, _ mean: Float, _ spread: Float, view: Float) -> Float {
    if seen >= mean { return (seen - mean) / spread }
    return (mean - seen) / (mean * (0.3 + 0.5 * view) + spread)
  }

  /// The box that the class's size makes of what is seen: faces towards the sensor stay, the rest grows away from it.
  private func completed(_ shape: ClassShape, score: Float, isTurned: Bool) -> ObjectProposal {
    let size = isTurned ? SIMD2(shape.size.y, shape.size.x) : SIMD2(shape.size.x, shape.size.y)
    var center = SIMD2<Float>.zero
    var full = SIMD2<Float>.zero
    let view = sensor - (rectangle.minimum + rectangle.maximum) / 2
    let distance = max((view.x * view.x + view.y * view.y).squareRoot(), 0.1)
    for axis in 0..<2 {
      let (low, high) = (rectangle.minimum[axis] - 0.05, rectangle.maximum[axis] + 0.05)
      // Where the sensor looks at the face along this axis at more than a grazing angle, it sees most of it from end
      // to end, and half of what the class's size would add is left out.
      let unseen: Float = abs(view[1 - axis]) > 0.25 * distance ? 0.5 : 1
      full[axis] = max(high - low, (high - low) * (1 - unseen) + size[axis] * unseen)
      if sensor[axis] < low {
        center[axis] = low + full[axis] / 2
      } else if sensor[axis] > high {
        center[axis] = high - full[axis] / 2
      } else {
        center[axis] = (low + high) / 2
      }
    }
    let place = rectangle.axisU * center.x + rectangle.axisV * center.y
    return ObjectProposal(
      shape: shape, score: score, center: place, length: isTurned ? full.y : full.x,
      width: isTurned ? full.x : full.y, yaw: rectangle.angle + (isTurned ? .pi / 2 : 0),
      top: shape.isVehicle ? top : highest, columns: [])
  }
}
