import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Orders to the coordinator", .timeLimit(.minutes(10)))
struct RequestTests {
  private let id = MigrationSamples.id
  private let reply = OutboxMessage(
    exchange: Wire.replies, routingKey: "orchestrator", body: [1], contentType: Wire.jsonContentType, messageID: "reply")

  // MARK: - Accepting

  @Test("An accepted order is in the journal with its first event and the reply")
  func accept() async throws {
    let station = try Station()
    #expect(try await station.accept(id, reply: reply) == .accepted)

    let outbox = try station.journal.outbox(limit: 10)
    #expect(outbox.map(\.exchange) == [Wire.events, Wire.replies])
    #expect(try station.kinds() == [.accepted])
    #expect(try station.journal.digest(ofRequest: id) == "digest")
    #expect(try await station.coordinator.source(id)?.guest == MigrationSamples.guest)
    await station.coordinator.stop()
  }

  @Test("Nothing of an order is kept that could not be journalled, and it can be given again")
  func acceptWithoutJournal() async throws {
    let station = try Station()
    try station.journal.refuseSteps()
    let error = await #expect(throws: JournalError.self) { try await station.accept(id, reply: reply) }
    try station.journal.acceptSteps()

    #expect(error?.code == .internalError)
    #expect(await station.coordinator.running == 0)
    #expect(try station.journal.outbox(limit: 10).isEmpty)
    #expect(try station.journal.digest(ofRequest: id) == nil)
    #expect(try await station.accept(id) == .accepted)
    #expect(try station.kinds() == [.accepted])
    await station.coordinator.stop()
  }

  @Test("The same order again is accepted and answered, and changes nothing")
  func acceptTwice() async throws {
    let station = try Station()
    try await station.accept(id, reply: reply)
    #expect(try await station.accept(id, reply: reply) == .accepted)

    #expect(await station.coordinator.running == 1)
    #expect(try station.kinds() == [.accepted])
    #expect(try station.journal.outbox(limit: 10).map(\.exchange) == [Wire.events, Wire.replies, Wire.replies])
    await station.coordinator.stop()
  }

  @Test("Orders that come together are judged one after the other, and journalled in one write with all answers")
  func acceptTogether() async throws {
    let station = try Station()
    let (one, two, three) = (try Many.id(1), try Many.id(2), try Many.id(3))
    let acceptances = try await station.coordinator.take([
      station.order(one, guest: Many.guest(1), reply: reply),
      station.order(one, guest: Many.guest(1), reply: reply),
      station.order(one, guest: Many.guest(1), digest: "other", reply: reply),
      station.order(two, guest: Many.guest(1), reply: reply),
      station.order(three, guest: Many.guest(3)).refused([Reason(.unknownGuest, "test")]),
      station.order(three, guest: Many.guest(3), reply: reply),
    ])

    #expect(acceptances.map(codes) == [[], [], [.idReused], [.guestBusy], [.unknownGuest], []])
    #expect(await station.coordinator.running == 2)
    let outbox = try station.journal.outbox(limit: 10)
    #expect(outbox.map(\.exchange) == [Wire.events, Wire.events, Wire.replies, Wire.replies, Wire.replies, Wire.replies, Wire.replies])
    #expect(station.outboxChanges.elements.count == 1)
    await station.source.notes.wait(for: .began(.inspect))
    await station.coordinator.stop()
  }

  @Test("Of orders that come together nothing is kept where they cannot be journalled")
  func acceptTogetherWithoutJournal() async throws {
    let station = try Station()
    let orders = [
      station.order(try Many.id(1), guest: Many.guest(1), reply: reply),
      station.order(id, reply: reply).refused([Reason(.unknownGuest, "test")]),
    ]
    try station.journal.refuseSteps()
    await #expect(throws: JournalError.self) { try await station.coordinator.take(orders) }
    try station.journal.acceptSteps()

    #expect(await station.coordinator.running == 0)
    #expect(try station.journal.outbox(limit: 10).isEmpty)
    #expect(try await station.coordinator.take(orders).map(codes) == [[], [.unknownGuest]])
    await station.coordinator.stop()
  }

  @Test("Many that come together are admitted as far as there are places, and the others told once what they wait for")
  func admitTogether() async throws {
    let station = try Station(outgoing: 2)
    let orders = try (1...6).map { station.order(try Many.id($0), guest: Many.guest($0)) }
    try await station.coordinator.take(orders)

    #expect(station.outboxChanges.elements.count == 1)
    #expect(try station.journal.outbox(limit: 100).count == 10, "an event for each order, and one for each that waits")
    #expect(try await station.coordinator.allSources(includeEnded: false).count { $0.waiting != nil } == 4)
    #expect(await station.coordinator.sourcesAtWork.count == 2)
    await station.coordinator.stop()
  }

  @Test("The same order is known after the migration has ended and the agent was started anew")
  func acceptAfterEnd() async throws {
    let first = try Station()
    try await first.accept(id)
    try await first.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
    await first.coordinator.stop()

    let second = try Station(journal: first.journal)
    try await second.coordinator.resume()
    #expect(try await second.accept(id) == .accepted)
    #expect(await second.coordinator.running == 0)
    #expect(try second.kinds() == [.accepted, .cancelled])
  }

  @Test("An id that was used for another order is refused")
  func idReused() async throws {
    let station = try Station()
    try await station.accept(id)
    let acceptance = try await station.accept(id, guest: Many.guest(1), digest: "another digest")
    #expect(codes(of: acceptance) == [.idReused])
    #expect(await station.coordinator.running == 1)
    await station.coordinator.stop()
  }

  // MARK: - A guest that is taken

  @Test("A guest that is leaving is busy until its migration has ended")
  func guestLeaving() async throws {
    let station = try Station()
    try await station.accept(id)
    #expect(codes(of: try await station.accept(try Many.id(2), digest: "2")) == [.guestBusy])

    try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
    #expect(try await station.accept(try Many.id(2), digest: "2") == .accepted)
    await station.coordinator.stop()
  }

  @Test("A guest that arrives is busy until the source has released it")
  func guestArriving() async throws {
    let station = try Station(here: MigrationSamples.destination, destination: Success.destination)
    try await station.receive(.prepare(MigrationSamples.plan))
    await station.waitUntilTold("prepared")
    try await station.receive(.confirm)
    await station.waitUntilTold("confirmed")
    #expect(codes(of: try await station.accept(try Many.id(2))) == [.guestBusy])

    try await station.receive(.release)
    await station.waitUntilTold("released")
    #expect(await station.coordinator.lock(onGuest: MigrationSamples.guest.uuid) == nil)
  }

  @Test("A guest is busy that a migration has which this version cannot read")
  func guestOfUnreadableMigration() async throws {
    try await withTemporaryFolder { folder in
      let newer = try Journal(path: folder.file("journal"), schema: .current, shape: Shape.current + 1)
      let first = try Station(journal: newer)
      try await first.accept(id)
      await first.coordinator.stop()
      try newer.close()

      let second = try Station(journal: try Journal(path: folder.file("journal")))
      try await second.coordinator.resume()
      #expect(codes(of: try await second.accept(try Many.id(2), digest: "2")) == [.guestBusy])
      #expect(try second.journal.digest(ofRequest: try Many.id(2)) == nil)
      let together = try await second.coordinator.take([
        second.order(try Many.id(3), guest: Many.guest(3), reply: reply), second.order(try Many.id(4), reply: reply),
      ])
      #expect(together.map(codes) == [[], [.guestBusy]])
      #expect(try second.journal.outbox(limit: 10).map(\.exchange).suffix(3) == [Wire.events, Wire.replies, Wire.replies])
      let refusal = await #expect(throws: Rejected.self) {
        try await second.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
      }
      #expect(refusal?.reason.code == .operationFailed)
    }
  }

  // MARK: - Cancelling

  @Test("Before the guest moves a migration is cancelled at once, and its work stops")
  func cancelEarly() async throws {
    let station = try Station()
    try await station.accept(id)
    await station.source.notes.wait(for: .began(.inspect))
    try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))

    #expect(try station.kinds() == [.accepted, .cancelled])
    await station.source.notes.wait(for: .ended(.inspect))
    #expect(await station.coordinator.running == 0)
  }

  @Test("A transfer that is cancelled is aborted, and the destination asked to undo its part")
  func cancelTransfer() async throws {
    let aborting = Gate()
    let station = try Station(source: { effect, migration in
      switch effect {
      case .startTransfer:
        await aborting.pass()
        return .transferEnded(error: "operation aborted", nil)
      case .abortTransfer:
        aborting.open()
        return nil
      case .observe(let step): return .observed(Success.atSource, step: step)
      default: return await Success.source(effect, migration)
      }
    })
    try await station.accept(id)
    await station.peers.wait(for: "prepare")
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []))
    await station.source.notes.wait(for: .began(.startTransfer))
    try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
    await station.peers.wait(for: "rollback")
    try await station.receive(.rolledBack)
    await station.wait(for: .cancelled)

    #expect(try station.kinds() == [.accepted, .preparing, .prepared, .transferring, .cancelled])
    #expect(try station.journal.events(of: id).last?.data.runsAt == MigrationSamples.source.host)
    #expect(await station.coordinator.running == 0)
  }

  @Test("After the switch it is too late to cancel, and nothing changes")
  func cancelLate() async throws {
    let station = try Station(source: Success.source)
    try await station.accept(id)
    await station.peers.wait(for: "prepare")
    try await station.receive(.prepared(MigrationSamples.preparation, checks: []))
    await station.peers.wait(for: "confirm")
    let before = try await station.coordinator.source(id)
    let refusal = await #expect(throws: Rejected.self) {
      try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
    }
    #expect(refusal?.reason.code == .tooLate)
    #expect(try await station.coordinator.source(id) == before)
    await station.coordinator.stop()
  }

  @Test("A migration that has ended or is unknown cannot be cancelled")
  func cancelEndedOrUnknown() async throws {
    let station = try Station()
    try await station.accept(id)
    try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
    for (id, code) in [(id, Reason.Code.tooLate), (try Many.id(9), .unknownMigration)] {
      let refusal = await #expect(throws: Rejected.self) {
        try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
      }
      #expect(refusal?.reason.code == code)
    }
    #expect(try station.kinds() == [.accepted, .cancelled])
  }

  // MARK: - Steering

  @Test("What was tuned, and that the guest is to be suspended, is known to the next agent")
  func steered() async throws {
    let copying: ScriptedSource.Script = { effect, migration in
      effect.key == .followTransfer ? nil : await Success.source(effect, migration)
    }
    let first = try Station(source: copying)
    try await first.accept(id)
    await first.peers.wait(for: "prepare")
    try await first.receive(.prepared(MigrationSamples.preparation, checks: []))
    let limits = TransferLimits(maxDowntimeMs: 2000, memoryBandwidthMiBps: 50, bandwidthMiBps: 80, deadlineSeconds: 7200)
    let tuning = Reason(.limitsChanged, "changed by the request t-1")
    let changes = try await first.coordinator.tune(id, limits, reason: tuning)
    #expect(changes.map(\.limit) == [.maxDowntimeMs, .memoryBandwidthMiBps, .bandwidthMiBps, .deadlineSeconds])
    #expect(try await first.coordinator.tune(id, limits, reason: tuning) == [])
    let forcing = Reason(.guestSuspended, "suspended by the request f-1")
    #expect(try await first.coordinator.forceCompletion(of: id, reason: forcing) == forcing)
    let again = Reason(.guestSuspended, "suspended by the request f-2")
    #expect(try await first.coordinator.forceCompletion(of: id, reason: again) == forcing, "it is suspended already")
    let course = try #require(try await first.coordinator.source(id)).course
    #expect(course.downtimeMs == 300)
    #expect(course.means.maxDowntimeMs == 2000)
    #expect(course.memoryMiBps == 50)
    await first.source.notes.wait(for: .began(.suspendGuest))
    await first.coordinator.stop()

    let second = try Station(journal: first.journal, source: copying)
    try await second.coordinator.resume()
    await second.source.notes.wait(for: .began(.steerTransfer(course)))
    await second.source.notes.wait(for: .began(.suspendGuest))
    #expect(try second.kinds() == [.accepted, .preparing, .prepared, .transferring, .transferring, .transferring])
    await second.coordinator.stop()
  }

  @Test("What is not known, not copied yet or over cannot be steered")
  func notSteered() async throws {
    let station = try Station()
    try await station.accept(id)
    for (id, code) in [(id, Reason.Code.tooEarly), (try Many.id(9), .unknownMigration)] {
      let refusal = await #expect(throws: Rejected.self) {
        try await station.coordinator.forceCompletion(of: id, reason: Reason(.guestSuspended, "test"))
      }
      #expect(refusal?.reason.code == code)
    }
    try await station.coordinator.cancel(id, reason: Reason(.cancelled, "test"))
    for id in [id, try Many.id(9)] {
      let refusal = await #expect(throws: Rejected.self) {
        try await station.coordinator.tune(id, TransferLimits(maxDowntimeMs: 1), reason: Reason(.limitsChanged, "test"))
      }
      #expect(refusal?.reason.code == (id == self.id ? .tooLate : .unknownMigration))
    }
  }

  private func codes(of acceptance: HostMigrations.Acceptance) -> [Reason.Code] {
    switch acceptance {
    case .accepted: []
    case .rejected(let reasons): reasons.map(\.code)
    }
  }
}
