import FoundationEssentials
import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// `longshore report`, with hosts that are played.
@Suite(.timeLimit(.minutes(10))) struct ReportCommandTests {
  private func harness() -> CommandHarness {
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, request in
      guard case .report(Sample.migration) = request.command else {
        return .success([Sample.reply(.rejected([Reason(.unknownMigration, "no such migration")]))])
      }
      return .success([
        Sample.reply(
          .report(
            HostReport(
              time: Sample.time(2), hosts: [Sample.alpha.host, Sample.beta.host],
              sections: [.init("host", "alpha of cluster lab\n"), .init("log of the agent", "one\ntw\u{1b}o\n")])),
          from: Sample.beta),
        Sample.reply(.rejected([Reason(.unknownMigration, "no such migration")])),
      ])
    })
    return harness
  }

  @Test func isOneTextOfAllHostsThatKnowTheMigration() async throws {
    let harness = harness()
    #expect(try await harness.run("report", "m-1", "--output", "-") == .done)
    #expect(
      harness.output.text == """
        Report of the migration m-1, made at 2026-01-31T18:30:00.000Z by longshore \(LongshoreVersion.current).
        Passwords and keys have been taken out; names, paths and addresses have not.

        HOST beta, at 2026-01-31T18:30:02.000Z by its own clock

        ===== beta: host =====
        alpha of cluster lab


        ===== beta: log of the agent =====
        one
        tw?o


        """)
  }

  @Test func isWrittenIntoAFileThatIsNotThereYet() async throws {
    let path = "/tmp/longshore-report-\(UUID().uuidString).txt"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let harness = harness()
    #expect(try await harness.run("report", "m-1", "-o", path) == .done)
    #expect(harness.output.text == path + "\n")
    let written = try #require(FileManager.default.contents(atPath: path))
    #expect(String(decoding: written, as: UTF8.self).contains("HOST beta"))
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    let again = self.harness()
    #expect(try await again.run("report", "m-1", "-o", path) == .usage)
    #expect(again.error.text.contains("there already") && FileManager.default.contents(atPath: path) == written)
  }

  @Test(arguments: ["json", "yaml"]) func isAValueInAFileToo(format: String) async throws {
    let path = "/tmp/longshore-report-\(UUID().uuidString).\(format)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let harness = harness()
    #expect(try await harness.run("report", "m-1", "-o", path, "--format", format) == .done)
    #expect(harness.output.text == path + "\n")
    let streamed = self.harness()
    #expect(try await streamed.run("report", "m-1", "--format", format) == .done)
    #expect(FileManager.default.contents(atPath: path) == Data(streamed.output.text.utf8))
    #expect(streamed.output.text.contains("log of the agent"))
  }

  @Test func whatIsMissingIsSaid() async throws {
    var harness = CommandHarness()
    let report = HostReport(time: Sample.time(2), hosts: [Sample.alpha.host, Sample.beta.host], sections: [.init("host", "alpha\n")])
    harness.link = FakeLink(answers: { _, _ in .success([Sample.reply(.report(report), from: Sample.beta)]) })
    #expect(try await harness.run("report", "m-1", "--output", "-") == .done)
    #expect(harness.error.text.contains("alpha has not answered: its half is missing."))
    let told = self.harness()
    #expect(try await told.run("report", "m-1", "--output", "-") == .done)
    #expect(told.error.text == "alpha has told nothing of the migration: its half is missing. Ask again when it tells.\n")

    var away = CommandHarness()
    away.link = FakeLink(answers: { _, _ in .success([Sample.reply(.rejected([Reason(.unavailable, "its journal is away")]))]) })
    #expect(try await away.run("report", "m-1", "--output", "-") == .refused)
    #expect(away.error.text.contains("its journal is away") && away.error.text.contains("is not told"))

    var silent = CommandHarness()
    silent.link = FakeLink(answers: { _, _ in .success([]) })
    #expect(try await silent.run("report", "m-1", "--output", "-") == .noAnswer)
  }

  @Test func aMigrationThatNobodyKnowsIsRefused() async throws {
    let harness = harness()
    #expect(try await harness.run("report", "m-2") == .refused)
    #expect(harness.error.text.contains("no host that answered knows the migration m-2 (alpha)"))
  }
}
