import Geometry
import Scenes

/// A colour, 8 bits a channel.
struct Color: Sendable, Hashable {
  var red: UInt8, green: UInt8, blue: UInt8

  init(_ rgb: UInt32) {
    red = UInt8(rgb >> 16 & 255)
    green = UInt8(rgb >> 8 & 255)
    blue = UInt8(rgb & 255)
  }
}

/// An RGB picture to draw on: x right, y down; pixel (0, 0) is centred at (0, 0). Everything is clipped.
struct Canvas {
  let width: Int, height: Int
  private(set) var pixels: [UInt8]  // [row, column, channel]
  /// Where drawing is allowed: columns and rows.
  var clip: (x: Range<Int>, y: Range<Int>)

  init(width: Int, height: Int, background: Color) {
    self.width = width
    self.height = height
    clip = (0..<width, 0..<height)
    pixels = [UInt8](repeating: 0, count: width * height * 3)
    fill(x: 0..<width, y: 0..<height, background)
  }

  var image: Image { Image(width: width, height: height, channels: 3, pixels: pixels) }

  /// Mixes a colour into a pixel; `alpha` in [0, 1].
  mutating func blend(_ x: Int, _ y: Int, _ color: Color, _ alpha: Double) {
    guard clip.x.contains(x), clip.y.contains(y), alpha > 0 else { return }
    let a = min(256, Int(alpha * 256 + 0.5))
    let k = (y * width + x) * 3
    pixels[k] = UInt8((Int(pixels[k]) * (256 - a) + Int(color.red) * a) >> 8)
    pixels[k + 1] = UInt8((Int(pixels[k + 1]) * (256 - a) + Int(color.green) * a) >> 8)
    pixels[k + 2] = UInt8((Int(pixels[k + 2]) * (256 - a) + Int(color.blue) * a) >> 8)
  }

  /// Fills a rectangle.
  mutating func fill(x: Range<Int>, y: Range<Int>, _ color: Color, _ alpha: Double = 1) {
    for row in y.clamped(to: clip.y) {
      for column in x.clamped(to: clip.x) { blend(column, row, color, alpha) }
    }
  }

  /// Draws a line with smooth edges.
  mutating func line(
    _ a: SIMD2<Double>, _ b: SIMD2<Double>, _ color: Color, width: Double = 1, alpha: Double = 1
  ) {
    guard a.x.isFinite, a.y.isFinite, b.x.isFinite, b.y.isFinite else { return }
    let reach = width / 2 + 1
    let columns = range(min(a.x, b.x) - reach, max(a.x, b.x) + reach, clip.x)
    let rows = range(min(a.y, b.y) - reach, max(a.y, b.y) + reach, clip.y)
    let along = b - a
    let squared = along.dot(along)
    for y in rows {
      // Only the columns near the line are looked at: its x at this row, give or take its slope and width.
      var near = columns
      if abs(along.y) > 1e-9 {
        let t = (Double(y) - a.y) / along.y
        let spread = reach * (1 + abs(along.x / along.y)) + abs(along.x / along.y)
        let x = a.x + t * along.x
        near = range(x - spread, x + spread, columns)
      }
      for x in near {
        let p = SIMD2(Double(x), Double(y)) - a
        let t = squared > 0 ? max(0, min(1, p.dot(along) / squared)) : 0
        let coverage = width / 2 + 0.5 - (p - along * t).length
        if coverage > 0 { blend(x, y, color, alpha * min(1, coverage)) }
      }
    }
  }

  /// Draws lines from point to point.
  mutating func polyline(
    _ points: [SIMD2<Double>], _ color: Color, width: Double = 1, alpha: Double = 1, closed: Bool = false
  ) {
    for (a, b) in zip(points, points.dropFirst()) { line(a, b, color, width: width, alpha: alpha) }
    if closed, let first = points.first, let last = points.last {
      line(last, first, color, width: width, alpha: alpha)
    }
  }

  /// Fills a polygon (even-odd; a pixel belongs to it where its centre does).
  mutating func fill(_ polygon: [SIMD2<Double>], _ color: Color, _ alpha: Double) {
    let shape = Polygon(polygon)
    guard let first = polygon.first else { return }
    var low = first
    var high = first
    for p in polygon {
      low = SIMD2(min(low.x, p.x), min(low.y, p.y))
      high = SIMD2(max(high.x, p.x), max(high.y, p.y))
    }
    for y in range(low.y, high.y, clip.y) {
      for x in range(low.x, high.x, clip.x) where shape.contains(SIMD2(Double(x), Double(y))) {
        blend(x, y, color, alpha)
      }
    }
  }

  /// Draws a filled disc with a smooth edge.
  mutating func disc(_ center: SIMD2<Double>, radius: Double, _ color: Color, _ alpha: Double = 1) {
    line(center, center, color, width: 2 * radius, alpha: alpha)
  }

  /// Draws a circle's outline.
  mutating func circle(_ center: SIMD2<Double>, radius: Double, _ color: Color, alpha: Double) {
    let steps = max(24, Int(min(radius, 4000)))
    let points = (0..<steps).map {
      center + SIMD2(radius, 0).rotated(by: 2 * .pi * Double($0) / Double(steps))
    }
    polyline(points, color, width: 1, alpha: alpha, closed: true)
  }

  /// Writes text with its top left corner at (x, y); letters are drawn as capitals, 5 x 7 dots of `scale` pixels.
  /// - Returns: the column after the text.
  @discardableResult
  mutating func text(_ text: String, x: Int, y: Int, _ color: Color, scale: Int = 1, alpha: Double = 1) -> Int
  {
    var column = x
    for character in text.uppercased() {
      let rows = Glyphs.rows(of: character)
      for (r, bits) in rows.enumerated() {
        for c in 0..<5 where bits >> (4 - c) & 1 == 1 {
          let left = column + c * scale
          let top = y + r * scale
          fill(x: left..<left + scale, y: top..<top + scale, color, alpha)
        }
      }
      column += 6 * scale
    }
    return column
  }

  /// Draws an image over a rectangle, each pixel the mean of the source pixels that fall on it.
  mutating func draw(_ source: Image, x: Int, y: Int, width w: Int, height h: Int) {
    guard source.width > 0, source.height > 0, source.channels == 3 || source.channels == 1 else { return }
    for row in 0..<h where clip.y.contains(y + row) {
      let y0 = row * source.height / h
      let y1 = max(y0 + 1, (row + 1) * source.height / h)
      for column in 0..<w where clip.x.contains(x + column) {
        let x0 = column * source.width / w
        let x1 = max(x0 + 1, (column + 1) * source.width / w)
        let target = ((y + row) * self.width + x + column) * 3
        for channel in 0..<3 {
          var sum = 0
          let offset = source.channels == 3 ? channel : 0
          for sy in y0..<y1 {
            for sx in x0..<x1 {
              sum += Int(source.pixels[(sy * source.width + sx) * source.channels + offset])
            }
          }
          pixels[target + channel] = UInt8(sum / ((y1 - y0) * (x1 - x0)))
        }
      }
    }
  }

  /// The whole numbers from `low` to `high` that lie in `bounds`.
  private func range(_ low: Double, _ high: Double, _ bounds: Range<Int>) -> Range<Int> {
    let from = max(low.rounded(.down), Double(bounds.lowerBound))
    let to = min(high.rounded(.up) + 1, Double(bounds.upperBound))
    return from < to ? Int(from)..<Int(to) : bounds.lowerBound..<bounds.lowerBound
  }
}
