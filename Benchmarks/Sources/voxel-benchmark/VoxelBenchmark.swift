import Foundation
import PointCloudPeers
import PointClouds
import Scenes

/// Thinning side by side with PCL's VoxelGrid: the same cloud, the same voxels, in turns within one run.
@main
struct VoxelBenchmark {
  static func main() throws {
    guard CommandLine.arguments.count == 2 else {
      FileHandle.standardError.write(
        Data("usage: voxel-benchmark FILE.pcd.bin (nuScenes' five floats a point)\n".utf8))
      exit(64)
    }
    let path = CommandLine.arguments[1]
    let cloud = try read(path)
    print("machine: \(machine()); \(cloud.count) points of \(path)")
    print(
      "leaf m   voxels   PCL ms   ours ms, 1 thread   2 threads   PCL / ours   worst centroid difference m")
    for leaf: Float in [0.1, 0.2, 0.4] { try compare(cloud, leaf: leaf) }
  }

  /// The best of 200 runs each, in blocks of ten that take turns: each meets the same machine with its own memory warm,
  /// and the best is the run that the machine's other work disturbed least.
  static func compare(_ cloud: PointCloud, leaf: Float) throws {
    var voxelizer = Voxelizer()
    var thinned = PointCloud()
    var best = [Double](repeating: .infinity, count: 3)
    for _ in 0..<20 {
      let library = try LibraryVoxelGrid.milliseconds(cloud, leaf: leaf, repeats: 10)
      best[0] = library.reduce(best[0], min)
      for threads in [1, 2] {
        for _ in 0..<10 {
          let start = DispatchTime.now().uptimeNanoseconds
          _ = try voxelizer.thin(cloud, leaf: leaf, threads: threads, into: &thinned)
          best[threads] = min(best[threads], Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-6)
        }
      }
    }
    let difference = try worstDifference(cloud, leaf: leaf, voxelizer: &voxelizer)
    print(
      String(
        format: "%6.2f %8d %8.3f %19.3f %11.3f %11.2fx %29.1e", leaf, difference.voxels, best[0], best[1],
        best[2], best[0] / best[1], difference.worst))
  }

  /// Checks that both gave the same voxels: as many, and every centroid of PCL's near one of ours.
  ///
  /// A mean can be rounded over its cube's border, so the cubes around are searched too.
  static func worstDifference(
    _ cloud: PointCloud, leaf: Float, voxelizer: inout Voxelizer
  ) throws -> (voxels: Int, worst: Float) {
    let ours = try voxelizer.thinned(cloud, leaf: leaf).cloud
    let theirs = try LibraryVoxelGrid.thinned(cloud, leaf: leaf)
    guard ours.count == theirs.count else {
      throw PointCloudsError(
        stage: "benchmark", field: "voxels", found: "\(ours.count)", expected: "PCL's \(theirs.count)")
    }
    var near: [SIMD3<Float>: [Int]] = [:]
    for v in 0..<ours.count { near[(ours.position(v) / leaf).rounded(.down), default: []].append(v) }
    var worst: Float = 0
    for p in theirs {
      let cube = (p / leaf).rounded(.down)
      var nearest = Float.infinity
      for k in 0..<27 {
        let offset = SIMD3<Float>(Float(k / 9 - 1), Float(k / 3 % 3 - 1), Float(k % 3 - 1))
        for v in near[cube + offset] ?? [] {
          let d = ours.position(v) - p
          nearest = min(nearest, max(abs(d.x), abs(d.y), abs(d.z)))
        }
      }
      worst = max(worst, nearest)
    }
    return (ours.count, worst)
  }

  static func read(_ path: String) throws -> PointCloud {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let values = data.withUnsafeBytes { bytes in
      (0..<data.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    var cloud = PointCloud()
    for k in stride(from: 0, to: values.count - 4, by: 5) {
      cloud.append(
        SIMD3(values[k], values[k + 1], values[k + 2]), intensity: values[k + 3], ring: values[k + 4], age: 0)
    }
    return cloud
  }

  static func machine() -> String {
    let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }
    return
      "\(model?.split(separator: ":").last.map(String.init) ?? "unknown"), \(ProcessInfo.processInfo.activeProcessorCount) cores"
  }
}
