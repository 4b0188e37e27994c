/// A camera's picture for a preview. The image may be smaller than the sensor's by any factor.
public struct PreviewCamera: Sendable {
  /// The measurement, with its own time, pose and camera model.
  public var data: SensorData
  /// The decoded picture, RGB.
  public var image: Image

  /// The picture of this measurement.
  public init(data: SensorData, image: Image) {
    self.data = data
    self.image = image
  }
}
