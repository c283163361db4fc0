internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// A message in an agent's outbox.
enum Outgoing {
  case step(HostStep.Message)
  indirect case drain(DrainEvent)
}

/// A host's journal in memory, with the rules of the real one: a step is stored as a whole or not at all.
///
/// Beside it there may be the real one, which must take and refuse the same.
struct Store {
  /// The journal cannot be written.
  struct Unwritable: Error {}

  /// The journal's id.
  let id: String
  var isWritable = true
  private(set) var digests: [MigrationID: String] = [:]
  private(set) var sources: [SourceMigration] = []
  private(set) var destinations: [DestinationMigration] = []
  private(set) var events: [MigrationID: [MigrationEvent]] = [:]
  private(set) var outbox: [Outgoing] = []
  private(set) var drains: [Drain] = []
  /// Whether the host is in maintenance.
  private(set) var maintenance = false
  private(set) var files: [FileRecord] = []
  /// Ended destinations are looked up by id, and so are open ones.
  private let shadow: Journal?
  private let here: HostAddress
  /// What the real journal did otherwise; nil where nothing.
  private(set) var difference: String?

  init(id: String, here: HostAddress, shadow: Journal?) {
    self.id = id
    self.here = here
    self.shadow = shadow
  }

  var openSources: [SourceMigration] { sources.filter { !$0.isTerminal } }
  var openDestinations: [DestinationMigration] { destinations.filter { !$0.isTerminal } }

  func source(_ id: MigrationID) -> SourceMigration? { sources.first { $0.id == id } }
  func destination(_ id: MigrationID) -> DestinationMigration? { destinations.first { $0.id == id } }
  func drain(_ id: MigrationID) -> Drain? { drains.first { $0.id == id } }

  // MARK: - Steps

  mutating func commit(_ step: HostStep) throws(Unwritable) -> CommitOutcome {
    guard isWritable else { throw Unwritable() }
    let outcome = store(step)
    if let shadow { compare(outcome, with: step, in: shadow) }
    return outcome
  }

  private mutating func store(_ step: HostStep) -> CommitOutcome {
    if let request = step.request, let digest = digests[request.id] {
      return digest == request.digest ? .duplicateRequest : .requestReused
    }
    if let migration = step.source {
      let index = sources.firstIndex { $0.id == migration.id }
      guard migration.revision == (index.map { sources[$0].revision } ?? 0) + 1 else { return .stale }
      if let index { sources[index] = migration } else { sources.append(migration) }
      for case .event(let event) in step.messages { events[migration.id, default: []].append(event) }
    }
    if let migration = step.destination {
      let index = destinations.firstIndex { $0.id == migration.id }
      guard migration.revision == (index.map { destinations[$0].revision } ?? 0) + 1 else { return .stale }
      if let index { destinations[index] = migration } else { destinations.append(migration) }
    }
    if let request = step.request { digests[request.id] = request.digest }
    for message in step.messages { outbox.append(.step(message)) }
    return .committed
  }

  mutating func commit(_ step: DrainStep) throws(Unwritable) -> CommitOutcome {
    guard isWritable else { throw Unwritable() }
    let outcome = store(step)
    if let shadow { compare(outcome, with: step, in: shadow) }
    return outcome
  }

  private mutating func store(_ step: DrainStep) -> CommitOutcome {
    if let request = step.request, let digest = digests[request.id] {
      return digest == request.digest ? .duplicateRequest : .requestReused
    }
    let index = drains.firstIndex { $0.id == step.drain.id }
    guard step.drain.revision == (index.map { drains[$0].revision } ?? 0) + 1 else { return .stale }
    if let index { drains[index] = step.drain } else { drains.append(step.drain) }
    if let request = step.request {
      digests[request.id] = request.digest
      maintenance = true
    }
    for event in step.events { outbox.append(.drain(event)) }
    return .committed
  }

  mutating func endMaintenance(at now: Now) throws(Unwritable) {
    guard isWritable else { throw Unwritable() }
    maintenance = false
    inShadow { try $0.setMaintenance(false, at: now) }
  }

  mutating func removeFromOutbox() {
    guard !outbox.isEmpty else { return }
    outbox.removeFirst()
    guard let shadow else { return }
    do {
      try shadow.removeFromOutbox(try shadow.outbox(limit: 1).map(\.row))
    } catch {
      difference = "\(error)"
    }
  }

  // MARK: - Files

  /// Registers a file. Returns false where the migration has registered the name on that side.
  mutating func register(_ file: FileRecord) throws(Unwritable) -> Bool {
    guard isWritable else { throw Unwritable() }
    guard index(of: file) == nil else { return false }
    files.append(file)
    inShadow { try $0.register(RegisteredFile(file)) }
    return true
  }

  mutating func update(_ file: FileRecord) throws(Unwritable) {
    guard isWritable else { throw Unwritable() }
    if let index = index(of: file) { files[index] = file }
    inShadow { try $0.update(RegisteredFile(file)) }
  }

  mutating func forget(_ file: FileRecord) throws(Unwritable) {
    guard isWritable else { throw Unwritable() }
    files.removeAll { $0.migration == file.migration && $0.side == file.side && $0.pool == file.pool && $0.name == file.name }
    inShadow { try $0.forget(RegisteredFile(file)) }
  }

  func files(of migration: Int, _ side: Side) -> [FileRecord] { files.filter { $0.migration == migration && $0.side == side } }

  func record(of name: FileName, in pool: Int, migration: Int, _ side: Side) -> FileRecord? {
    files.first { $0.migration == migration && $0.side == side && $0.pool == pool && $0.name == name }
  }

  private func index(of file: FileRecord) -> Int? {
    files.firstIndex { $0.migration == file.migration && $0.side == file.side && $0.pool == file.pool && $0.name == file.name }
  }

  // MARK: - The real journal beside it

  private mutating func compare(_ outcome: CommitOutcome, with step: HostStep, in shadow: Journal) {
    do {
      let real = try shadow.commit(JournalStep(step, of: here))
      if real != outcome { difference = "the journal says \(real) where \(outcome) is right" }
    } catch {
      difference = "\(error)"
    }
  }

  private mutating func compare(_ outcome: CommitOutcome, with step: DrainStep, in shadow: Journal) {
    let outbox = step.events.map { OutboxMessage.event($0, host: here) }
    do {
      let real =
        if let request = step.request {
          try shadow.begin(step.drain, request: request, outbox: outbox, at: step.at)
        } else {
          try shadow.commit(step.drain, outbox: outbox, at: step.at)
        }
      if real != outcome { difference = "the journal says \(real) of a drain where \(outcome) is right" }
    } catch {
      difference = "\(error)"
    }
  }

  private mutating func inShadow(_ body: (Journal) throws -> Void) {
    guard let shadow else { return }
    do {
      try body(shadow)
    } catch {
      difference = "\(error)"
    }
  }

  /// Reads everything back from the real journal, as an agent that starts does.
  mutating func readBack() {
    guard let shadow else { return }
    do {
      let matches =
        try shadow.openSources().migrations == openSources && shadow.openDestinations().migrations == openDestinations
        && shadow.outbox(limit: 10_000).count == outbox.count
        && shadow.drains(includeEnded: true).migrations.reversed() == drains && (shadow.maintenance() != nil) == maintenance
        && events.allSatisfy { try shadow.events(of: $0.key) == $0.value }
        && files.allSatisfy { file in
          try shadow.files(of: Catalogue.ids[file.migration], host: file.side).contains { $0 == RegisteredFile(file) }
        }
      if !matches { difference = "the journal does not hold what was stored in it" }
    } catch {
      difference = "\(error)"
    }
  }
}

extension RegisteredFile {
  fileprivate init(_ file: FileRecord) {
    self.init(
      migration: Catalogue.ids[file.migration], side: file.side, role: file.role, path: "/\(file.pool)/\(file.name)",
      device: file.inode.map { _ in 1 }, inode: file.inode.map { UInt64($0) })
  }
}
