import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// `longshore grace` and `longshore orphans`, from the command line to the exit code, with hosts that are played.
@Suite(.timeLimit(.minutes(10))) struct LeftoverTests {
  private static let folder = "/srv/primary/.longshore/lab.alpha/m-1"

  private static func disk(_ name: String, hours: Double = 24, state: SetAsideDisk.State = .kept, reason: Reason? = nil) -> SetAsideDisk {
    SetAsideDisk(
      id: "00000000000000\(name)", migration: Sample.migration, guest: Sample.guest, path: "\(folder)/\(name)",
      originalPath: "/srv/primary/\(name)", size: Sample.gibibyte, deleteAt: Sample.time(hours * 3600), state: state, reason: reason)
  }

  private static let disks = [disk("va"), disk("vb", hours: 23)]
  private static let here = Sample.reply(.grace(disks))
  private static let empty = Sample.reply(.grace([]), from: Sample.beta)

  private static let orphans = [
    Orphan(
      id: "01", kind: .templateCopy, name: "\(folder)/layer-0", migration: Sample.migration, since: Sample.time(-7500), size: 64 << 20,
      state: .removable, why: "in this host's work folder of a migration that is unknown here, and nothing uses it"),
    Orphan(id: "02", kind: .domain, name: "web-1", state: .kept, why: "it is running: look at both hosts"),
  ]

  private func harness(_ replies: [Reply], answer: @escaping @Sendable (Request) -> Reply.Body = { _ in .grace([]) }) -> CommandHarness {
    var harness = CommandHarness()
    harness.link = FakeLink(
      answer: { _, request in .success(Reply(to: request.id, from: Sample.alpha, body: answer(request))) },
      answers: { _, _ in .success(replies) })
    return harness
  }

  private func commands(_ harness: CommandHarness) -> [Request.Command] { harness.link.asked.map(\.request.command) }

  // MARK: - grace

  @Test func disksInGraceAreListedWithTheNextToGoFirst() async throws {
    let harness = harness([Self.empty, Self.here])
    #expect(try await harness.run("grace", "list") == .done)
    #expect(
      harness.output.text
        == """
        HOST   GUEST  SIZE     DELETED              IN      MIGRATION
        alpha  web-1  1.0 GiB  2026-02-01 17:30:00  23h 00m  m-1
          was /srv/primary/vb
          now /srv/primary/.longshore/lab.alpha/m-1/vb
        alpha  web-1  1.0 GiB  2026-02-01 18:30:00  1d 0h    m-1
          was /srv/primary/va
          now /srv/primary/.longshore/lab.alpha/m-1/va

        2 disks of 2.0 GiB set aside.

        """.replacing("IN      MIG", with: "IN       MIG"))
    #expect(harness.error.text == "")
  }

  @Test func nothingSetAsideIsSaidOnTheErrorStream() async throws {
    let harness = harness([Self.empty])
    #expect(try await harness.run("grace", "list") == .done)
    #expect(harness.output.text == "")
    #expect(harness.error.text == "No disk is set aside; 1 host answered.\n")
    let json = self.harness([Self.empty])
    #expect(try await json.run("grace", "list", "--format", "json") == .done)
    #expect(json.output.text.hasPrefix("[{"))
    #expect(json.error.text == "")
  }

  @Test func aDiskWhoseFileIsNotSeenIsMissing() async throws {
    var missing = Self.disk("va")
    missing.size = nil
    let harness = harness([Sample.reply(.grace([missing]))])
    #expect(try await harness.run("grace", "list") == .done)
    #expect(harness.output.text.contains("alpha  web-1  missing  2026-02-01 18:30:00"))
    #expect(harness.output.text.hasSuffix("\n1 disk of 0 B set aside.\n"))
  }

  @Test func quietListsPathsAlone() async throws {
    let harness = harness([Self.here])
    #expect(try await harness.run("grace", "list", "-q") == .done)
    #expect(harness.output.text == "\(Self.folder)/vb\n\(Self.folder)/va\n")
  }

  @Test func aHostThatIsNamedIsAskedAlone() async throws {
    let harness = harness([]) { _ in .grace(Self.disks) }
    #expect(try await harness.run("grace", "list", "--host", "alpha") == .done)
    #expect(harness.link.asked.map(\.routingKey) == ["lab.alpha"])
  }

  @Test func extendingAddsToTheTimeAtWhichTheLastDiskGoes() async throws {
    let harness = harness([Self.empty, Self.here]) { _ in .grace([Self.disk("va", hours: 48)]) }
    #expect(try await harness.run("grace", "extend", "m-1", "--by", "24h") == .done)
    let selection = GraceSelection(migration: Sample.migration, disks: Self.disks.map(\.id))
    #expect(commands(harness) == [.listGrace, .extendGrace(selection, until: Sample.time(48 * 3600))])
    #expect(harness.link.asked.map(\.routingKey) == ["lab", "lab.alpha"])
    #expect(harness.output.text.contains("2026-02-02 18:30:00"))
  }

  @Test(arguments: ["/srv/primary/vb", "/srv/primary/.longshore/lab.alpha/m-1/vb", "00000000000000vb"])
  func oneDiskIsNamedByItsPathOrID(name: String) async throws {
    let harness = harness([Self.here]) { _ in .grace([Self.disk("vb")]) }
    #expect(try await harness.run("grace", "extend", name, "--until", "2026-03-01T00:00:00Z") == .done)
    let until = try #require(Timestamp("2026-03-01T00:00:00Z"))
    let selection = GraceSelection(migration: Sample.migration, disks: ["00000000000000vb"])
    #expect(commands(harness).last == .extendGrace(selection, until: until))
  }

  @Test func aDiskThatNobodyHasIsRefused() async throws {
    let harness = harness([Self.here, Self.empty])
    #expect(try await harness.run("grace", "extend", "m-2", "--by", "1h") == .refused)
    #expect(
      harness.error.text == """
        Error looking for disks that are set aside: no host that answered has set aside m-2 (alpha, beta)
        Next: `longshore grace list` shows those that are.

        """)
  }

  @Test func purgingAsksOnATerminal() async throws {
    for (answer, isDone) in [("y", true), ("Yes", true), ("", false), ("n", false), ("maybe", false)] {
      var harness = harness([Self.here]) { _ in .grace(Self.disks.map { Self.disk(String($0.id.suffix(2)), state: .deleted) }) }
      harness.answer = answer
      #expect(try await harness.run("grace", "purge", "m-1") == (isDone ? .done : .refused))
      #expect(harness.error.text.hasPrefix("Delete 2 disks of 2.0 GiB of web-1 on alpha for good? [y/N] "))
      #expect(commands(harness).count == (isDone ? 2 : 1))
      #expect(harness.output.text.contains("Deleted on alpha: 2 disks of 2.0 GiB.") == isDone)
    }
  }

  @Test func purgingElsewhereNeedsAYes() async throws {
    let refused = harness([Self.here])
    #expect(try await refused.run("grace", "purge", "m-1") == .usage)
    #expect(refused.link.asked.isEmpty)
    #expect(
      refused.error.text == """
        Error deleting disks: standard input is not a terminal, so that nobody can be asked
        Next: Give --yes.

        """)
    let done = harness([Self.here]) { _ in .grace([Self.disk("va", state: .deleted)]) }
    #expect(try await done.run("grace", "purge", "m-1", "--yes") == .done)
    #expect(
      done.output.text == """
        Deleted on alpha: 1 disk of 1.0 GiB.
          /srv/primary/.longshore/lab.alpha/m-1/va

        """)
  }

  @Test func aDiskThatIsKeptIsNoSuccess() async throws {
    let harness = harness([Self.here]) { _ in
      .grace([Self.disk("va", reason: Reason(.operationFailed, "the file is in use: it is kept"))])
    }
    #expect(try await harness.run("grace", "purge", "m-1", "--yes") == .refused)
    #expect(harness.output.text == "Nothing deleted on alpha.\n")
    #expect(
      harness.error.text == """
        Kept on alpha: /srv/primary/.longshore/lab.alpha/m-1/va
          - the file is in use: it is kept [operation-failed]

        """)
  }

  // MARK: - orphans

  @Test func orphansAreListedWithTheReason() async throws {
    let harness = harness([Sample.reply(.orphans(Self.orphans)), Sample.reply(.orphans([]), from: Sample.beta)])
    #expect(try await harness.run("orphans") == .done)
    #expect(
      harness.output.text == """
        HOST   KIND           SIZE    AGE     STATE      NAME
        alpha  template copy  64 MiB  2h 05m  removable  /srv/primary/.longshore/lab.alpha/m-1/layer-0
          migration m-1
          in this host's work folder of a migration that is unknown here, and nothing uses it
        alpha  domain         -       -       kept       web-1
          it is running: look at both hosts

        2 orphans on 2 hosts that answered, 1 of them removable (64 MiB).
        `longshore orphans --remove` removes those.

        """)
    #expect(commands(harness) == [.listOrphans])
  }

  @Test func noOrphansAreSaidOnTheErrorStream() async throws {
    let harness = harness([Sample.reply(.orphans([])), Sample.reply(.orphans([]), from: Sample.beta)])
    #expect(try await harness.run("orphans", "--remove") == .done)
    #expect(harness.output.text == "")
    #expect(harness.error.text == "No orphans; 2 hosts answered.\n")
    #expect(commands(harness) == [.listOrphans])
  }

  @Test func onlyWhatWasListedAsRemovableIsRemoved() async throws {
    let harness = harness([Sample.reply(.orphans(Self.orphans)), Sample.reply(.orphans([]), from: Sample.beta)]) { _ in
      var removed = Self.orphans[0]
      removed.state = .removed
      return .orphans([removed])
    }
    #expect(try await harness.run("orphans", "--remove") == .done)
    #expect(commands(harness) == [.listOrphans, .removeOrphans(ids: ["01"])])
    #expect(harness.link.asked.map(\.routingKey) == ["lab", "lab.alpha"])
    #expect(harness.output.text.contains("removed  /srv/primary/.longshore/lab.alpha/m-1/layer-0"))
    #expect(harness.output.text.contains("kept     web-1"))
    #expect(harness.output.text.hasSuffix("\n1 of 2 orphans removed, 64 MiB.\n"))
  }

  @Test func whatIsGoneAlreadyCountsAsRemoved() async throws {
    let harness = harness([Sample.reply(.orphans([Self.orphans[0]]))]) { _ in .orphans([]) }
    #expect(try await harness.run("orphans", "--remove") == .done)
    #expect(harness.output.text.contains("it is gone"))
  }

  @Test func aHostThatCannotTellIsNamed() async throws {
    let harness = harness([
      Sample.reply(.rejected([Reason(.unavailable, "libvirt on alpha cannot be asked")])), Sample.reply(.orphans([]), from: Sample.beta),
    ])
    #expect(try await harness.run("orphans") == .refused)
    #expect(harness.error.text == "alpha does not tell: libvirt on alpha cannot be asked [unavailable]\n")
  }

  @Test func theSpaceInGraceIsToldOfEachPool() {
    let host = HostDescription(
      agentVersion: "1", libvirtVersion: "9.0.0", hypervisorVersion: "7.2.0", migrations: 0,
      pools: [
        .init(name: "fast", type: "dir", active: true, capacity: 4 * Sample.gibibyte, available: Sample.gibibyte, grace: Sample.gibibyte),
        .init(name: "slow", type: "dir", active: true, capacity: 4 * Sample.gibibyte, available: Sample.gibibyte, grace: 0),
      ], guests: [])
    #expect(
      ResultText.hosts([(from: Sample.alpha, host: host)], style: .plain).last?.hasSuffix(
        "fast (1.0 of 4.0 GiB free, 1.0 GiB in grace), slow (1.0 of 4.0 GiB free)") == true)
  }
}
