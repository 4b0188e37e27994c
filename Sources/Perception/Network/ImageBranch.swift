import NeuralEngine

/// What the image branch makes of a frame's images.
public struct ImageFeatures: Sendable {
  /// `[camera, bin, row, column]`: each pixel's distribution over depth bins.
  public var depth: [Float]
  /// `[camera, channel, row, column]`: what is lifted.
  public var context: [Float]
}

/// A network's image branch, compiled: it needs nothing of the frames before, so it runs ahead of `NetworkPerception`.
///
/// One call runs at a time.
public final class ImageBranch: Sendable {
  /// The compiled branch.
  public let plan: Plan

  /// Compiles the branch.
  ///
  /// - Parameter graph: `PerceptionNetwork.imageGraph()` with its weights set.
  /// - Throws: `EngineError` where the CPU lacks the precision or calibration is wanting.
  public init(_ graph: Graph, options: Plan.Options = Plan.Options()) throws {
    plan = try Plan(graph, options)
  }

  /// Looks at images `[camera, 3, row, column]`, normalised as the network was trained with.
  ///
  /// - Throws: `EngineError`.
  /// - Precondition: as many values as the network's images have.
  public func run(_ images: [Float]) throws -> ImageFeatures {
    let input = plan.inputView(0)
    precondition(images.count == input.count, "\(images.count) values for \(input.type)")
    images.withUnsafeBufferPointer {
      if let base = $0.baseAddress { input.floats.update(from: base, count: images.count) }
    }
    try plan.execute()
    let depth = plan.outputView(0), context = plan.outputView(1)
    return ImageFeatures(
      depth: Array(UnsafeBufferPointer(start: depth.floats, count: depth.count)),
      context: Array(UnsafeBufferPointer(start: context.floats, count: context.count)))
  }
}
