// swift-tools-version: 6.1
import PackageDescription

/// The readers that take files from strangers under libFuzzer and AddressSanitizer; see `soak.mk`. The modules are the
/// program's own, by links.
let package = Package(
  name: "Fuzz",
  dependencies: [.package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0")],
  targets: [
    .systemLibrary(name: "CSpng", pkgConfig: "spng"),
    .systemLibrary(name: "CZip", pkgConfig: "libzip"),
    .systemLibrary(name: "COneDNN"),
    .target(name: "CVectorKernels", exclude: ["README.md"]),
    .target(name: "Files", dependencies: ["CZip", "CSpng"], exclude: ["README.md"]),
    .target(
      name: "NeuralEngine",
      dependencies: [
        "COneDNN", "CVectorKernels", "Files", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
      ],
      exclude: ["README.md"]),
    .executableTarget(name: "FuzzReaders", dependencies: ["Files", "NeuralEngine"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17)
