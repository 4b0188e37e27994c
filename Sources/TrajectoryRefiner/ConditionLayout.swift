import NeuralEngine
import Scenes

/// How conditions lie in the network's inputs: features, their units and the inputs' shapes.
///
/// Everything is in the agent's frame at the present: its centre is the origin, its heading the x axis.
public enum ConditionLayout {
  /// Of a past sample: x, y, cos and sin of the heading, velocity x and y towards the next sample, validity.
  public static let historyFeatures = 7
  /// Of the agent: length, width, height, then its class as one of `classes`.
  public static let attributeFeatures = 3 + classes
  /// The ten detection classes, and anything else.
  public static let classes = DetectionClass.allCases.count + 1
  /// Of a polyline's point: x, y, cos and sin of the heading, curvature, slope, validity.
  public static let pointFeatures = 7
  /// Of a neighbour: x, y and validity of each past sample, cos and sin of its heading, length, width, class.
  public static func neighbourFeatures(_ configuration: RefinerConfiguration) -> Int {
    3 * configuration.historySteps + 4 + classes
  }

  /// Metres that are 1 in the features of positions.
  public static let positionUnit = 20.0
  /// Metres a second that are 1 in the features of velocities.
  public static let velocityUnit = 10.0
  /// Metres that are 1 in the features of sizes.
  public static let sizeUnit = 5.0
  /// 1/m and rise over run that are 1 in the features of roads.
  public static let curvatureUnit = 0.1, slopeUnit = 0.1

  /// The place of a class among `classes`.
  public static func index(of name: DetectionClass?) -> Int {
    name.flatMap { DetectionClass.allCases.firstIndex(of: $0) } ?? classes - 1
  }

  /// The encoder's inputs in order: name and type for a batch of agents.
  /// - Parameter seesPolylines: whether those of polylines are among them.
  public static func inputs(
    _ c: RefinerConfiguration, batch: Int, seesPolylines: Bool = true
  ) -> [(name: String, type: TensorType)] {
    var inputs: [(name: String, type: TensorType)] = [
      ("kind", TensorType([batch], .int64)),
      ("history", TensorType([batch, c.historySteps, historyFeatures])),
      ("attributes", TensorType([batch, attributeFeatures])),
    ]
    if c.neighbours > 0 {
      inputs.append(("neighbours", TensorType([batch, c.neighbours, neighbourFeatures(c)])))
      inputs.append(("neighbours.mask", TensorType([batch, c.neighbours], .bool)))
    }
    if seesPolylines {
      inputs.append(("polylines", TensorType([batch, c.polylines, c.polylinePoints, pointFeatures])))
      inputs.append(("polylines.types", TensorType([batch, c.polylines], .int64)))
      inputs.append(("polylines.mask", TensorType([batch, c.polylines], .bool)))
    }
    if c.bevChannels > 0 {
      let samples = c.pathSteps.count
      inputs.append(("bev.agent", TensorType([batch, c.bevChannels])))
      inputs.append(("bev.mask", TensorType([batch, 1], .bool)))
      inputs.append(("bev.paths", TensorType([batch, c.modes, samples, c.bevChannels])))
      inputs.append(("bev.paths_mask", TensorType([batch, c.modes, samples])))
    }
    return inputs
  }
}
