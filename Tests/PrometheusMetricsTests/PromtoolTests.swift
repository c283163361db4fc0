import LongshoreTestKit
import Metrics
import PrometheusMetrics
import Testing

@Suite("Metrics that promtool reads", .enabled(Comment(rawValue: Promtool.requirement)) { await Promtool.isAvailable() })
struct PromtoolTests {
  @Test("have no faults")
  func metrics() async throws {
    let registry = try PrometheusRegistry([
      MetricDescription("a_moves_total", .counter, labels: [.init("outcome", ["done", "a\\b\"c\nd"])], help: "Moves \\ that\nhave ended."),
      MetricDescription("a_depth", .gauge, help: "How many wait."),
      MetricDescription("a_time_seconds", .histogram(bounds: [0.001, 0.1, 1, 10_000_000]), help: "How long it took."),
      MetricDescription("a_build_info", .info, labels: [.init("version", ["1.2"])], help: "What runs."),
    ])
    Gauge(label: "a_depth", dimensions: [], factory: registry).record(1e300)
    Timer(label: "a_time_seconds", dimensions: [], factory: registry).recordSeconds(0.0005)
    #expect(try await Promtool.faults(inMetrics: registry.exposition()) == "")
  }

  @Test("that are wrong have faults")
  func wrong() async throws {
    #expect(try await Promtool.faults(inMetrics: "# TYPE a counter\na 1\n") != "")
    #expect(try await Promtool.faults(inMetrics: "a{b=\"c} 1\n") != "")
  }
}
