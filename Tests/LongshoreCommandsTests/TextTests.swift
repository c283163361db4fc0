import LongshoreClient
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreCommands

@Suite struct TextTests {
  @Test func textFromElsewhereCannotMoveTheCursor() {
    #expect("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e\u{7f}".printable == "a?[2Jb?c?d?e?")
    #expect("grün – ゲスト".printable == "grün – ゲスト")
  }

  @Test func widthsAreThoseOfATerminal() {
    #expect("ゲスト".columns == 6)
    #expect("e\u{301}".columns == 1)
    #expect("👍".columns == 2)
    #expect("ゲスト".truncated(to: 5) == "ゲス")
    #expect("ab".padded(to: 4) == "ab  ")
    #expect("ab".leftPadded(to: 4) == "  ab")
  }

  @Test func aTableIsAsWideAsItsTexts() {
    var table = TextTable("HOST", "NOTE")
    table.add("alpha", "")
    table.add("b", "x\u{1b}y")
    #expect(table.lines(style: .plain) == ["HOST   NOTE", "alpha  -", "b      x?y"])
  }

  @Test func aDryRunsTable() {
    let checks = [
      Check(.unknownGuest, on: Sample.alpha.host, .passed, "web-1 runs"),
      Check(.noSpace, on: Sample.beta.host, .refused, "1.0 GiB free, 4.0 GiB needed", expected: "room", advice: "free some"),
    ]
    #expect(
      ResultText.checks(checks, disks: [Sample.disk("vda", linked: true)], style: .plain) == [
        "CHECK          HOST   OUTCOME  FOUND",
        "unknown-guest  alpha  passed   web-1 runs",
        "no-space       beta   refused  1.0 GiB free, 4.0 GiB needed",
        "",
        "no-space on beta: 1.0 GiB free, 4.0 GiB needed",
        "  expected: room",
        "  to do:    free some",
        "",
        "DISK  FROM               TO              SIZE     KIND",
        "vda   primary/web-1-vda  fast/web-1-vda  4.0 GiB  linked clone",
        "",
        "The migration would be refused: 1 check of 2 failed.",
      ])
  }

  @Test func whatAMigrationIsExpectedToTake() {
    func name(_ text: String) -> ResourceName { MessageSamples.resource(text) }
    var estimate = MigrationEstimate(
      disks: [
        .init(
          target: name("vda"), kind: .linkedClone, format: .qcow2, chain: [name("web-1"), name("debian")], bytes: 1 << 24,
          writeBps: 204_800),
        .init(target: name("vdb"), kind: .fullClone, format: .raw, chain: [name("data")], bytes: 1 << 30),
      ],
      templates: [
        .init(pool: name("fast"), volume: name("debian"), bytes: 1 << 28, isPresent: false),
        .init(pool: name("fast"), volume: name("suse"), bytes: 1 << 28, isPresent: true),
      ],
      pools: [
        .init(
          host: Sample.alpha.host, pool: name("primary"), capacity: 1 << 40, availableBefore: 1 << 39, availableAfter: 1 << 39,
          availableAfterGrace: (1 << 39) + (1 << 30)),
        .init(
          host: Sample.beta.host, pool: name("fast"), capacity: 1 << 34, availableBefore: 1 << 33, availableAfter: 1 << 32),
      ],
      memory: .init(total: 1 << 30), link: .init(toDestinationBps: 100_000_000),
      bytes: .init(template: 1 << 28, disks: 1 << 30, memory: 1 << 28),
      parts: .init(preparation: 0.5, templates: 2.5, disks: 10, memory: 3, handover: 1), downtimeMs: 210, converges: true,
      reasons: ["the link carries 95.4 MiB/s to beta"])
    #expect(
      EstimateText.lines(estimate, style: .plain) == [
        "",
        "DISK  KIND          TO COPY  WRITTEN    CHAIN",
        "vda   linked clone  16 MiB   200 KiB/s  web-1 on debian",
        "vdb   full clone    1.0 GiB  unknown    data",
        "",
        "TEMPLATE     SIZE     AT THE DESTINATION",
        "fast/debian  256 MiB  lacks, will be copied",
        "fast/suse    256 MiB  there, will be compared",
        "",
        "POOL     HOST   FREE NOW            AFTERWARDS  AFTER THE GRACE",
        "primary  alpha  512 GiB of 1.0 TiB  512 GiB     513 GiB",
        "fast     beta   8.0 of 16 GiB       4.0 GiB     -",
        "",
        "Expected: about 17s, downtime 210 ms, to move 1.5 GiB (templates 256 MiB, disks 1.0 GiB, memory 256 MiB).",
        "  preparation 0.5s, templates 2.5s, disks 10s, memory 3s, handover 1s",
        "  - the link carries 95.4 MiB/s to beta",
        "It is expected to converge: the copies catch up with the guest.",
      ])
    estimate.seconds = nil
    estimate.parts = nil
    estimate.converges = false
    estimate.advice = ["do that"]
    #expect(
      Array(EstimateText.lines(estimate, style: .plain).suffix(4)) == [
        "Expected: to move 1.5 GiB (templates 256 MiB, disks 1.0 GiB, memory 256 MiB), in a time that cannot be told.",
        "  - the link carries 95.4 MiB/s to beta",
        "It is not expected to converge: the copies do not catch up with the guest.",
        "Advice: do that.",
      ])
  }

  @Test func theStoryOfAMigration() {
    let status = Sample.status(
      .failed,
      events: [
        Sample.failed(3), Sample.event(1, .accepted),
        Sample.event(2, .preparing, at: 1.5) { $0.disks = [Sample.disk("vda", linked: false)] },
      ])
    #expect(
      ResultText.status(status, zone: .fixed(0), style: .plain) == [
        "web-1  alpha -> beta  failed",
        "id m-1, guest 8a1b2c3d-0000-4000-8000-000000000001",
        "",
        "2026-01-31 18:30:00       +0s  accepted",
        "2026-01-31 18:30:01     +1.5s  preparing        1 disk",
        "    - vda primary/web-1-vda -> fast/web-1-vda, 4.0 GiB, full clone",
        "2026-01-31 18:30:42      +42s  failed",
        "    - the connection to beta broke [transfer-failed]",
      ])
  }

  @Test("one that needs attention says what to do")
  func attention() {
    var status = Sample.status(.needsAttention)
    status.reasons = [Reason(.journalChanged, "as it is")]
    let lines = ResultText.status(status, zone: .fixed(0), style: .plain)
    let start = lines.firstIndex(of: "What to do:") ?? lines.endIndex
    let advice = AttentionAdvice(
      for: [Reason(.journalChanged, "as it is")], of: status.id, guest: status.guest, from: status.sourceHost, to: status.destinationHost)
    #expect(lines[start...].dropFirst() == advice.steps.map { "  - \($0)" }[...])
  }

  @Test func aCompletedMigration() {
    let lines = OutcomeText.lines(
      .ended(Sample.completed(6)), guest: "web-1", migration: Sample.migration, style: .plain)
    #expect(lines.problem == [])
    #expect(
      lines.result == [
        "Completed in 2m 14s: web-1 runs at beta, downtime 212 ms, moved 8.4 GiB (templates 1.0 GiB, disks 7.0 GiB, "
          + "memory 412 MiB).",
        "  vda primary/web-1-vda -> fast/web-1-vda, 4.0 GiB, linked clone",
      ])
  }

  @Test(arguments: [
    (Verification.Outcome.equal, String?.some("Verified: at the switch the disks (8.0 GiB) held what they held at alpha."), [String]()),
    (.unknown, nil, ["Not verified:", "  - the view has ended [not-verified]"]),
    (
      .differs, nil,
      [
        "Content differs:", "  - disk vdb differs [content-differs]", "    vdb: 1.0 MiB from byte 314572800",
        "Next: compare the disks; the source's are in `longshore grace list`, and are kept until `longshore grace purge m-1`.",
      ]
    ),
  ])
  func aMigrationWhoseDisksWereCompared(outcome: Verification.Outcome, result: String?, problem: [String]) {
    let lines = OutcomeText.lines(
      .ended(Sample.verified(outcome)), guest: "web-1", migration: Sample.migration, style: .plain)
    #expect(Array(lines.result.dropFirst(2)) == [result].compactMap(\.self))
    #expect(lines.problem == problem)
  }

  @Test func aFailureSaysWhatHappenedWhereTheGuestRunsAndWhatToDo() {
    let lines = OutcomeText.lines(
      .ended(Sample.failed(6)), guest: "web-1", migration: Sample.migration, style: .plain)
    #expect(lines.result == [])
    #expect(
      lines.problem == [
        "Failed at the transfer in 42s: web-1 was not moved.",
        "  - the connection to beta broke [transfer-failed]",
        "web-1 runs at alpha, on its disks there; nothing is left at beta.",
        "Next: `longshore status m-1` tells the whole story; it can be ordered again.",
      ])
  }

  @Test func aFailedCheckIsToldOnceWithItsHost() {
    let event = Sample.event(3, .failed) {
      $0.stage = .checks
      $0.reasons = [Reason(.noSpace, "no room")]
      $0.checks = [
        Check(.noSpace, on: Sample.beta.host, .refused, "pool fast has no room"),
        Check(.noMemory, on: Sample.beta.host, .passed, "enough"),
      ]
      $0.runsAt = Sample.alpha.host
    }
    let lines = OutcomeText.lines(.ended(event), guest: "web-1", migration: Sample.migration, style: .plain)
    #expect(
      lines.problem == [
        "Failed at the checks: web-1 was not moved.",
        "  - beta: pool fast has no room [no-space]",
        "web-1 runs at alpha, on its disks there; nothing is left at beta.",
        "Next: make room in the pool (`longshore grace list` shows what moved guests still hold), or give another one with --pool or "
          + "--disk.",
      ])
  }

  @Test func aGuestThatHasEndedSinceItArrivedIsNotSaidToRun() {
    let event = Sample.event(7, .completed) {
      $0.runsAt = Sample.beta.host
      $0.reasons = [Reason(.guestEnded, "the guest has ended at beta since it arrived")]
    }
    let lines = OutcomeText.lines(.ended(event), guest: "web-1", migration: Sample.migration, style: .plain)
    #expect(lines.result == ["Completed: web-1 is at beta, and has ended there."])
    #expect(lines.problem == ["  - the guest has ended at beta since it arrived [guest-ended]"])
  }

  @Test func detachingSaysHowToGoOn() {
    let running = OutcomeText.lines(
      .detached(accepted: true), guest: "web-1", migration: Sample.migration, style: .plain
    ).problem
    #expect(
      running == [
        "Detached; the migration of web-1 is still running.", "  longshore watch m-1   follows it",
        "  longshore cancel m-1  stops it",
      ])
    let open = OutcomeText.lines(
      .detached(accepted: false), guest: "web-1", migration: Sample.migration, style: .plain
    ).problem
    #expect(open.first == "Detached before the host answered: the order may still be accepted.")
  }
}
