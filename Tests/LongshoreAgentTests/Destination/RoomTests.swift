import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent
@testable import MigrationJournal

@Suite("Room")
struct RoomTests {
  private func file(_ path: String, _ bytes: UInt64, written: UInt64 = 0) -> Room.PlannedFile {
    Room.PlannedFile(path: path, bytes: bytes, written: written)
  }

  @Test("is what is free without what is promised", arguments: [(100, true), (99, false)] as [(UInt64, Bool)])
  func enough(available: UInt64, isEnough: Bool) {
    let room = Room(available: available, coming: [file("a", 30), file("b", 30)], promised: [file("c", 50, written: 10)])
    #expect(room.needed == 60)
    #expect(room.promised == 40)
    #expect(room.isEnough == isEnough)
  }

  @Test("is not taken twice by what is written already")
  func written() {
    let room = Room(available: 10, coming: [file("a", 100, written: 90)], promised: [file("b", 5, written: 5)])
    #expect(room.needed == 10)
    #expect(room.promised == 0)
    #expect(room.isEnough)
  }

  @Test("is not given back by a disk that has grown beyond its plan")
  func grown() {
    let room = Room(available: 10, coming: [], promised: [file("a", 10, written: 50), file("b", 10)])
    #expect(room.promised == 10)
  }

  @Test("is promised for a template that may be put beside another file of its name, until it is in place")
  func renamedTemplate() async throws {
    try await withTemporaryFolder { folder in
      var plan = MigrationSamples.plan
      plan.templateConflict = .rename
      let layer = try #require(plan.layers.first)
      _ = try folder.write([1], to: layer.volume.text)
      func lacks(after events: [DestinationEvent]) -> Bool? {
        var (migration, _) = DestinationMigration.prepare(
          id: MigrationSamples.id, source: MigrationSamples.source, plan: plan, endpoint: MigrationSamples.endpoint,
          at: MigrationSamples.now())
        for event in events { _ = migration.apply(event, at: MigrationSamples.now()) }
        return IncomingFiles(promisedBy: migration)?.lacks(layer, folder.path)
      }
      let begun = [.admitted, .checked([])] as [DestinationEvent]
      #expect(lacks(after: begun) == true)
      #expect(lacks(after: begun + [.layerProvided(layer.id, path: "\(folder.path)/\(layer.volume)", copied: 0)]) == false)
      plan.templateConflict = nil
      #expect(lacks(after: begun) == false)
    }
  }

  @Test("is taken once by a template that several bring")
  func template() {
    let others = [file("template", 100), file("template", 100, written: 40)]
    #expect(Room(available: 0, coming: [], promised: others).promised == 100)
    let room = Room(available: 110, coming: [file("template", 100), file("a", 10)], promised: others)
    #expect(room.promised == 0)
    #expect(room.isEnough)
  }

  @Test("does not overflow")
  func overflow() {
    let room = Room(available: .max, coming: [file("a", .max), file("b", .max)], promised: [file("c", 1)])
    #expect(room.needed == .max)
    #expect(!room.isEnough)
    #expect(!Room(available: 1, coming: [], promised: [file("c", 2)]).isEnough)
  }

  // MARK: - Memory

  private func guest(_ megabytes: UInt64, huge: UInt64 = 0) -> GuestDescription {
    var guest = MigrationSamples.plan.guest
    guest.memoryKiB = megabytes << 10
    guest.needs = HostNeeds(hugePages: huge == 0 ? nil : .init(sizeKiB: 2048, memoryKiB: huge << 10))
    return guest
  }

  @Test("in the memory is what is available without what guests on their way still take; two that fit one by one need not fit together")
  func memory() {
    let available: UInt64 = 1000 << 20
    #expect(Room(memory: available, for: guest(600), promised: []).isEnough)
    let both = Room(memory: available, for: guest(600), promised: [Room.PromisedGuest(guest: guest(600))])
    #expect(!both.isEnough && both.promised == 600 << 20)
    // What the first has taken already is not available any more, and is not promised beside that.
    let later = Room(memory: available - (500 << 20), for: guest(400), promised: [.init(guest: guest(600), taken: 500 << 20)])
    #expect(later.isEnough && later.promised == 100 << 20)
    #expect(Room(memory: available, for: guest(600), promised: [.init(guest: guest(600), taken: 700 << 20)]).promised == 0)
    #expect(Room(memory: available, for: guest(3000, huge: 3000), promised: []).needed == 0, "huge pages are counted apart")
    #expect(Room(memory: .max, for: guest(.max >> 10), promised: [.init(guest: guest(.max >> 10))]).isEnough == false)
  }

  /// Every way out of a migration at its destination, from its first `prepare`.
  private static let waysOut: [(name: String, events: [DestinationEvent])] = {
    let layer = DestinationEvent.layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 0)
    let stubs = DestinationEvent.stubsMade(MigrationSamples.preparedDisks)
    let reason = Reason(.operationFailed, "broken")
    let prepared: [DestinationEvent] = [.admitted, .checked([]), layer, stubs]
    let confirmed = prepared + [.peer(.confirm), .postChecked(MigrationSamples.confirmation, [])]
    let undone: [DestinationEvent] = [.peer(.rollback(reason)), .filesRemoved]
    return [
      ("completed", confirmed + [.peer(.release), .filesKept]),
      ("a check refuses", [.admitted, .checked([MigrationSamples.refusedCheck])]),
      ("a template fails", [.admitted, .checked([]), .layerFailed(0, reason), .filesRemoved]),
      ("the stubs fail", [.admitted, .checked([]), layer, .stubsFailed(reason), .filesRemoved]),
      // A cancellation, the deadline and a failed transfer all come as a rollback.
      ("undone while it waits", undone), ("undone in the checks", [.admitted] + undone),
      ("undone while templates are copied", [.admitted, .checked([])] + undone), ("undone when prepared", prepared + undone),
      ("disowned", prepared + [.peer(.disown(reason)), .copyEnded, .filesRemoved]),
      ("assigned", prepared + [.peer(.assign), .tookOver(MigrationSamples.confirmation), .filesKept]),
    ]
  }()

  @Test(
    "is promised from the first `prepare` and given back by every way out, also where the agent dies at any point",
    arguments: Self.waysOut.indices)
  func givenBack(number: Int) throws {
    let (name, events) = Self.waysOut[number]
    let journal = try Journal(path: Journal.inMemory)
    var host = HostMigrations(
      here: MigrationSamples.destination, journal: journal.id, limits: .init(outgoing: 4, incoming: 4))
    func commit(_ step: HostStep?) throws {
      let step = try #require(step, "\(name)")
      #expect(try journal.commit(JournalStep(step, of: host.here)) == .committed)
      host.adopt(step)
    }
    func receive(_ body: PeerMessage.Body, _ number: Int) throws -> HostStep? {
      let message = PeerMessage(
        migration: try Many.id(number), from: MigrationSamples.source, to: MigrationSamples.destination, journal: "journal", body: body)
      return try host.step(of: message, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now()) { id throws(JournalError) in
        try journal.destination(id)
      }
    }
    try commit(try receive(.prepare(Many.plan(1)), 1))
    for event in events {
      // What another one sees, by the journal alone, as an agent that has just started does.
      let open = try journal.openDestinations().migrations
      #expect(open.map(\.id) == [try Many.id(1)])
      let promised = Room.promises(before: nil, among: open).count
      switch open[0].phase {
      case .queued, .checking, .providingLayers, .makingStubs, .prepared: #expect(promised == 1, "\(name): \(open[0].phase)")
      default: #expect(promised == 0, "\(name): \(open[0].phase)")
      }
      if case .peer(let body) = event {
        try commit(try receive(body, 1))
      } else {
        try commit(host.step(of: event, for: try Many.id(1), at: MigrationSamples.now()))
      }
    }
    #expect(try journal.openDestinations().migrations == [], "\(name)")
    // A late `prepare` promises nothing anew.
    if let step = try receive(.prepare(Many.plan(1)), 1) { #expect(step.destination == nil) }
  }

  @Test("is not promised to a `prepare` that comes after its rollback")
  func tombstone() throws {
    let journal = try Journal(path: Journal.inMemory)
    let host = HostMigrations(here: MigrationSamples.destination, journal: journal.id, limits: .init(outgoing: 4, incoming: 4))
    for body in [PeerMessage.Body.rollback(Reason(.cancelled, "late")), .prepare(Many.plan(1))] {
      let message = PeerMessage(
        migration: try Many.id(1), from: MigrationSamples.source, to: MigrationSamples.destination, journal: "journal", body: body)
      let step = try host.step(of: message, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now()) { id throws(JournalError) in
        try journal.destination(id)
      }
      if let step { _ = try journal.commit(JournalStep(step, of: host.here)) }
    }
    #expect(try journal.openDestinations().migrations == [])
  }

  // MARK: - Whose promises count

  private enum Progress: CaseIterable {
    case queued, checking, providing, stubs, prepared, confirmed, removing

    var events: [DestinationEvent] {
      let layer = DestinationEvent.layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 0)
      let stubs = DestinationEvent.stubsMade(MigrationSamples.preparedDisks)
      return switch self {
      case .queued: []
      case .checking: [.admitted]
      case .providing: [.admitted, .checked([])]
      case .stubs: [.admitted, .checked([]), layer]
      case .prepared: [.admitted, .checked([]), layer, stubs]
      case .confirmed: [.admitted, .checked([]), layer, stubs, .peer(.confirm), .postChecked(MigrationSamples.confirmation, [])]
      case .removing: [.admitted, .checked([]), .layerFailed(0, Reason(.operationFailed, "broken"))]
      }
    }
  }

  private func migration(_ number: Int, _ progress: Progress) throws -> DestinationMigration {
    var (migration, _) = DestinationMigration.prepare(
      id: try Many.id(number), source: MigrationSamples.source, plan: Many.plan(number), endpoint: MigrationSamples.endpoint,
      at: MigrationSamples.now())
    for event in progress.events { _ = migration.apply(event, at: MigrationSamples.now()) }
    return migration
  }

  @Test("is promised to all whose checks have passed until their guests are there, whenever they came")
  func passed() throws {
    let open = try [.providing, .stubs, .prepared, .confirmed, .removing].enumerated().map { try migration($0, $1) }
    let late = try migration(8, .checking)
    let counted = try [0, 1, 2].map(Many.id)
    #expect(Room.promises(before: late.id, among: open + [late]).map(\.id) == counted)
    #expect(Room.promises(before: late.id, among: [late] + open).map(\.id) == counted)
  }

  @Test("goes to the one that came first, of those that are not checked yet")
  func order() throws {
    let open = try [.queued, .checking, .checking].enumerated().map { try migration($0, $1) }
    #expect(Room.promises(before: open[0].id, among: open).isEmpty)
    #expect(Room.promises(before: open[1].id, among: open).map(\.id) == [open[0].id])
    #expect(Room.promises(before: open[2].id, among: open).map(\.id) == [open[0].id, open[1].id])
    #expect(Room.promises(before: nil, among: open).count == 3, "a dry run comes last")
  }
}
