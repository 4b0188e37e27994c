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
    .library(name: "ApusLiftSplat", targets: ["Files", "NeuralEngine", "LiftSplat"]),
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
    .target(name: "Algorithms", exclude: ["README.md"]),
    .target(name: "Geometry", exclude: ["README.md"]),
    .target(name: "Scenes", dependencies: ["Geometry", "Algorithms"], exclude: ["README.md"]),
    .target(name: "Files", dependencies: ["CZip", "CSpng"], exclude: ["README.md"]),
    .target(
      name: "Recording", dependencies: ["Geometry", "Scenes", "Files", "CSimdJSON"],
      exclude: ["README.md"]),
    .target(
      name: "Calibration", dependencies: ["Algorithms", "Geometry", "Scenes", "PointClouds", "CPCL", yams],
      exclude: ["README.md"]),
    .target(name: "FrameSync", dependencies: ["Algorithms", "Geometry", "Scenes"], exclude: ["README.md"]),
    .target(name: "CameraInput", dependencies: ["Geometry", "Scenes", "CTurboJPEG"], exclude: ["README.md"]),
    .target(
      name: "PointClouds", dependencies: ["Algorithms", "Geometry", "Scenes", "CPCL"], exclude: ["README.md"]),
    .target(
      name: "FrameInput",
      dependencies: [
        "Geometry", "Scenes", "Recording", "CameraInput", "PointClouds", "LiftSplat",
      ], exclude: ["README.md"]),
    .target(
      name: "NeuralEngine", dependencies: ["COneDNN", "CVectorKernels", "Files", protobuf],
      exclude: ["README.md"]),
    .target(
      name: "LiftSplat",
      dependencies: ["Algorithms", "Geometry", "Scenes", "PointClouds", "NeuralEngine", "CVectorKernels"],
      exclude: ["README.md"]),
    .target(
      name: "Perception",
      dependencies: ["Algorithms", "Geometry", "Scenes", "PointClouds", "LiftSplat", "NeuralEngine"],
      exclude: ["README.md"]),
    .target(name: "Tracking", dependencies: ["Algorithms", "Geometry", "Scenes"], exclude: ["README.md"]),
    .target(
      name: "TrajectoryRefiner", dependencies: ["Geometry", "Scenes", "NeuralEngine"],
      exclude: ["README.md"]),
    .target(
      name: "Forecasting", dependencies: ["Geometry", "Scenes", "Tracking", "TrajectoryRefiner"],
      exclude: ["README.md"]),
    .target(
      name: "Models",
      dependencies: [
        "Geometry", "Scenes", "Files", "Calibration", "CameraInput", "PointClouds", "NeuralEngine", "LiftSplat",
        "Perception", "TrajectoryRefiner", yams,
      ], exclude: ["README.md", "Networks/README.md"]),
    .target(name: "Results", dependencies: ["Geometry", "Scenes", "Files"], exclude: ["README.md"]),
    .target(
      name: "Drawing", dependencies: ["Geometry", "Scenes", "Files", "Results"], exclude: ["README.md"]),
    .target(
      name: "Evaluation",
      dependencies: ["Algorithms", "Geometry", "Scenes", "Files", "Recording", "Results"],
      exclude: ["README.md"]),
    .target(
      name: "Simulation",
      dependencies: [
        "Algorithms", "Geometry", "Scenes", "Recording", "Calibration", "Files", "CTurboJPEG",
      ], exclude: ["README.md", "LiDAR/README.md"]),
    .target(
      name: "Pipeline",
      dependencies: [
        "Geometry", "Scenes", "Files", "Recording", "FrameSync", "CameraInput", "PointClouds", "FrameInput",
        "NeuralEngine", "LiftSplat", "Perception", "Tracking", "Forecasting", "TrajectoryRefiner", "Models",
        "Results", "Drawing", "CMalloc",
      ], exclude: ["README.md"]),
    .executableTarget(
      name: "apus",
      dependencies: [
        "Geometry", "Scenes", "Files", "Recording", "Calibration", "FrameSync", "NeuralEngine", "Models",
        "Results", "Drawing", "Evaluation", "Simulation", "Pipeline", argumentParser, yams,
      ], exclude: ["README.md"]),

    // Tests
    .target(name: "TestKit", dependencies: ["Geometry", "Scenes"], path: "Tests/TestKit"),
    .testTarget(name: "AlgorithmsTests", dependencies: ["Algorithms"]),
    .testTarget(name: "GeometryTests", dependencies: ["Geometry"]),
    .testTarget(name: "FilesTests", dependencies: ["Files"]),
    .testTarget(name: "RecordingTests", dependencies: ["Geometry", "Scenes", "Recording"]),
    .testTarget(name: "CalibrationTests", dependencies: ["Geometry", "Scenes", "Recording", "Calibration"]),
    .testTarget(name: "FrameSyncTests", dependencies: ["Geometry", "Scenes", "Recording", "FrameSync"]),
    .testTarget(name: "CameraInputTests", dependencies: ["Geometry", "Scenes", "CameraInput"]),
    .testTarget(name: "PointCloudsTests", dependencies: ["Geometry", "Scenes", "PointClouds"]),
    .testTarget(
      name: "PerceptionTests",
      dependencies: [
        "Geometry", "Scenes", "Files", "Recording", "FrameSync", "CameraInput", "PointClouds", "LiftSplat",
        "NeuralEngine", "Perception", "Tracking",
      ], exclude: ["Fixtures"]),
    .testTarget(name: "TrackingTests", dependencies: ["Algorithms", "Geometry", "Scenes", "Tracking"]),
    .testTarget(name: "ForecastingTests", dependencies: ["Geometry", "Scenes", "Forecasting"]),
    .testTarget(name: "ResultsTests", dependencies: ["Geometry", "Scenes", "Files", "Results", "TestKit"]),
    .testTarget(name: "DrawingTests", dependencies: ["Geometry", "Scenes", "Drawing", "TestKit"]),
    .testTarget(
      name: "EvaluationTests",
      dependencies: ["Geometry", "Scenes", "Files", "Recording", "Results", "Evaluation"]),
    .testTarget(
      name: "LiftSplatTests", dependencies: ["Geometry", "Files", "NeuralEngine", "LiftSplat"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "NeuralEngineTests", dependencies: ["Files", "NeuralEngine"], exclude: ["Fixtures"]),
    .testTarget(
      name: "TrajectoryRefinerTests",
      dependencies: [
        "Geometry", "Scenes", "Files", "Recording", "NeuralEngine", "TrajectoryRefiner", "Forecasting",
      ]),
    .testTarget(
      name: "ModelsTests",
      dependencies: ["Files", "Calibration", "CameraInput", "NeuralEngine", "LiftSplat", "Models"]),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["Algorithms", "Geometry", "Scenes", "Recording", "Calibration", "Simulation"]),
    .testTarget(name: "HouseTests"),
    .testTarget(
      name: "ProgramTests",
      dependencies: ["apus", "Geometry", "Scenes", "Files", "Recording", "Results", "NeuralEngine", "CTurboJPEG"]),
    .testTarget(name: "PipelineTests", dependencies: ["Pipeline"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
