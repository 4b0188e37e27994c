/// Names of the network's inputs and outputs, and what they hold. BEV tensors are `[1, channel, i, j]`.
public enum NetworkTensors {
  /// `[camera, 3, row, column]`: normalised images; those of missing cameras are not looked at.
  public static let images = "images"
  /// int64 `[capacity]`, int64 `[cells + 1]`, float32 `[capacity]`: `PoolingPlanner`'s plan.
  public static let poolPoints = "pool.points", poolStarts = "pool.starts", poolWeights = "pool.weights"
  /// `[point, 5]`, `[pillar, 5]`: see `PillarInputs`.
  public static let pillarPoints = "pillars.points", pillarShared = "pillars.shared"
  /// int64 `[pillar + 1]`: where each pillar's points begin.
  public static let pillarStarts = "pillars.starts"
  /// int64 `[pillar]`: each pillar's cell, -1 for unused ones.
  public static let pillarCells = "pillars.cells"
  /// The `bev` output of the frame before, zeros in the first.
  public static let previousBEV = "previous_bev"
  /// `[2, 3]`: the previous frame's cell index is this times (i, j, 1) of the current one.
  public static let motion = "motion"

  /// `[camera, bin, row, column]`: each pixel's distribution over depth bins, summing to 1.
  public static let depth = "depth"
  /// `[camera, channel, row, column]`: what is lifted.
  public static let context = "context"
  /// Inputs of the BEV graph when it is built apart.
  public static let cameraBEV = "camera_bev", lidarBEV = "lidar_bev", warpedBEV = "warped_bev"

  /// What the next frame gets as `previous_bev`, each value in [-1, 1].
  public static let bev = "bev"
  /// Logits, a channel a class.
  public static let heatmap = "detection.heatmap"
  /// Where in its cell a centre is, along i and j, in cells from the cell's lower corner.
  public static let offset = "detection.offset"
  /// The centre's z in the ego frame, in metres.
  public static let height = "detection.height"
  /// Natural logarithms of width, length and height in metres.
  public static let size = "detection.size"
  /// Sine and cosine of the heading about the ego's z.
  public static let rotation = "detection.rotation"
  /// Velocity over ground along the ego's x and y, in m/s.
  public static let velocity = "detection.velocity"
  /// Logits of `DetectionAttributes.names`.
  public static let attribute = "detection.attribute"
  /// Logits on the result grid, a channel a layer.
  public static let map = "map.logits"
  /// Logits on the result grid: occupied, observed.
  public static let occupancy = "occupancy.logits"
  /// Logits `[cell, 18, 16 u u]` of the grid's cells within Occ3D's volume, in u x u columns a cell: class, then (di, dj, k)
  /// with k upwards.
  public static let volume = "occupancy.volume"
  /// What trajectories are made from.
  public static let trajectoryFeatures = "trajectory.features"
}
