import FoundationEssentials
import LongshoreTestKit
import PrometheusMetrics
import Testing

@testable import LongshoreAgent

@Suite("What an agent measures")
struct AgentMetricTests {
  @Test("can be shown, is named as the project is, and is told in sentences")
  func described() throws {
    _ = try AgentMetrics.registry()
    for metric in AgentMetric.all {
      #expect(metric.name.hasPrefix("longshore_") || metric.name.hasPrefix("process_"))
      #expect(metric.help.last == "." && metric.help.first.map { $0.isUppercase || $0.isNumber } == true, "\(metric.name)")
    }
  }

  @Test("has no faults for promtool", .enabled(Comment(rawValue: Promtool.requirement)) { await Promtool.isAvailable() })
  func promtool() async throws {
    #expect(try await Promtool.faults(inMetrics: AgentMetrics.registry().exposition()) == "")
  }

  /// The table between the markers. `LONGSHORE_RECORD_DOCUMENTS=1 swift test --filter AgentMetricTests` writes it anew.
  @Test("stands in the reference")
  func reference() throws {
    let file = "contrib/metrics/README.md"
    let begin = "<!-- The metrics of LongshoreAgent/Monitoring/AgentMetric.swift; written by AgentMetricTests. -->\n"
    let end = "<!-- End of the metrics. -->"
    var rows = ["| metric | type | labels | what it is |", "| --- | --- | --- | --- |"]
    for metric in AgentMetric.all {
      let labels = metric.labels.map { label in
        let values = label.values.count > 12 || metric.kind == .info ? [] : label.values
        return "`\(label.name)`" + (values.isEmpty ? "" : ": \(values.map { "`\($0)`" }.joined(separator: ", "))")
      }
      rows.append("| `\(metric.name)` | \(metric.type) | \(labels.joined(separator: "; ")) | \(metric.help) |")
    }
    var text = try Repository.text(file)
    let start = try #require(text.firstRange(of: begin)).upperBound
    let stop = try #require(text.firstRange(of: end)).lowerBound
    let table = rows.map { $0 + "\n" }.joined()
    if ProcessInfo.processInfo.environment["LONGSHORE_RECORD_DOCUMENTS"] == "1" {
      text.replaceSubrange(start..<stop, with: table)
      try text.write(toFile: Repository.path(file), atomically: true, encoding: .utf8)
    } else {
      #expect(text[start..<stop] == table)
    }
  }
}
