import Foundation
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

  /// Medians of 101 runs each, in blocks that alternate so that both meet the same machine.
  static func compare(_ cloud: PointCloud, leaf: Float) throws {
    var voxelizer = Voxelizer()
    var times: [[Double]] = [[], [], []]
    for _ in 0..<101 {
      times[0] += try LibraryVoxelGrid.milliseconds(cloud, leaf: leaf, repeats: 1)
      for threads in [1, 2] {
        let start = DispatchTime.now().uptimeNanoseconds
        _ = try voxelizer.thinned(cloud, leaf: leaf, threads: threads)
        times[threads].append(Double(DispatchTime.now().uptimeNanoseconds - start) * 1e-6)
      }
    }
    let medians = times.map { $0.sorted()[$0.count / 2] }
    let difference = try worstDifference(cloud, leaf: leaf, voxelizer: &voxelizer)
    print(
      String(
        format: "%6.2f %8d %8.3f %19.3f %11.3f %11.2fx %29.1e", leaf, difference.voxels, medians[0],
        medians[1],
        medians[2], medians[0] / medians[1], difference.worst))
  }

  /// Checks that both gave the same voxels: every centroid of PCL's beside the one of ours in the same cube.
  static func worstDifference(
    _ cloud: PointCloud, leaf: Float, voxelizer: inout Voxelizer
  ) throws -> (voxels: Int, worst: Float) {
    let ours = try voxelizer.thinned(cloud, leaf: leaf).cloud
    let theirs = try LibraryVoxelGrid.thinned(cloud, leaf: leaf)
    guard ours.count == theirs.count else {
      throw PointCloudsError(
        stage: "benchmark", field: "voxels", found: "\(ours.count)", expected: "PCL's \(theirs.count)")
    }
    // PCL sorts by z, then y, then x.
    func key(_ p: SIMD3<Float>) -> SIMD3<Float> { (p / leaf).rounded(.down) }
    func precedes(_ a: SIMD3<Float>, _ b: SIMD3<Float>) -> Bool {
      let (a, b) = (key(a), key(b))
      return a.z != b.z ? a.z < b.z : a.y != b.y ? a.y < b.y : a.x < b.x
    }
    let left = (0..<ours.count).map { ours.position($0) }.sorted(by: precedes)
    var worst: Float = 0
    for (a, b) in zip(left, theirs.sorted(by: precedes)) {
      worst = max(worst, abs(a.x - b.x), abs(a.y - b.y), abs(a.z - b.z))
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
