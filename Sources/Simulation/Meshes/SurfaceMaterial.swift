/// What a surface is made of: what a LiDAR gets back from it and how it shines in a camera.
package enum SurfaceMaterial: UInt8, Sendable, Hashable, CaseIterable {
  /// The ground: looked up in the scene's table of areas.
  case ground
  case carPaint, glass, tyre, plastic, metal, headlight, taillight, plate
  case cloth, skin, hair
  case concrete, brick, plaster, pane, roof, bark, leaf, wood
  case retroreflector, conePlastic, canvas

  /// What a LiDAR at 905 nm gets back, and how the surface reflects light.
  package struct Optics: Sendable {
    /// Diffuse reflectivity at 905 nm, 0 to 1.
    package var reflectivity: Float
    /// Its spread between surfaces of the kind (deviation of the logarithm).
    package var spread: Float
    /// Share of the beam mirrored away: such a shot has no return off the normal.
    package var mirror: Float
    /// Share of the beam that passes through.
    package var transmission: Float
    /// Gain of a retroreflector over a white diffuse surface; 0: none.
    package var retro: Float
    /// Share of the sky's mirror image in a camera at normal incidence.
    package var gloss: Float

    package init(
      _ reflectivity: Float, spread: Float = 0.25, mirror: Float = 0, transmission: Float = 0,
      retro: Float = 0, gloss: Float = 0
    ) {
      self.reflectivity = reflectivity
      self.spread = spread
      self.mirror = mirror
      self.transmission = transmission
      self.retro = retro
      self.gloss = gloss
    }
  }

  /// By raw value. Reflectivities: order of magnitude from the ECOSTRESS spectral library's classes at 0.9 µm; vehicle
  /// paint is widely spread and partly mirrors (metallic coats over dark bases).
  package static let table: [Optics] = allCases.map(\.optics)

  private var optics: Optics {
    switch self {
    case .ground: Optics(0.1)
    case .carPaint: Optics(0.055, spread: 1.1, mirror: 0.02, gloss: 0.06)
    case .glass: Optics(0.02, spread: 0.6, mirror: 0.1, transmission: 0.6, gloss: 0.10)
    case .tyre: Optics(0.05, spread: 0.3)
    case .plastic: Optics(0.06, spread: 0.8, gloss: 0.02)
    case .metal: Optics(0.25, spread: 0.7, mirror: 0.1, gloss: 0.12)
    case .headlight: Optics(0.5, mirror: 0.2, retro: 0.6, gloss: 0.15)
    case .taillight: Optics(0.5, retro: 1.2, gloss: 0.1)
    case .plate: Optics(0.7, retro: 3)
    case .cloth: Optics(0.30, spread: 0.5)
    case .skin: Optics(0.45, spread: 0.15)
    case .hair: Optics(0.15, spread: 0.4)
    case .concrete: Optics(0.21, spread: 0.6)
    case .brick: Optics(0.24, spread: 0.5)
    case .plaster: Optics(0.26, spread: 0.6)
    case .pane: Optics(0.08, spread: 0.5, mirror: 0.55, transmission: 0.2, gloss: 0.25)
    case .roof: Optics(0.2, spread: 0.3)
    case .bark: Optics(0.28, spread: 0.3)
    case .leaf: Optics(0.28, spread: 0.4)
    case .wood: Optics(0.4, spread: 0.3)
    case .retroreflector: Optics(0.8, retro: 6)
    case .conePlastic: Optics(0.45, spread: 0.25)
    case .canvas: Optics(0.4, spread: 0.4)
    }
  }
}

/// A material with a colour in linear light.
package struct Finish: Sendable {
  /// The material.
  package var material: SurfaceMaterial
  /// Red, green and blue, 0 to 1, linear.
  package var color: SIMD3<Float>

  /// The finish of this material and colour.
  package init(_ material: SurfaceMaterial, _ r: Float, _ g: Float, _ b: Float) {
    self.material = material
    color = SIMD3(r, g, b)
  }

  /// The finish of this material and colour.
  package init(_ material: SurfaceMaterial, _ color: SIMD3<Float>) {
    self.material = material
    self.color = color
  }

  package static let tyre = Finish(.tyre, 0.018, 0.018, 0.02)
  package static let glass = Finish(.glass, 0.02, 0.025, 0.03)
  package static let blackPlastic = Finish(.plastic, 0.02, 0.02, 0.022)
  package static let headlight = Finish(.headlight, 0.75, 0.78, 0.8)
  package static let taillight = Finish(.taillight, 0.45, 0.015, 0.015)
  package static let plate = Finish(.plate, 0.6, 0.6, 0.55)
  package static let greyMetal = Finish(.metal, 0.3, 0.31, 0.32)
}
