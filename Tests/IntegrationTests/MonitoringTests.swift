import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

extension MigrationTests {
  /// What agents tell those who watch them.
  @Suite(.serialized) struct Monitoring {
    /// What an agent has measured, by the series as they are written.
    private struct Scrape {
      let text: String
      let values: [String: Double]

      init(_ lab: Lab, _ host: Lab.Host) async throws {
        let text = try await lab.on(host, "curl", "--silent", "--show-error", "--fail", "--max-time", "5", "http://127.0.0.1:9477/metrics")
        self.text = text
        let lines = text.split(separator: "\n").filter { $0.first != "#" }
        values = Dictionary(
          lines.compactMap { line in
            line.lastIndex(of: " ").flatMap { space in
              Double(line[line.index(after: space)...]).map { (String(line[..<space]), $0) }
            }
          }, uniquingKeysWith: { first, _ in first })
      }

      subscript(series: String) -> Double? { values[series] }

      /// The sum of all series of a metric.
      func sum(_ metric: String) -> Double { values.filter { $0.key == metric || $0.key.hasPrefix("\(metric){") }.values.reduce(0, +) }

      /// By how much a series has risen since another scrape.
      func rise(_ series: String, since before: Scrape) -> Double? {
        values[series].flatMap { now in before.values[series].map { now - $0 } }
      }
    }

    @Test("metrics follow a migration: promtool reads them, counters rise by one, and gauges go back to zero")
    func migration() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let hasPromtool = await Promtool.isAvailable()
      #expect(hasPromtool, Comment(rawValue: Promtool.requirement))
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            let before = try await Scrape(lab, .alpha)
            #expect(before.sum("longshore_migrations_active") == 0)
            let (id, during, there) = try await lab.withLink(of: .beta, rate: "5mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id) { $0.phase == .transferring && ($0.rateBps ?? 0) > 0 }
              return (id, try await Scrape(lab, .alpha), try await Scrape(lab, .beta))
            }
            #expect(during["longshore_migrations_active{phase=\"transferring\"}"] == 1)
            #expect(during["longshore_transfer_rate_bytes_per_second"].map { $0 > 0 } == true)
            #expect(during["longshore_bandwidth_used_bytes_per_second{peer=\"beta\"}"].map { $0 > 0 } == true)
            #expect(during.sum("longshore_remaining_bytes") > 0)
            #expect(during.rise("longshore_copied_bytes_total{kind=\"disk\"}", since: before).map { $0 > 0 } == true)
            #expect(there["longshore_incoming_migrations_active{phase=\"prepared\"}"] == 1)

            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            var after = try await Scrape(lab, .alpha)
            // The broker's word that it has the last event may come after the event.
            while after["longshore_outbox_messages"] != 0 { after = try await Scrape(lab, .alpha) }
            #expect(after.rise("longshore_migrations_total{outcome=\"completed\"}", since: before) == 1)
            #expect(after.rise("longshore_migrations_total{outcome=\"failed\"}", since: before) == 0)
            #expect(after.rise("longshore_migration_duration_seconds_count{outcome=\"completed\"}", since: before) == 1)
            #expect(after.rise("longshore_migration_downtime_seconds_count", since: before) == 1)
            let downtime = try #require(after.rise("longshore_migration_downtime_seconds_sum", since: before))
            #expect(abs(downtime - Double(try #require(end.downtimeMs)) / 1000) < 0.0015)
            #expect(after.rise("longshore_migration_phase_duration_seconds_count{phase=\"transferring\"}", since: before) == 1)
            #expect(after.sum("longshore_migrations_active") == 0)
            #expect(after.sum("longshore_transfer_rate_bytes_per_second") == 0)
            let bytes = try #require(end.bytes)
            let disks = try #require(after.rise("longshore_copied_bytes_total{kind=\"disk\"}", since: before))
            #expect(disks >= Double(bytes.disks))
            #expect(after.rise("longshore_journal_commit_seconds_count", since: before).map { $0 > 5 } == true)
            #expect(after.rise("longshore_broker_publish_confirm_seconds_count", since: before).map { $0 > 5 } == true)
            for scrape in [before, during, there, after] {
              #expect(scrape["longshore_metrics_dropped_total"] == 0)
              #expect(try await Promtool.faults(inMetrics: scrape.text) == "")
            }
          }
        }
      }
    }

    /// Asks an agent whether it is ready until it says so, or says that it is not.
    private func waitForReadiness(_ lab: Lab, _ status: String) async throws -> String {
      while true {
        let answer = try await lab.on(
          .alpha, "curl", "--silent", "--max-time", "5", "--write-out", "%{http_code}", "http://127.0.0.1:9477/readyz")
        if answer.hasSuffix(status) { return answer }
      }
    }

    @Test("an agent whose broker is away is alive and not ready, says why, and is ready when the broker is back")
    func readiness() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      _ = try await waitForReadiness(lab, "200")
      let before = try await Scrape(lab, .alpha)
      try await lab.command("broker", "stop")
      try await finally {
        let missing = try await waitForReadiness(lab, "503")
        #expect(missing.hasPrefix("{\"ready\":false,\"missing\":[{\"part\":\"broker\",\"message\":\"no connection for "))
        let alive = try await lab.on(.alpha, "curl", "--silent", "--fail", "--max-time", "5", "http://127.0.0.1:9477/healthz")
        #expect(alive == "{\"alive\":true,\"missing\":[]}\n")
        let away = try await Scrape(lab, .alpha)
        #expect(away["longshore_agent_ready"] == 0 && away["longshore_libvirt_connected"] == 1)
        #expect(away.sum("longshore_broker_connected") < 2)
      } do: {
        try await lab.command("broker", "start")
      }
      #expect(try await waitForReadiness(lab, "200") == "{\"ready\":true,\"missing\":[]}\n200")
      let after = try await Scrape(lab, .alpha)
      #expect(after.sum("longshore_broker_connected") == 2 && after["longshore_broker_consuming"] == 1)
      #expect(after.rise("longshore_broker_reconnects_total{connection=\"consuming\"}", since: before).map { $0 >= 1 } == true)
    }
  }
}
