import NeuralEngine
import Perception

extension Model {
  /// Finds int8 scales from what both graphs were given in some frames, and keeps them in the model.
  ///
  /// - Parameters:
  ///   - images: inputs of the image branch, a frame each; empty for a model without cameras.
  ///   - frames: inputs of everything after it.
  /// - Returns: what int8 costs each output on these frames.
  /// - Throws: `EngineError` where the CPU has no int8.
  package mutating func quantize(
    images: [[String: TensorValue]], frames: [[String: TensorValue]], threads: Int
  ) throws -> [OutputError] {
    var errors: [OutputError] = []
    var imageScales: [String: TensorScale] = [:]
    if network.hasCameras {
      let plan = try Plan(
        try withWeights(network.imageGraph()),
        Plan.Options(threads: threads, precision: .int8, calibration: images))
      imageScales = plan.scales
      errors += plan.outputErrors
    }
    let plan = try Plan(
      try withWeights(network.frameGraph()),
      Plan.Options(threads: threads, precision: .int8, calibration: frames))
    scales = Scales(image: imageScales, frame: plan.scales)
    return errors + plan.outputErrors
  }
}
