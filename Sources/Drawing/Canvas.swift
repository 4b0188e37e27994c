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

  /// This colour with another mixed into it; `alpha` in [0, 1].
  func blended(_ other: Color, _ alpha: Double) -> Color {
    let ink = Ink(other, alpha)
    var result = self
    result.red = ink.mixed(red, ink.red)
    result.green = ink.mixed(green, ink.green)
    result.blue = ink.mixed(blue, ink.blue)
    return result
  }
}

/// A colour and how much of it is mixed into a pixel, in 256ths.
private struct Ink {
  let red: Int, green: Int, blue: Int, weight: Int

  init(_ color: Color, _ alpha: Double) {
    red = Int(color.red)
    green = Int(color.green)
    blue = Int(color.blue)
    weight = max(0, min(256, Int(alpha * 256 + 0.5)))
  }

  func mixed(_ value: UInt8, _ own: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: (Int(value) * (256 - weight) + own * weight) >> 8)
  }

  /// Mixes into the pixel that begins here.
  func draw(_ pixel: UnsafeMutablePointer<UInt8>) {
    pixel[0] = mixed(pixel[0], red)
    pixel[1] = mixed(pixel[1], green)
    pixel[2] = mixed(pixel[2], blue)
  }
}

/// An RGB picture to draw on: x right, y down; pixel (0, 0) is centred at (0, 0). Everything is clipped.
struct Canvas {
  let width: Int, height: Int
  private(set) var pixels: [UInt8]  // [row, column, channel]
  /// Where drawing is allowed, within the picture: columns and rows.
  var clip: (x: Range<Int>, y: Range<Int>) {
    didSet { clip = (clip.x.clamped(to: 0..<width), clip.y.clamped(to: 0..<height)) }
  }

  init(width: Int, height: Int, background: Color) {
    self.width = width
    self.height = height
    clip = (0..<width, 0..<height)
    pixels = [UInt8](repeating: 0, count: width * height * 3)
    fill(x: 0..<width, y: 0..<height, background)
  }

  var image: Image { Image(width: width, height: height, channels: 3, pixels: pixels) }

  /// Lets drawing happen everywhere again.
  mutating func unclip() { clip = (0..<width, 0..<height) }

  /// Hands out the first pixel's address: pixel (x, y) is `3 * (y * width + x)` bytes further.
  private mutating func draw(_ body: (UnsafeMutablePointer<UInt8>) -> Void) {
    pixels.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { body(base) }
    }
  }

  /// Mixes a colour into a pixel; `alpha` in [0, 1].
  mutating func blend(_ x: Int, _ y: Int, _ color: Color, _ alpha: Double) {
    guard clip.x.contains(x), clip.y.contains(y), alpha > 0 else { return }
    let offset = (y * width + x) * 3
    draw { Ink(color, alpha).draw($0 + offset) }
  }

  /// Mixes colours into many pixels: one of `colors` for each point, by its number; each with the same `alpha`.
  mutating func dots(_ points: [(x: Int, y: Int, color: Int)], _ colors: [Color], _ alphas: [Double]) {
    let inks = zip(colors, alphas).map { Ink($0, $1) }
    let (clip, width) = (clip, width)
    draw { base in
      for point in points where clip.x.contains(point.x) && clip.y.contains(point.y) {
        inks[point.color].draw(base + (point.y * width + point.x) * 3)
      }
    }
  }

  /// Fills a rectangle.
  mutating func fill(x: Range<Int>, y: Range<Int>, _ color: Color, _ alpha: Double = 1) {
    let (columns, rows, width) = (x.clamped(to: clip.x), y.clamped(to: clip.y), width)
    let ink = Ink(color, alpha)
    draw { base in
      for row in rows {
        var pixel = base + (row * width + columns.lowerBound) * 3
        for _ in columns {
          ink.draw(pixel)
          pixel += 3
        }
      }
    }
  }

  /// Colours each pixel of a rectangle as its cell: `row[y]` and `column[x]` number the cells, `colors` is `[row, column]`
  /// with `columnCount` columns; a negative number leaves the pixel as it is.
  mutating func fill(
    x: Int, y: Int, rows: [Int], columns: [Int], _ colors: [Color], columnCount: Int
  ) {
    let (clip, width) = (clip, width)
    draw { base in
      for (dy, row) in rows.enumerated() where row >= 0 && clip.y.contains(y + dy) {
        for (dx, column) in columns.enumerated() where column >= 0 && clip.x.contains(x + dx) {
          let color = colors[row * columnCount + column]
          let pixel = base + ((y + dy) * width + x + dx) * 3
          pixel[0] = color.red
          pixel[1] = color.green
          pixel[2] = color.blue
        }
      }
    }
  }

  /// Draws a line with smooth edges.
  mutating func line(
    _ a: SIMD2<Double>, _ b: SIMD2<Double>, _ color: Color, width: Double = 1, alpha: Double = 1
  ) {
    guard a.x.isFinite, a.y.isFinite, b.x.isFinite, b.y.isFinite else { return }
    let reach = width / 2 + 1
    let columns = Self.range(min(a.x, b.x) - reach, max(a.x, b.x) + reach, clip.x)
    let rows = Self.range(min(a.y, b.y) - reach, max(a.y, b.y) + reach, clip.y)
    let along = b - a, squared = along.dot(along), stride = self.width
    draw { base in
      for y in rows {
        // Only the columns near the line are looked at: its x at this row, give or take its slope and width.
        var near = columns
        if abs(along.y) > 1e-9 {
          let x = a.x + (Double(y) - a.y) / along.y * along.x
          let spread = reach * (1 + abs(along.x / along.y)) + abs(along.x / along.y)
          near = Self.range(x - spread, x + spread, columns)
        }
        for x in near {
          let p = SIMD2(Double(x), Double(y)) - a
          let t = squared > 0 ? max(0, min(1, p.dot(along) / squared)) : 0
          let coverage = width / 2 + 0.5 - (p - along * t).length
          if coverage > 0 { Ink(color, alpha * min(1, coverage)).draw(base + (y * stride + x) * 3) }
        }
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
    guard let last = polygon.last, polygon.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else { return }
    let low = polygon.reduce(Double.infinity) { min($0, $1.y) }
    let high = polygon.reduce(-Double.infinity) { max($0, $1.y) }
    for y in Self.range(low, high, clip.y) {
      var crossings: [Double] = []
      var a = last
      for b in polygon {
        if (a.y > Double(y)) != (b.y > Double(y)) {
          crossings.append(a.x + (Double(y) - a.y) / (b.y - a.y) * (b.x - a.x))
        }
        a = b
      }
      crossings.sort()
      for k in stride(from: 0, to: crossings.count - 1, by: 2) {
        let columns = Self.range(crossings[k].rounded(.up), crossings[k + 1].rounded(.up) - 1, clip.x)
        if crossings[k + 1] > crossings[k] { fill(x: columns, y: y..<y + 1, color, alpha) }
      }
    }
  }

  /// Draws a filled disc with a smooth edge.
  mutating func disc(_ center: SIMD2<Double>, radius: Double, _ color: Color, _ alpha: Double = 1) {
    line(center, center, color, width: 2 * radius, alpha: alpha)
  }

  /// Draws a circle's outline, one pixel wide with smooth edges.
  mutating func circle(_ center: SIMD2<Double>, radius: Double, _ color: Color, alpha: Double) {
    let (clip, width) = (clip, width)
    draw { base in
      for y in Self.range(center.y - radius - 1, center.y + radius + 1, clip.y) {
        let dy = Double(y) - center.y
        let outer = max(0, (radius + 1) * (radius + 1) - dy * dy).squareRoot()
        let inner = max(0, (radius - 1) * (radius - 1) - dy * dy).squareRoot()
        let sides =
          inner > 1 ? [(-outer, -inner), (inner, outer)] : [(-outer, outer)]
        for (from, to) in sides {
          for x in Self.range(center.x + from, center.x + to, clip.x) {
            let distance = SIMD2(Double(x) - center.x, dy).length
            let coverage = 1 - abs(distance - radius)
            if coverage > 0 { Ink(color, alpha * coverage).draw(base + (y * width + x) * 3) }
          }
        }
      }
    }
  }

  /// Writes text with its top left corner at (x, y): letters of 5 x 7 dots of `scale` pixels, with two rows below the
  /// line for those that need them, 6 dots apart.
  /// - Returns: the column after the text.
  @discardableResult
  mutating func text(_ text: String, x: Int, y: Int, _ color: Color, scale: Int = 1, alpha: Double = 1) -> Int
  {
    var column = x
    for character in text {
      for (r, bits) in Glyphs.rows(of: character).enumerated() where bits != 0 {
        for c in 0..<5 where bits >> (4 - c) & 1 == 1 {
          let left = column + c * scale
          let top = y + r * scale
          fill(x: left..<left + scale, y: top..<top + scale, color, alpha)
        }
      }
      column += Self.advance * scale
    }
    return column
  }

  /// Dots from one letter to the next.
  static let advance = 6

  /// Draws an image over a rectangle, each pixel the mean of the source pixels that fall on it.
  mutating func draw(_ source: Image, x: Int, y: Int, width w: Int, height h: Int) {
    guard source.width > 0, source.height > 0, source.channels == 3 || source.channels == 1 else { return }
    let columns = (x..<x + w).clamped(to: clip.x), rows = (y..<y + h).clamped(to: clip.y)
    let spans = columns.map { Self.span($0 - x, of: w, in: source.width) }
    let step = source.channels, stride = source.width * source.channels, width = width
    draw { base in
      source.pixels.withUnsafeBufferPointer { pixels in
        for row in rows {
          let lines = Self.span(row - y, of: h, in: source.height)
          var target = base + (row * width + columns.lowerBound) * 3
          for span in spans {
            let count = span.count * lines.count
            for channel in 0..<3 {
              var sum = 0
              for line in lines {
                for column in span { sum += Int(pixels[line * stride + column * step + channel % step]) }
              }
              target[channel] = UInt8(truncatingIfNeeded: count == 1 ? sum : sum / count)
            }
            target += 3
          }
        }
      }
    }
  }

  /// The source pixels that fall on target pixel `k` of `count`; at least one.
  private static func span(_ k: Int, of count: Int, in extent: Int) -> Range<Int> {
    let first = k * extent / count
    return first..<max(first + 1, (k + 1) * extent / count)
  }

  /// The whole numbers from `low` to `high` that lie in `bounds`.
  private static func range(_ low: Double, _ high: Double, _ bounds: Range<Int>) -> Range<Int> {
    let from = max(low.rounded(.down), Double(bounds.lowerBound))
    let to = min(high.rounded(.up) + 1, Double(bounds.upperBound))
    return from < to ? Int(from)..<Int(to) : bounds.lowerBound..<bounds.lowerBound
  }
}
