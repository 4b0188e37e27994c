extension Scene {
  /// The channel of the LiDAR that times a scene's keyframes and that distances are measured from: `LIDAR_TOP` where there
  /// is one, else the first LiDAR by name (`LIDAR_CONCAT`); nil without any.
  ///
  /// - Parameter preferred: the channel that is taken where the scene has it.
  /// - Complexity: O(measurements).
  public func referenceLidar(preferred: String = "LIDAR_TOP") -> String? {
    let channels = Set(measurements.lazy.filter { $0.sensor.modality == .lidar }.map(\.sensor.channel))
    return channels.contains(preferred) ? preferred : channels.min()
  }
}
