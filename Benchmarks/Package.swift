// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "Apus", path: "..")],
  targets: [
    .executableTarget(
      name: "voxel-benchmark", dependencies: [.product(name: "ApusPointClouds", package: "Apus")]),
    .executableTarget(
      name: "lift-splat-benchmark",
      dependencies: [
        .product(name: "ApusLiftSplat", package: "Apus"), .product(name: "ApusPointClouds", package: "Apus"),
      ]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
