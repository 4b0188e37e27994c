import Dispatch
import Files
import Foundation
import Geometry
import Scenes
import Simulation
import Synchronization
import Testing

@Suite struct CameraTests {
  /// Looks along the ego's x axis from 1.5 m above ground.
  static let mount = RigidTransform(
    rotation: Quaternion(rows: (SIMD3(0, 0, 1), SIMD3(-1, 0, 0), SIMD3(0, -1, 0))),
    translation: SIMD3(1, 0, 1.5))
  static let pinhole = CameraModel(fx: 320, fy: 320, cx: 199.5, cy: 112, width: 400, height: 225)
  static let lenses: [CameraModel] = [
    pinhole,
    CameraModel(
      fx: 320, fy: 320, cx: 203, cy: 110, width: 400, height: 225,
      distortion: .plumbBob(k1: -0.28, k2: 0.08, p1: 0.001, p2: -0.002, k3: 0)),
    CameraModel(
      fx: 120, fy: 120, cx: 199.5, cy: 150, width: 400, height: 300,
      distortion: .equidistant(k1: 0.02, k2: -0.004, k3: 0, k4: 0)),
  ]

  static func view(
    _ scene: SimulationScene, _ camera: CameraModel,
    options: CameraSimulator.Options = .init(givesTruth: true)
  ) -> CameraView {
    let geometry = SceneGeometry(scene)
    return CameraSimulator(
      geometry, lighting: SceneLighting(geometry), camera: camera, egoFromCamera: mount, options: options
    ).view(at: SensorScenes.start)
  }

  /// Pixels whose rays show one triangle are shaded once; the picture is that of all rays shaded, but for texture.
  @Test func onceShadedPixelsLookLikeAllTheirRays() {
    let car = SensorScenes.standing(
      "vehicle.car", id: 1, ahead: 12, aside: 1, size: SIMD3(1.9, 4.6, 1.6), yaw: 0.4)
    let scene = SensorScenes.flat(actors: [car])
    for camera in Self.lenses {
      let once = Self.view(scene, camera, options: .init(raysPerSide: 2, noise: 0)).image
      // Four times as many pixels, one ray each, then averaged four by four.
      var fine = camera
      fine.fx *= 2
      fine.fy *= 2
      fine.cx = 2 * camera.cx + 0.5
      fine.cy = 2 * camera.cy + 0.5
      fine.width *= 2
      fine.height *= 2
      let all = Self.view(scene, fine, options: .init(raysPerSide: 1, noise: 0)).image
      var sum = 0.0
      for y in 0..<camera.height {
        for x in 0..<camera.width {
          let at = (2 * y * fine.width + 2 * x) * 3 + 1
          let row = fine.width * 3
          let four =
            Int(all.pixels[at]) + Int(all.pixels[at + 3]) + Int(all.pixels[at + row])
            + Int(all.pixels[at + row + 3])
          sum += abs(Double(once.pixels[(y * camera.width + x) * 3 + 1]) - Double(four) / 4)
        }
      }
      let mean = sum / Double(camera.width * camera.height)
      #expect(mean < 2.5, "\(camera.distortion): \(mean) of 255 a pixel")
    }
  }

  @Test func groundsDepthIsWhereRaysMeetIt() throws {
    for camera in Self.lenses {
      let view = Self.view(SensorScenes.flat(), camera, options: .init(givesTruth: true, raysPerSide: 1))
      let depth = try #require(view.depth)
      let classes = try #require(view.classes)
      var compared = 0
      for y in stride(from: 0, to: camera.height, by: 7) {
        for x in stride(from: 0, to: camera.width, by: 7) {
          guard let ray = camera.unproject(SIMD2(Double(x), Double(y))), abs(ray.y) > 0.03 else { continue }
          let at = y * camera.width + x
          if ray.y < 0 {
            #expect(classes[at] == 255 && depth[at] == 0, "sky at \(x), \(y)")
          } else if 1.5 / ray.y < 100 {
            let expected = 1.5 / ray.y * ray.z
            // Float32 rays: 1e-6 of the angle over a grazing angle of 0.03.
            #expect(
              abs(Double(depth[at]) - expected) < 2e-3 * max(1, abs(expected)),
              "\(x), \(y): \(depth[at]) for \(expected)")
            #expect(classes[at] == LidarsegClass.terrain)
            compared += 1
          }
        }
      }
      #expect(compared > 200, "\(compared) pixels compared")
    }
  }

  @Test func actorCoversThePixelsThatItsBoxProjectsTo() throws {
    let size = SIMD3(2.9, 9.0, 3.4)
    let bus = SensorScenes.standing("vehicle.bus.rigid", id: 3, ahead: 16, aside: 1.5, size: size, yaw: 0.5)
    let box = try #require(bus.box(at: SensorScenes.start))
    for camera in Self.lenses {
      let view = Self.view(SensorScenes.flat(actors: [bus]), camera)
      let actors = try #require(view.actors)
      let globalFromCamera = RigidTransform(rotation: .identity, translation: SIMD3(500, 800, 0)) * Self.mount
      let inCamera = box.transformed(by: globalFromCamera.inverse)
      let pixels = inCamera.corners.compactMap { camera.project($0) }
      #expect(pixels.count == 8)
      // The body is 6 cm narrower than its mirrors (a pixel here); straight edges bend under distortion.
      let slack = camera.distortion == .none ? 2.0 : 4.0
      var (low, high) = (SIMD2<Double>(repeating: 1e9), SIMD2<Double>(repeating: -1e9))
      var covered = 0
      for y in 0..<camera.height {
        for x in 0..<camera.width where actors[y * camera.width + x] == 3 {
          covered += 1
          low = pointwiseMin(low, SIMD2(Double(x), Double(y)))
          high = pointwiseMax(high, SIMD2(Double(x), Double(y)))
        }
      }
      let (xs, ys) = (pixels.map(\.x), pixels.map(\.y))
      let (left, right) = (xs.min() ?? 0, xs.max() ?? 0)
      let (top, bottom) = (ys.min() ?? 0, ys.max() ?? 0)
      #expect(abs(low.x - left) < slack + 1, "from \(low.x), corners from \(left)")
      #expect(abs(high.x - right) < slack + 1, "to \(high.x), corners to \(right)")
      #expect(low.y > top - slack && high.y < bottom + slack, "\(low.y) to \(high.y) for \(top) to \(bottom)")
      let seen = try #require(view.visibility.first)
      #expect(seen.actor == 3 && view.visibility.count == 1 && seen.visiblePixels == seen.outlinePixels)
      if camera.distortion == .none { #expect(abs(seen.visiblePixels - covered) <= covered / 20) }
    }
  }

  @Test func occlusionIsCountedInPixels() throws {
    // A wall hides the left part of a bus behind it, or a nearer wall all of it.
    let bus = SensorScenes.standing(
      "vehicle.bus.rigid", id: 1, ahead: 22, aside: 0, size: SIMD3(2.9, 3, 3), yaw: 0)
    var half = SensorScenes.wall(ahead: 10, width: 8)
    half.globalFromProp.translation.y += 4
    let open = try #require(Self.view(SensorScenes.flat(actors: [bus]), Self.pinhole).visibility.first)
    let partly = try #require(
      Self.view(SensorScenes.flat(props: [half], actors: [bus]), Self.pinhole).visibility.first)
    let hidden = Self.view(
      SensorScenes.flat(props: [SensorScenes.wall(ahead: 10)], actors: [bus]), Self.pinhole
    ).visibility
    #expect(open.visiblePixels == open.outlinePixels && open.outlinePixels > 400)
    #expect(partly.outlinePixels == open.outlinePixels)
    let share = Double(partly.visiblePixels) / Double(partly.outlinePixels)
    #expect(abs(share - 0.5) < 0.05, "\(share) is seen past a wall up to the middle")
    #expect(hidden.allSatisfy { $0.visiblePixels == 0 })
  }

  @Test func shadowLiesAwayFromTheSun() throws {
    // The sun stands in the left (global +y) at 45 degrees: a 3 m high wall shades 3 m to its right.
    let weather = Weather(
      sunAzimuth: .pi / 2, sunElevation: .pi / 4, cloudCover: 0, wetness: 0, fogDensity: 0, exposureBias: 0)
    let wall = Prop(
      kind: .wall, seed: 1, size: SIMD3(0.3, 16, 3),
      globalFromProp: RigidTransform(rotation: .identity, translation: SIMD3(516, 803, 0)))
    let shaded = Self.view(SensorScenes.flat(props: [wall], weather: weather), Self.pinhole)
    let bare = Self.view(SensorScenes.flat(weather: weather), Self.pinhole)
    func brightness(_ image: Image, ahead: Double, aside: Double) throws -> Double {
      let p = try #require(Self.pinhole.project(SIMD3(-aside, 1.5, ahead - 1)))
      let (x, y) = (Int(p.x.rounded()), Int(p.y.rounded()))
      var sum = 0.0
      for dy in -1...1 {
        for dx in -2...2 {
          for c in 0..<3 { sum += Double(image.pixels[((y + dy) * 400 + x + dx) * 3 + c]) }
        }
      }
      return sum / 45
    }
    for ahead in [12.0, 16, 20] {
      let ratio =
        try brightness(shaded.image, ahead: ahead, aside: 1.5)
        / brightness(bare.image, ahead: ahead, aside: 1.5)
      #expect(ratio < 0.75, "\(ratio) of the light in the wall's shadow at \(ahead) m")
      let lit =
        try brightness(shaded.image, ahead: ahead, aside: -1.5)
        / brightness(bare.image, ahead: ahead, aside: -1.5)
      #expect(abs(lit - 1) < 0.06, "\(lit) of the light beyond the shadow")
    }
  }

  @Test func nightIsDarkerThanDayAndFogHidesTheFar() throws {
    func mean(_ elevation: Double, _ fog: Double) -> (all: Double, contrast: Double) {
      let weather = Weather(
        sunAzimuth: 1, sunElevation: elevation, cloudCover: 0, wetness: 0, fogDensity: fog, exposureBias: 0)
      let scene = SensorScenes.flat(
        props: [SensorScenes.wall(ahead: 70, width: 20, height: 12)], weather: weather)
      let image = Self.view(scene, Self.pinhole).image
      let all = image.pixels.reduce(0.0) { $0 + Double($1) } / Double(image.pixels.count)
      func at(_ x: Int, _ y: Int) -> Double { Double(image.pixels[(y * 400 + x) * 3]) }
      return (all, abs(at(199, 95) - at(30, 95)))
    }
    let (day, night, fog) = (mean(0.9, 0), mean(-0.3, 0), mean(0.9, 0.05))
    #expect(night.all < 0.6 * day.all, "\(night.all) at night, \(day.all) by day")
    #expect(fog.contrast < 0.5 * day.contrast, "\(fog.contrast) in fog, \(day.contrast) without")
  }

  @Test func sameBytesOnEveryThreadAndNewNoiseEachMoment() throws {
    let car = SensorScenes.standing("vehicle.car", id: 1, ahead: 9, aside: 2, size: SIMD3(1.9, 4.6, 1.6))
    let geometry = SceneGeometry(SensorScenes.flat(actors: [car]))
    let simulator = CameraSimulator(
      geometry, lighting: SceneLighting(geometry), camera: Self.pinhole, egoFromCamera: Self.mount)
    let first = simulator.view(at: SensorScenes.start).image
    let agreeing = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      if simulator.view(at: SensorScenes.start).image == first { agreeing.add(1, ordering: .relaxed) }
    }
    #expect(agreeing.load(ordering: .relaxed) == 4)
    #expect(simulator.view(at: SensorScenes.start + 100_000).image != first)
  }

  @Test func motionBlurSpreadsMovingEdges() throws {
    let scene = SensorScenes.flat(speed: 20, props: [SensorScenes.wall(ahead: 9, width: 3, height: 2)])
    let sharp = Self.view(scene, Self.pinhole, options: .init(noise: 0)).image
    let blurred = Self.view(
      scene, Self.pinhole, options: .init(motionBlurSamples: 6, exposureSeconds: 0.03, noise: 0)
    ).image
    func steepest(_ image: Image) -> Int {
      (1..<400).map { x in
        abs(Int(image.pixels[(100 * 400 + x) * 3]) - Int(image.pixels[(100 * 400 + x - 1) * 3]))
      }.max() ?? 0
    }
    #expect(
      steepest(blurred) < steepest(sharp) * 3 / 4, "\(steepest(blurred)) blurred, \(steepest(sharp)) sharp")
  }

  @Test func jpegHoldsThePicture() throws {
    let image = Self.view(SensorScenes.flat(), Self.pinhole).image
    func encoded() throws -> [UInt8] {
      try JPEGFile.encode(width: image.width, height: image.height, pixels: image.pixels)
    }
    let bytes = try encoded()
    #expect(bytes.starts(with: [0xFF, 0xD8, 0xFF]) && bytes.suffix(2) == [0xFF, 0xD9])
    // The frame header states 225 rows of 400 pixels.
    let header = try #require(bytes.indices.dropLast(9).first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    #expect(Array(bytes[header + 5..<header + 9]) == [0, 225, 1, 144])
    #expect(try encoded() == bytes)
  }
}
