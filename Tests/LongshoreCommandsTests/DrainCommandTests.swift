import ArgumentParser
import LongshoreClient
import LongshoreMessages
import Synchronization
import Testing

@testable import LongshoreCommands

/// `longshore drain`, `drains` and `maintenance`, from the command line to the exit code, with hosts that are played.
@Suite(.timeLimit(.minutes(10))) struct DrainCommandTests {
  private static func guest(
    _ name: String, _ state: DrainGuest.State, to host: String? = "beta", reasons: [Reason]? = nil, refusals: [DrainGuest.Refusal]? = nil,
    start: Double? = nil, end: Double? = nil
  ) -> DrainGuest {
    DrainGuest(
      guest: GuestReference(uuid: name, name: name), state: state, destination: host.flatMap(NodeName.init), attempts: 1, bytes: 2 << 30,
      expectedStart: start, expectedEnd: end, reasons: reasons, refusals: refusals)
  }

  private static let blocked = guest(
    "db-1", .blocked, to: nil, reasons: [Reason(.noHost, "no host can take the guest db-1")],
    refusals: ["beta", "gamma"].compactMap { host in
      NodeName(host).map { .init(host: $0, reasons: [Reason(.noMemory, "\(host) has too little memory")]) }
    })

  private static func drain(_ phase: DrainStatus.Phase, _ guests: [DrainGuest], seconds: Double? = nil) -> DrainStatus {
    DrainStatus(
      id: Sample.id("d-1"), host: Sample.alpha.host, phase: phase, acceptedAt: Sample.start, updatedAt: Sample.start, guests: guests,
      candidates: [
        .init(host: Sample.beta.host, memory: 64 << 30, linkBps: 100 << 20)
      ], parallel: guests.isEmpty ? nil : 2, expectedSeconds: phase.isTerminal && phase != .planned ? nil : 80,
      boundSeconds: 75.5, seconds: seconds)
  }

  private func harness(_ bodies: [Reply.Body], listed: [DrainStatus] = [], signals: [FollowSignal] = []) -> CommandHarness {
    let next = Mutex(0)
    var harness = CommandHarness()
    harness.signals = signals
    harness.link = FakeLink(
      answer: { _, request in
        let body = next.withLock { number in
          defer { number += 1 }
          return bodies[min(number, bodies.count - 1)]
        }
        return .success(Reply(to: request.id, from: Sample.alpha, body: body))
      },
      answers: { _, _ in .success([Sample.reply(.drains(listed))]) })
    return harness
  }

  @Test func aPlanShowsWhatBlocksItFirst() async throws {
    let plan = Self.drain(
      .planned, [Self.guest("web-1", .waiting, start: 0, end: 40), Self.guest("web-2", .waiting, start: 20, end: 80), Self.blocked])
    let harness = harness([.drain(plan)])
    #expect(try await harness.run("drain", "alpha", "--to", "beta,gamma,beta", "--pool-map", "fast=bulk", "--dry-run") == .refused)
    #expect(
      harness.output.text
        == """
        Would stay on alpha:
          db-1: blocked: no host can take the guest db-1 [no-host]
            - beta, gamma: each has too little memory [no-memory]

        GUEST  TO    SIZE     STATE    STARTS  ENDS
        web-1  beta  2.0 GiB  waiting  in 0s   in 40s
        web-2  beta  2.0 GiB  waiting  in 20s  in 1m 20s

        HOST  MEMORY  LINK       GUESTS
        beta  64 GiB  100 MiB/s  2

        Expected: about 1m 20s with 2 at once; the links allow no less than 1m 16s.
        1 guest of 3 would stay on alpha.

        """)
    guard case .drain(let order)? = harness.link.asked.first?.request.command else { throw ArgumentProblem("no order") }
    #expect(order.to?.map(\.text) == ["beta", "gamma"] && order.dryRun == true && order.parallel == nil)
    #expect(order.pools?.map { "\($0.key)=\($0.value)" } == ["fast=bulk"])
  }

  @Test func aDrainIsFollowedToItsEnd() async throws {
    let harness = harness(
      [
        .drain(Self.drain(.planning, [])), .drain(Self.drain(.moving, [Self.guest("web-1", .moving), Self.blocked])),
        .drain(Self.drain(.incomplete, [Self.guest("web-1", .moved), Self.blocked], seconds: 80)),
      ], signals: [.second, .second])
    #expect(try await harness.run("drain", "alpha") == .failed)
    #expect(
      harness.error.text
        == """
        18:30:00 alpha: planning: hosts are asked, and all checks are made
        18:30:00 alpha: moving
        18:30:00 alpha: 1 guest to 1 host, 2 at once, expected to take 1m 20s
        18:30:00 db-1: blocked: no host can take the guest db-1 [no-host]
                   - beta, gamma: each has too little memory [no-memory]
        18:30:00 web-1  alpha -> beta: moving
        18:30:00 web-1  alpha -> beta: moved
        Not drained in 1m 20s: alpha: 1 of 2 guests moved, 1 left.
        Stay on alpha:
          db-1: blocked: no host can take the guest db-1 [no-host]
            - beta, gamma: each has too little memory [no-memory]
        alpha stays in maintenance; `longshore maintenance off alpha` lets guests come again.

        """)
    let good = self.harness([.drain(Self.drain(.completed, [Self.guest("web-1", .moved)], seconds: 12))])
    #expect(try await good.run("drain", "alpha", "--quiet") == .done)
    let left = self.harness([.drain(Self.drain(.moving, [Self.guest("web-1", .moving)]))], signals: [.interrupt])
    #expect(try await left.run("drain", "alpha") == .interrupted)
    #expect(left.error.text.hasSuffix("longshore drains cancel d-1         stops it\n"))
    let refused = self.harness([.rejected([Reason(.drainRuns, "alpha is being drained already by d-0")])])
    #expect(try await refused.run("drain", "alpha") == .refused)
  }

  @Test func ctrlCDoesNotWaitForAQuestionThatIsUnderWay() async throws {
    var harness = CommandHarness()
    harness.signals = [.second, .second, .redraw, .interrupt]
    harness.link = FakeLink(
      answer: { _, request in
        .success(Reply(to: request.id, from: Sample.alpha, body: .drain(Self.drain(.moving, [Self.guest("web-1", .moving)]))))
      }, hangs: { if case .drainStatus = $0.command { true } else { false } })
    #expect(try await harness.run("drain", "alpha") == .interrupted)
    #expect(harness.error.text.contains("Detached; the drain of alpha goes on."))
    #expect(harness.link.asked.count { if case .drainStatus = $0.request.command { true } else { false } } <= 1)
  }

  @Test func anOrderWithoutAnAnswerMayStillBeTaken() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink()
    #expect(try await harness.run("drain", "alpha", "--id", "d-1") == .noAnswer)
    #expect(harness.error.text.contains("`longshore drains show d-1` tells; repeat it with `--id d-1`"))
    #expect(try await harness.run("drain", "alpha", "--id", "d-2", "--dry-run") == .noAnswer)
    #expect(!harness.error.text.contains("d-2"), "a plan changes nothing")
  }

  @Test(arguments: [20, 40, 80, 120]) func noLineIsWiderThanTheTerminal(width: Int) {
    let drain = Self.drain(
      .moving, (0..<20).map { Self.guest("a-guest-with-a-long-name-\($0)", $0 < 3 ? .moving : .waiting, end: 400) } + [Self.blocked])
    let lines = DrainText.progress(drain, width: width, style: Style(colour: false, unicode: true))
    #expect(lines.allSatisfy { $0.columns <= width })
    #expect(lines.count == 16)
  }

  @Test func drainsAreListedAndSteered() async throws {
    let running = Self.drain(.moving, [Self.guest("web-1", .moved), Self.guest("web-2", .moving)])
    let listed = harness([.drains([running])], listed: [running])
    #expect(try await listed.run("drains") == .done)
    #expect(
      listed.output.text
        == """
        HOST   ID   PHASE   GUESTS  ACCEPTED             LEFT
        alpha  d-1  moving  1 of 2  2026-01-31 18:30:00  1m 20s

        """)
    var paused = running
    paused.phase = .paused
    let steered = harness([.drain(paused)], listed: [running])
    #expect(try await steered.run("drains", "pause", "alpha") == .done)
    #expect(steered.link.asked.last?.request.command == .steerDrain(DrainSteering(Sample.id("d-1"), .pause)))
    #expect(steered.output.text == "The drain of alpha is paused; 1 migration of it goes on to the end.\n")
    let cancelled = harness([.drain(Self.drain(.cancelled, []))], listed: [running])
    #expect(try await cancelled.run("drains", "cancel", "d-1", "--running") == .done)
    #expect(cancelled.link.asked.last?.request.command == .steerDrain(DrainSteering(Sample.id("d-1"), .cancel, running: true)))
    let unknown = harness([.drain(paused)])
    #expect(try await unknown.run("drains", "show", "d-7") == .refused)
  }

  @Test func aHostIsPutIntoMaintenanceAndTakenOut() async throws {
    let on = harness([.maintenance(Maintenance(isOn: true, since: Sample.start))])
    #expect(try await on.run("maintenance", "on", "alpha") == .done)
    #expect(on.link.asked.map(\.request.command) == [.setMaintenance(on: true)])
    #expect(on.output.text == "alpha is in maintenance since 2026-01-31 18:30:00, and takes no new guests.\n")
    let off = harness([.rejected([Reason(.drainRuns, "alpha is being drained")])])
    #expect(try await off.run("maintenance", "off", "alpha") == .refused)
  }

  @Test(arguments: [
    ["alpha", "--to", "alpha"], ["alpha", "--parallel", "0"], ["alpha", "--parallel", "many"], ["alpha", "--on-failure", "wait"],
    ["alpha", "--pool-map", "fast"], ["alpha", "--detach", "--dry-run"], ["alpha", "--to", "beta,,gamma"],
  ])
  func aWrongLineIsRefused(words: [String]) {
    #expect(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(["drain"] + words) }
  }
}
