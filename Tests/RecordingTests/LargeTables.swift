import Foundation
import Recording
import Testing

private let largeRoot = ProcessInfo.processInfo.environment["APUS_LARGE_DATAROOT"]

/// Prints the load time and peak memory that the module's README gives; `tools/large_tables.py` makes the tables.
@Test(.enabled(if: largeRoot != nil, "APUS_LARGE_DATAROOT names no tables of tools/large_tables.py"))
func largeTablesLoad() throws {
  let root = try #require(largeRoot)
  let before = usage()
  let start = ContinuousClock.now
  let dataset = try Dataset(root: root)
  let loaded = ContinuousClock.now
  let after = usage()
  let scene = try dataset.scene(named: try #require(dataset.sceneNames.last))
  let boxes = try dataset.annotations(sample: try #require(scene.keyframes.last).token)
  let answered = ContinuousClock.now
  #expect(scene.measurements.count == 40 * 77 && boxes.count == 34)
  print(
    "\(dataset.sceneNames.count) scenes: loaded in \(loaded - start) (\(after.seconds - before.seconds) s of one CPU), "
      + "one scene and a keyframe's boxes in \(answered - loaded), peak memory \(usage().memory / 1_000_000) MB "
      + "(\(before.memory / 1_000_000) MB before)")
}

/// The process's largest resident set in bytes, and its CPU time in seconds.
private func usage() -> (memory: Int, seconds: Double) {
  var usage = rusage()
  getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
  let times = [usage.ru_utime, usage.ru_stime]
  return (usage.ru_maxrss * 1024, times.map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }.reduce(0, +))
}
