import Foundation

/// Recordings in other layouts than nuScenes', recognised by what lies in their folder, so that one given as a dataroot is
/// told apart from a wrong path.
enum ForeignRecording {
  /// What a folder or file looks like, with what is to be done; nil where it is none that is known.
  static func description(of path: String) -> String? {
    let lower = path.lowercased()
    if let (_, name) = fileKinds.first(where: { lower.hasSuffix($0.ending) }) { return name }
    let manager = FileManager.default
    for (name, signs) in folderKinds
    where signs.contains(where: { $0.allSatisfy { manager.fileExists(atPath: "\(path)/\($0)") } }) {
      return name
    }
    do {
      for file in try manager.contentsOfDirectory(atPath: path).sorted() {
        let lower = file.lowercased()
        if let (_, name) = fileKinds.first(where: { lower.hasSuffix($0.ending) }) {
          return "a folder with \(file), \(name)"
        }
        // A folder of Argoverse logs.
        if manager.fileExists(atPath: "\(path)/\(file)/city_SE3_egovehicle.feather") {
          return "Argoverse 2 logs"
        }
      }
    } catch {
      return nil
    }
    return nil
  }

  private static let fileKinds: [(ending: String, name: String)] = [
    (".mcap", "an MCAP recording"), (".bag", "a ROS bag"), (".db3", "a ROS 2 bag"),
    (".tfrecord", "a Waymo recording"), (".tgz", "an archive that is not unpacked"),
    (".tar", "an archive that is not unpacked"), (".zip", "an archive that is not unpacked"),
  ]

  /// Names, and the files that betray them: all of one of the lists.
  private static let folderKinds: [(name: String, signs: [[String]])] = [
    (
      "a KITTI data set",
      [
        ["training/velodyne"], ["training/image_2"], ["velodyne", "calib"], ["velodyne_points", "oxts"],
        ["sequences/00/velodyne"], ["image_02", "velodyne_points"],
      ]
    ),
    (
      "an Argoverse 2 log",
      [["city_SE3_egovehicle.feather"], ["annotations.feather"], ["sensors/lidar", "calibration"]]
    ),
    ("an Argoverse 1 log", [["vehicle_calibration_info.json"], ["poses", "per_sweep_annotations_amodal"]]),
    ("Waymo's perception data in Parquet files", [["lidar_box", "camera_image"]]),
    ("a PandaSet sequence", [["annotations/cuboids", "lidar"]]),
  ]
}
