import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("A source and a destination", .timeLimit(.minutes(10)))
struct JoinedCoordinatorsTests {
  private let id = MigrationSamples.id
  /// No wait of a timer is as short as a back-off.
  private let patience = Patience(firstAnswer: ManualClock.longestBackOff + 1)

  @Test("bring a guest over")
  func success() async throws {
    try await withPair { pair in
      try await pair.source.accept(id, patience: patience)
      await pair.source.wait(for: .completed)
      try await expectCompleted(pair)
    }
  }

  @Test("bring a guest over where messages are lost", arguments: 1...3)
  func lossy(_ lost: Int) async throws {
    try await withPair(copies: { _, number in number <= lost ? 0 : 1 }) { pair in
      try await pair.source.accept(id, patience: patience)
      await pair.source.wait(for: .completed)
      try await expectCompleted(pair)
    }
  }

  @Test("bring a guest over where messages come several times", arguments: 2...3)
  func repeating(_ copies: Int) async throws {
    try await withPair(copies: { _, _ in copies }) { pair in
      try await pair.source.accept(id, patience: patience)
      await pair.source.wait(for: .completed)
      try await expectCompleted(pair)
    }
  }

  @Test("leave nothing where the preparation fails")
  func prepareFails() async throws {
    let reason = Reason(.stubFailed, "no space left")
    let made = Mutex(false)
    try await withPair(
      destination: { effect, migration in
        if effect == .makeStubs {
          made.withLock { $0 = true }
          return .stubsFailed(reason)
        }
        if effect == .removeFiles(evenDefined: true) { made.withLock { $0 = false } }
        return await Success.destination(effect, migration)
      },
      body: { pair in
        try await pair.source.accept(id, patience: patience)
        await pair.source.wait(for: .failed)
        let failed = try #require(try pair.source.journal.events(of: id).last)
        #expect(failed.data.stage == .prepare)
        #expect(failed.data.reasons == [reason])
        #expect(try pair.source.kinds() == [.accepted, .preparing, .failed])
        #expect(try pair.destination.journal.destination(id)?.phase == .failed(reason))
        #expect(made.withLock { $0 } == false)
        try await expectRest(pair)
      })
  }

  @Test("leave nothing where the transfer fails")
  func transferFails() async throws {
    try await withPair(
      copies: { message, number in message.body.typeName == "rolled-back" && number == 1 ? 0 : 1 },
      source: { effect, migration in
        switch effect {
        case .startTransfer: .transferEnded(error: "no route to the destination", nil)
        case .observe(let step): .observed(Success.atSource, step: step)
        default: await Success.source(effect, migration)
        }
      },
      body: { pair in
        try await pair.source.accept(id, patience: patience)
        await pair.source.wait(for: .failed)
        #expect(try pair.source.kinds() == [.accepted, .preparing, .prepared, .transferring, .failed])
        #expect(try pair.destination.journal.destination(id)?.phase == .rolledBack)
        try await expectRest(pair)
      })
  }

  @Test("part where the destination is silent, and it undoes what it does late", arguments: [false, true])
  func silentDestination(_ reversed: Bool) async throws {
    let held = Recorder<PeerMessage>()
    try await withPair(
      copies: { message, _ in
        held.record(message)
        return nil
      },
      body: { pair in
        try await pair.source.accept(id, patience: patience)
        await pair.clock.waitUntilPending(patience.firstAnswer)
        // The question is asked, and is to be repeated.
        await pair.clock.waitUntilPending(1000)
        pair.clock.advance(milliseconds: patience.firstAnswer)
        await pair.source.wait(for: .failed)
        await held.wait { $0.contains { $0.body.typeName == "rollback" } }

        let messages = held.elements.filter { $0.to == pair.destination.here }
        for message in reversed ? messages.reversed() : messages {
          try await pair.destination.coordinator.receive(message, endpoint: MigrationSamples.endpoint)
        }
        await pair.destination.waitUntilTold("rolled-back")
        #expect(try pair.destination.journal.destination(id)?.phase == .rolledBack)
        #expect(try pair.source.kinds() == [.accepted, .preparing, .failed])
        try await expectRest(pair)
      })
  }

  // MARK: - What is expected

  private func expectCompleted(_ pair: Pair) async throws {
    #expect(try pair.source.kinds() == Success.kinds)
    let completed = try #require(try pair.source.journal.events(of: id).last)
    #expect(completed.data.runsAt == pair.destination.here.host)
    #expect(completed.data.console == MigrationSamples.confirmation.console)
    #expect(try pair.destination.journal.destination(id)?.phase == .released)
    let made = pair.destination.destination.notes.elements.count { $0 == .began(.makeStubs) }
    #expect(made == 1)
    #expect(!pair.destination.destination.notes.elements.contains(.began(.removeFiles(evenDefined: true))))
    try await expectRest(pair)
  }

  private func expectRest(_ pair: Pair) async throws {
    for station in [pair.source, pair.destination] {
      #expect(await station.coordinator.running == 0)
      #expect(await station.coordinator.lock(onGuest: MigrationSamples.guest.uuid) == nil)
    }
  }
}

/// Two hosts with one clock.
private struct Pair {
  let source: Station
  let destination: Station
  let clock: ManualClock
}

/// Joins two hosts for a body.
///
/// - Parameters:
///   - copies: How often a message arrives, by its number among those of its type; 0 for one that is lost, and nil for one that
///     nobody misses. The sender of a lost one asks again at once.
private func withPair(
  copies: @escaping @Sendable (PeerMessage, Int) -> Int? = { _, _ in 1 },
  source: @escaping ScriptedSource.Script = Success.source,
  destination: @escaping ScriptedDestination.Script = Success.destination, body: (Pair) async throws -> Void
) async throws {
  let clock = ManualClock()
  let (messages, mail) = AsyncStream<PeerMessage>.makeStream()

  @Sendable func station(_ here: HostAddress) throws -> Station {
    let journal = try Journal(path: Journal.inMemory)
    let lastRow = Mutex<Int64>(0)
    return try Station(
      here: here, journal: journal, clock: clock, source: source, destination: destination,
      send: { sent in
        mail.yield(PeerMessage(migration: sent.migration, from: here, to: sent.host, journal: journal.id, body: sent.body))
      },
      onOutboxChange: { journal in
        lastRow.withLock { last in
          for message in (try? journal.outbox(after: last, limit: 1000)) ?? [] {
            last = message.row
            guard message.exchange == Wire.peers else { continue }
            if let message = try? MessageCoding.read(PeerMessage.self, from: message.body) { mail.yield(message) }
          }
        }
      })
  }

  let pair = Pair(source: try station(MigrationSamples.source), destination: try station(MigrationSamples.destination), clock: clock)
  let broker = Task {
    var numbers: [String: Int] = [:]
    for await message in messages {
      let number = numbers[message.body.typeName, default: 0] + 1
      numbers[message.body.typeName] = number
      guard let copies = copies(message, number) else { continue }
      if copies == 0 { clock.letOneBackOffPass() }
      let receiver = message.to == pair.source.here ? pair.source : pair.destination
      for _ in 0..<copies { try await receiver.coordinator.receive(message, endpoint: MigrationSamples.endpoint) }
    }
  }
  let result = await Result { try await body(pair) }
  await pair.source.coordinator.stop()
  await pair.destination.coordinator.stop()
  mail.finish()
  try await broker.value
  try result.get()
}
