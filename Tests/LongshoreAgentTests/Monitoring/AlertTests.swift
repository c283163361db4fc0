import FoundationEssentials
import LongshoreTestKit
import PrometheusMetrics
import Testing

@testable import LongshoreAgent

@Suite("Alerts and the dashboard")
struct AlertTests {
  /// The series that an agent shows.
  private static let series = Set(
    AgentMetric.all.flatMap { metric -> [String] in
      if case .histogram = metric.kind { return ["_bucket", "_sum", "_count"].map { metric.name + $0 } }
      return [metric.name]
    })

  /// The words of a text that are names of an agent's series, or mean to be.
  private func names(in text: String) -> Set<String> {
    Set(text.matches(of: /\b(?:longshore|process)_[a-z_]+/).map { String($0.output) })
  }

  @Test(
    "ask for what agents measure, and for nothing else", arguments: ["contrib/prometheus/rules.yaml", "contrib/prometheus/rules-test.yaml"])
  func rules(file: String) throws {
    let names = names(in: try Repository.text(file))
    #expect(names.count >= 10)
    #expect(names.subtracting(Self.series) == [])
  }

  private struct Dashboard: Decodable {
    struct Panel: Decodable {
      struct Target: Decodable { var expr: String }
      struct Place: Decodable, Hashable { var x, y, w, h: Int }
      var id: Int
      var title: String
      var targets: [Target]
      var gridPos: Place
    }
    var panels: [Panel]
  }

  @Test("The dashboard asks for what agents measure, of the hosts that are chosen")
  func dashboard() throws {
    let file = "contrib/grafana/longshore.json"
    let dashboard = try JSONDecoder().decode(Dashboard.self, from: Data(try Repository.text(file).utf8))
    #expect(names(in: try Repository.text(file)).subtracting(Self.series) == [])
    #expect(Set(dashboard.panels.map(\.id)).count == dashboard.panels.count)
    for panel in dashboard.panels {
      #expect(!panel.targets.isEmpty, "\(panel.title)")
      for target in panel.targets {
        let selectors = names(in: target.expr).filter { Self.series.contains($0) }.count
        #expect(selectors > 0, "\(panel.title)")
        for name in names(in: target.expr) { #expect(target.expr.contains("\(name){"), "\(panel.title)") }
      }
      for other in dashboard.panels where other.id > panel.id {
        let (one, two) = (panel.gridPos, other.gridPos)
        let overlap = one.x < two.x + two.w && two.x < one.x + one.w && one.y < two.y + two.h && two.y < one.y + one.h
        #expect(!overlap, "\(panel.title) lies over \(other.title)")
      }
      #expect(panel.gridPos.x + panel.gridPos.w <= 24)
    }
  }

  @Test("come when they should, and not else", .enabled(Comment(rawValue: Promtool.requirement)) { await Promtool.isAvailable() })
  func promtool() async throws {
    #expect(try await Promtool.faults(inTests: "contrib/prometheus/rules-test.yaml") == "")
  }

  @Test("are tested, each of them")
  func tested() throws {
    let rules = try Repository.text("contrib/prometheus/rules.yaml").matches(of: /alert: (\w+)/).map { String($0.output.1) }
    let tests = try Repository.text("contrib/prometheus/rules-test.yaml")
    #expect(rules.count >= 10)
    for rule in rules {
      #expect(tests.contains("alertname: \(rule)\n        exp_alerts:"), "\(rule) is never seen")
      #expect(tests.contains("alertname: \(rule)}"), "\(rule) is never seen to be quiet")
    }
  }
}
