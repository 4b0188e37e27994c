import ArgumentParser
import Calibration
import Foundation
import Simulation

struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Makes drives in nuScenes layout with exact truth, or re-renders the traffic of recorded ones.",
    discussion: """
      Examples:
        apus simulate --out drives --scenes 5 --seed 1
        apus simulate --out rendered --from ../shared/data/nuscenes-mini-traffic --scene scene-0061 --scale 0.25
      """)

  @Option(help: "The dataroot to write: a new folder.") var out: String
  @Option(help: "How many scenes to make from the seed.") var scenes: Int?
  @Option(help: "What everything random derives from.") var seed: UInt64 = 0
  @Option(help: "A dataroot whose map, tracks and ego path get simulated sensors.") var from: String?
  @Option(help: "One scene of --from; without it all.") var scene: String?
  @Option(help: "The sensors, as YAML; without it nuScenes' rig.") var rig: String?
  @Option(help: "Size of images over the rig's.") var scale: Double = 1
  @Option(name: .customLong("lidar-hz"), help: "LiDAR sweeps recorded a second: 2 (keyframes alone) to 20.")
  var lidarHertz: Double = 10
  @Option(help: "Seconds a scene, two keyframes each; 20 without it, or the recorded scene's own.")
  var seconds: Double?
  @Option(help: "Faults, such as drop-camera=CAM_BACK@3..5,jitter=8ms,offset=CAM_FRONT:40ms.")
  var fault: String?
  @Option(name: .customLong("pose-noise"), help: "Standard deviation of recorded ego poses, in metres.")
  var poseNoise: Double = 0
  @Option(name: .customLong("motion-blur"), help: "Pictures averaged over an exposure; 1: no motion blur.")
  var motionBlur: Int = 1
  @Option(name: .customLong("jpeg-quality"), help: "Quality of images, 1 to 100.") var jpegQuality: Int = 90
  @Flag(name: .customLong("image-truth"), help: "Write depth, class and actor of each pixel too.")
  var imageTruth = false
  @Option(help: "Threads.") var threads: Int = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: "Print what was written as one JSON value.") var json = false

  func validate() throws {
    if (scenes == nil) == (from == nil) {
      throw ValidationError("Give either --scenes N or --from DATAROOT.")
    }
    if scene != nil, from == nil { throw ValidationError("--scene names a scene of --from DATAROOT.") }
  }

  func run() throws {
    let source: SimulationOptions.Source
    if let from {
      source = .recorded(root: from, scene: scene, seed: seed)
    } else {
      source = .procedural(scenes: scenes ?? 0, seed: seed)
    }
    let options = try SimulationOptions(
      out: out, source: source, rig: try rig.map { try Rig(contentsOf: $0) },
      rigFile: rig ?? "the built-in rig",
      scale: scale, lidarHertz: lidarHertz, seconds: seconds, faultText: fault, threads: threads,
      poseNoise: poseNoise, savesImageTruth: imageTruth, motionBlurSamples: motionBlur,
      jpegQuality: jpegQuality)
    var simulator = try Simulator(options)
    Interruption.deferToWork()
    var bar: ProgressReport?
    do {
      let summary = try simulator.run(isCancelled: { Interruption.isRequested }) { step in
        if bar == nil { bar = ProgressReport(label: "simulate", total: step.total) }
        bar?.update(done: step.done, detail: step.scene)
      }
      bar?.finish()
      try report(summary)
    } catch is SimulationInterrupted {
      bar?.finish()
      Output.note(
        "apus: interrupted; the scenes that were finished are in \(out), and the same command goes on")
      throw ExitCode(Interruption.exitCode)
    }
  }

  private func report(_ summary: SimulationSummary) throws {
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      try Output.result(String(decoding: try encoder.encode(summary), as: UTF8.self))
      return
    }
    for scene in summary.scenes {
      try Output.result(
        "\(scene.name): \(scene.keyframes) keyframes, \(scene.images) images, \(scene.sweeps) sweeps with "
          + "\(scene.points) points, \(scene.annotations) annotations")
    }
    let t = summary.times
    func text(_ value: Double) -> String { String(format: "%.1f", value) }
    try Output.result(
      "\(text(summary.seconds)) s: world \(text(t.world)), geometry \(text(t.geometry)), sensors \(text(t.sensors)), "
        + "occupancy \(text(t.occupancy)), writing \(text(t.writing))")
  }
}
