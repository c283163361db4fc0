import CoreMetrics
import Metrics
import Testing

@testable import PrometheusMetrics

@Suite("Metrics as Prometheus reads them")
struct PrometheusRegistryTests {
  private static let descriptions = [
    MetricDescription("a_moves_total", .counter, labels: [.init("outcome", ["done", "failed"])], help: "Moves that have ended."),
    MetricDescription("a_depth", .gauge, help: "How many wait: a \\ and a\nline."),
    MetricDescription(
      "a_time_seconds", .histogram(bounds: [0.1, 1, 10]), labels: [.init("kind", ["x"])], help: "How long \"it\" took."),
    MetricDescription("a_build_info", .info, labels: [.init("version", ["1.2"])], help: "What runs."),
    MetricDescription("a_free_bytes", .gauge, labels: [.init("pool")], help: "Free space."),
  ]

  private func registry(maximumSeries: Int = 1000) throws -> PrometheusRegistry {
    try PrometheusRegistry(Self.descriptions, maximumSeries: maximumSeries)
  }

  @Test("are there from the start, at zero, where their labels are known")
  func zero() throws {
    #expect(
      try registry().exposition() == """
        # HELP a_moves_total Moves that have ended.
        # TYPE a_moves_total counter
        a_moves_total{outcome="done"} 0
        a_moves_total{outcome="failed"} 0
        # HELP a_depth How many wait: a \\\\ and a\\nline.
        # TYPE a_depth gauge
        a_depth 0
        # HELP a_time_seconds How long "it" took.
        # TYPE a_time_seconds histogram
        a_time_seconds_bucket{kind="x",le="0.1"} 0
        a_time_seconds_bucket{kind="x",le="1.0"} 0
        a_time_seconds_bucket{kind="x",le="10.0"} 0
        a_time_seconds_bucket{kind="x",le="+Inf"} 0
        a_time_seconds_sum{kind="x"} 0
        a_time_seconds_count{kind="x"} 0
        # HELP a_build_info What runs.
        # TYPE a_build_info gauge
        a_build_info{version="1.2"} 1
        # HELP a_free_bytes Free space.
        # TYPE a_free_bytes gauge

        """)
  }

  @Test("take what swift-metrics measures")
  func measured() throws {
    let registry = try registry()
    Counter(label: "a_moves_total", dimensions: [("outcome", "done")], factory: registry).increment(by: 3)
    FloatingPointCounter(label: "a_moves_total", dimensions: [("outcome", "failed")], factory: registry).increment(by: 0.5)
    Gauge(label: "a_depth", dimensions: [], factory: registry).record(7.25)
    let timer = Timer(label: "a_time_seconds", dimensions: [("kind", "x")], factory: registry)
    timer.recordMilliseconds(100)
    timer.recordMilliseconds(101)
    timer.recordSeconds(11)
    Meter(label: "a_free_bytes", dimensions: [("pool", "a \"b\"\\\nc")], factory: registry).set(1 << 40)
    let lines = registry.exposition().split(separator: "\n")
    for line in [
      "a_moves_total{outcome=\"done\"} 3", "a_moves_total{outcome=\"failed\"} 0.5", "a_depth 7.25",
      "a_time_seconds_bucket{kind=\"x\",le=\"0.1\"} 1", "a_time_seconds_bucket{kind=\"x\",le=\"1.0\"} 2",
      "a_time_seconds_bucket{kind=\"x\",le=\"10.0\"} 2", "a_time_seconds_bucket{kind=\"x\",le=\"+Inf\"} 3",
      "a_time_seconds_count{kind=\"x\"} 3", "a_free_bytes{pool=\"a \\\"b\\\"\\\\\\nc\"} 1099511627776",
    ] { #expect(lines.contains(line[...]), "\(line)") }
  }

  @Test("never let a counter fall")
  func counters() throws {
    let registry = try registry()
    registry.follow("a_moves_total", [("outcome", "done")], count: 5)
    registry.follow("a_moves_total", [("outcome", "done")], count: 4)
    Counter(label: "a_moves_total", dimensions: [("outcome", "done")], factory: registry).increment(by: -2)
    #expect(registry.exposition().contains("a_moves_total{outcome=\"done\"} 5\n"))
  }

  @Test("are replaced as a whole: what is not there any more is gone, or zero where it is known before")
  func replaced() throws {
    let registry = try registry()
    registry.replace("a_free_bytes", with: [([("pool", "p")], 1), ([("pool", "q")], 2)])
    registry.replace("a_free_bytes", with: [([("pool", "q")], 3)])
    registry.replace("a_depth", with: [([], 4)])
    registry.replace("a_depth", with: [])
    let text = registry.exposition()
    #expect(!text.contains("pool=\"p\"") && text.contains("a_free_bytes{pool=\"q\"} 3\n") && text.contains("a_depth 0\n"))
  }

  @Test("of which there would be too many, or that nobody described, are counted and not kept")
  func bounded() throws {
    let registry = try registry(maximumSeries: 2)
    for pool in ["p", "q", "r"] { Meter(label: "a_free_bytes", dimensions: [("pool", pool)], factory: registry).set(1) }
    Counter(label: "nobody_knows_total", dimensions: [], factory: registry).increment()
    Counter(label: "a_moves_total", dimensions: [("other", "done")], factory: registry).increment()
    registry.replace("a_free_bytes", with: ["p", "q", "r"].map { ([("pool", $0)], 1) })
    #expect(registry.droppedCount == 4)
    #expect(registry.values(of: "a_free_bytes").count == 2)
    #expect(!registry.exposition().contains("nobody"))
  }

  @Test(
    "have names that Prometheus takes",
    arguments: [
      MetricDescription("1a", .gauge, help: "No."), MetricDescription("a-b", .gauge, help: "No."), MetricDescription("a", .gauge, help: ""),
      MetricDescription("a", .counter, help: "No."), MetricDescription("a_total", .gauge, help: "No."),
      MetricDescription("a", .info, help: "No."), MetricDescription("a", .histogram(bounds: []), help: "No."),
      MetricDescription("a", .histogram(bounds: [1, 1]), help: "No."),
      MetricDescription("a", .histogram(bounds: [1]), labels: [.init("le")], help: "No."),
      MetricDescription("a", .gauge, labels: [.init("__a")], help: "No."),
      MetricDescription("a", .gauge, labels: [.init("é")], help: "No."),
      MetricDescription("a", .gauge, labels: [.init("b"), .init("b")], help: "No."),
      MetricDescription("a_bucket", .histogram(bounds: [1]), help: "No."),
    ])
  func refused(description: MetricDescription) {
    #expect(throws: UnusableMetric.self) { try PrometheusRegistry([description]) }
  }

  @Test func areDescribedOnce() {
    let one = MetricDescription("a", .gauge, help: "One.")
    #expect(throws: UnusableMetric.self) { try PrometheusRegistry([one, one]) }
  }

  @Test("are shown as OpenMetrics to those who ask for it")
  func openMetrics() throws {
    let text = try registry().exposition(.openMetrics)
    #expect(text.contains("# TYPE a_moves counter\na_moves_total{outcome=\"done\"} 0\n"))
    #expect(text.contains("# TYPE a_build info\na_build_info{version=\"1.2\"} 1\n"))
    #expect(text.contains("# HELP a_time_seconds How long \\\"it\\\" took.\n"))
    #expect(text.hasSuffix("# EOF\n"))
  }

  @Test(
    "come in the format that is asked for",
    arguments: [
      (nil, .text), ("*/*", .text), ("text/plain", .text), ("application/openmetrics-text", .openMetrics),
      (
        "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3",
        .openMetrics
      ),
      ("application/openmetrics-text;version=0.0.1", .text), ("application/openmetrics-text;q=0", .text),
      ("text/plain;q=0.9, application/openmetrics-text ; q=0.2", .text),
    ] as [(String?, ExpositionFormat)])
  func accept(header: String?, format: ExpositionFormat) { #expect(ExpositionFormat(accept: header) == format) }
}
