// swift-tools-version: 6.1
import PackageDescription

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

/// What a module may import is its row here; `Tests/HouseTests` holds every `import` line against it.
let package = Package(
  name: "Apus",
  products: [
    .executable(name: "apus", targets: ["apus"]),
    // For Benchmarks, a package of its own.
    .library(name: "ApusPointClouds", targets: ["Geometry", "Scenes", "CPCL", "PointClouds", "Perception"]),
    .library(name: "ApusLiftSplat", targets: ["ArrayFiles", "NeuralEngine", "LiftSplat"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
  ],
  targets: [
    // C libraries
    .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
    .systemLibrary(name: "CMalloc"),
    .systemLibrary(name: "CSpng", pkgConfig: "spng", providers: [.apt(["libspng-dev"])]),
    .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .target(
      name: "CSimdJSON", exclude: ["README.md"], cxxSettings: [.define("NDEBUG")],
      linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "CVectorKernels", exclude: ["README.md"]),
    // PCL's and Eigen's header search paths, by pkg-config, for CPCL alone.
    .systemLibrary(name: "CPCLHeaders", pkgConfig: "pcl_common", providers: [.apt(["libpcl-dev"])]),
    .target(
      name: "CPCL", dependencies: ["CPCLHeaders"], exclude: ["README.md"],
      // Debian's PCL is built for plain x86-64: a wider Eigen alignment here would not be the library's.
      cxxSettings: [.define("EIGEN_MAX_ALIGN_BYTES", to: "16"), .define("NDEBUG")],
      linkerSettings: [
        .linkedLibrary("pcl_common"), .linkedLibrary("pcl_segmentation"),
        .linkedLibrary("pcl_sample_consensus"),
        .linkedLibrary("pcl_filters"), .linkedLibrary("pcl_search"), .linkedLibrary("pcl_kdtree"),
        .linkedLibrary("pcl_registration"),
      ]),

    // Stages and tools, in the order of the data
    .target(name: "Geometry", exclude: ["README.md"]),
    .target(name: "Scenes", dependencies: ["Geometry"], exclude: ["README.md"]),
    .target(name: "ArrayFiles", dependencies: ["CZip", "CSpng"], exclude: ["README.md"]),
    .target(
      name: "Recording", dependencies: ["Geometry", "Scenes", "ArrayFiles", "CSimdJSON"],
      exclude: ["README.md"]),
    .target(
      name: "Calibration", dependencies: ["Geometry", "Scenes", "PointClouds", "CPCL", yams],
      exclude: ["README.md"]),
    .target(name: "FrameSync", dependencies: ["Geometry", "Scenes"], exclude: ["README.md"]),
    .target(name: "CameraInput", dependencies: ["Geometry", "Scenes", "CTurboJPEG"], exclude: ["README.md"]),
    .target(name: "PointClouds", dependencies: ["Geometry", "Scenes", "CPCL"], exclude: ["README.md"]),
    .target(
      name: "Perception",
      dependencies: ["Geometry", "Scenes", "PointClouds", "LiftSplat", "NeuralEngine", "CVectorKernels"],
      exclude: ["README.md"]),
    .target(name: "Results", dependencies: ["Geometry", "Scenes", "ArrayFiles"], exclude: ["README.md"]),
    .target(
      name: "Evaluation", dependencies: ["Geometry", "Scenes", "Recording", "Results"], exclude: ["README.md"]
    ),
    .target(
      name: "NeuralEngine", dependencies: ["COneDNN", "CVectorKernels", "ArrayFiles", protobuf],
      exclude: ["README.md"]),
    .target(name: "NeuralTraining", dependencies: ["ArrayFiles", "NeuralEngine"], exclude: ["README.md"]),
    .target(
      name: "LiftSplat", dependencies: ["Geometry", "NeuralEngine", "CVectorKernels"], exclude: ["README.md"]),
    .target(
      name: "TrajectoryRefiner", dependencies: ["Geometry", "Scenes", "NeuralEngine"],
      exclude: ["README.md"]),
    .target(
      name: "Simulation",
      dependencies: ["Geometry", "Scenes", "Recording", "Calibration", "ArrayFiles", "CTurboJPEG"],
      exclude: ["README.md", "LiDAR/README.md"]),
    .target(
      name: "Pipeline",
      dependencies: [
        "Geometry", "Scenes", "ArrayFiles", "Recording", "Calibration", "FrameSync", "CameraInput",
        "PointClouds", "NeuralEngine", "LiftSplat", "Perception", "TrajectoryRefiner", "Results",
        "CMalloc",
      ], exclude: ["README.md"]),
    .executableTarget(
      name: "apus",
      dependencies: [
        "Geometry", "Scenes", "ArrayFiles", "Recording", "Calibration", "FrameSync", "CameraInput",
        "PointClouds", "NeuralEngine", "LiftSplat", "Perception", "TrajectoryRefiner", "Results",
        "Evaluation", "Simulation", "Pipeline", argumentParser, yams,
      ], exclude: ["README.md"]),

    // Tests
    .testTarget(name: "GeometryTests", dependencies: ["Geometry"]),
    .testTarget(name: "ArrayFilesTests", dependencies: ["ArrayFiles"]),
    .testTarget(name: "RecordingTests", dependencies: ["Geometry", "Scenes", "Recording"]),
    .testTarget(name: "CalibrationTests", dependencies: ["Geometry", "Scenes", "Recording", "Calibration"]),
    .testTarget(name: "FrameSyncTests", dependencies: ["Geometry", "Scenes", "Recording", "FrameSync"]),
    .testTarget(name: "CameraInputTests", dependencies: ["Geometry", "Scenes", "CameraInput"]),
    .testTarget(name: "PointCloudsTests", dependencies: ["Geometry", "Scenes", "PointClouds"]),
    .testTarget(
      name: "PerceptionTests",
      dependencies: [
        "Geometry", "Scenes", "ArrayFiles", "Recording", "FrameSync", "CameraInput", "PointClouds",
        "LiftSplat",
        "NeuralEngine", "Perception",
      ], exclude: ["Fixtures"]),
    .testTarget(name: "ResultsTests", dependencies: ["Geometry", "Scenes", "ArrayFiles", "Results"]),
    .testTarget(
      name: "EvaluationTests", dependencies: ["Geometry", "Scenes", "Recording", "Results", "Evaluation"]),
    .testTarget(
      name: "LiftSplatTests", dependencies: ["Geometry", "ArrayFiles", "NeuralEngine", "LiftSplat"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "NeuralEngineTests", dependencies: ["ArrayFiles", "NeuralEngine"], exclude: ["Fixtures"]),
    .testTarget(name: "NeuralTrainingTests", dependencies: ["NeuralEngine", "NeuralTraining"]),
    .testTarget(
      name: "TrajectoryRefinerTests",
      dependencies: ["Geometry", "Scenes", "ArrayFiles", "Recording", "NeuralEngine", "TrajectoryRefiner"]),
    .testTarget(
      name: "SimulationTests", dependencies: ["Geometry", "Scenes", "Recording", "Calibration", "Simulation"]),
    .testTarget(name: "HouseTests"),
    .testTarget(
      name: "ProgramTests",
      dependencies: ["apus", "Geometry", "Scenes", "ArrayFiles", "Recording", "Results", "CTurboJPEG"]),
    .testTarget(
      name: "PipelineTests",
      dependencies: ["ArrayFiles", "Calibration", "CameraInput", "NeuralEngine", "LiftSplat", "Pipeline"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
