import Drawing
import Files
import Foundation
import Results
import Testing

@Suite struct HTMLReportTests {
  private let chart = LineChart(
    title: "a < b", horizontal: "x", vertical: "y",
    lines: [.init(name: "one & two", points: [SIMD2(0, 0), SIMD2(0.5, 1)])], hasDiagonal: true)

  @Test func aPageHoldsAllThatItShows() throws {
    let folder = NSTemporaryDirectory() + "apus-report-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: "\(folder)/preview/s", withIntermediateDirectories: true)
    let picture: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3]
    try Data(picture).write(to: URL(fileURLWithPath: "\(folder)/preview/s/0001_000.5s_k.jpg"))
    let page = try HTMLReport(
      figures: "mAP 0.5 <b>", charts: [chart],
      frames: [
        .init(scene: "s", sample: "k", caption: "3 missed"),
        .init(scene: "s", sample: "other", caption: "1 missed"),
        .init(scene: "..", sample: "<script>", caption: "0"),
      ], manifest: nil, folder: folder, truth: "data"
    ).html()
    #expect(page.contains("<svg") && page.contains("mAP 0.5 &lt;b&gt;"))
    #expect(page.contains("data:image/jpeg;base64,\(Data(picture).base64EncodedString())"))
    #expect(
      page.contains("s other: 1 missed (no picture)") && page.contains(".. &lt;script&gt;: 0 (no picture)"))
    // Nothing is fetched: the only address is the name of SVG's namespace.
    #expect(!page.replacing("http://www.w3.org/2000/svg", with: "").contains("http"))
    #expect(!page.contains("<script"))
    try FileManager.default.removeItem(atPath: folder)
  }

  @Test func framesThatWereNotProcessedAreListedWithTheirReasons() throws {
    var manifest = RunManifest(
      version: "1", command: [], threads: 1, cpu: "", configuration: .members([:]),
      versionFolder: "v1.0-mini",
      split: nil, scenes: ["s"])
    manifest.frames = [
      FrameRecord(scene: "s", sample: "a", status: .ok, reasons: [], milliseconds: []),
      FrameRecord(scene: "s", sample: "b", status: .skipped, reasons: ["no <file>"], milliseconds: []),
    ]
    let page = try HTMLReport(figures: "", manifest: manifest, folder: "run", truth: "data").html()
    #expect(page.contains("s b: skipped: no &lt;file&gt;") && !page.contains("s a:"))
  }

  @Test func aChartPutsTheOriginBelowLeft() {
    // The unit square is 320 wide with a margin of 48: (0, 0) is at (48, 368), (0.5, 1) at (208, 48).
    #expect(chart.svg.contains("points=\"48.0,368.0 208.0,48.0\""))
    #expect(chart.svg.contains("one &amp; two") && chart.svg.contains("a &lt; b"))
    #expect(chart.svg.contains("points=\"48.0,368.0 368.0,48.0\""), "the diagonal")
  }
}
