import LongshoreMessages
import MigrationCore
import MigrationJournal
import Testing

@Suite("Registered files")
struct RegisteredFileTests {
  private let journal: Journal

  init() throws { journal = try Journal(path: Journal.inMemory) }

  private func file(_ name: String, side: Side = .destination, role: RegisteredFile.Role = .stub) throws -> RegisteredFile {
    RegisteredFile(migration: try Sample.id(1), side: side, role: role, path: "/pool/\(name)")
  }

  @Test("are kept as they were registered and updated")
  func roundTrip() throws {
    var copy = try file("a", role: .templateCopy)
    try journal.register(copy)
    #expect(try journal.files(of: copy.migration, host: .destination) == [copy])

    (copy.device, copy.inode, copy.handle) = (.max, .max - 1, [1, 0, 0, 0, 255])
    copy.finishedChunks = [0, 9, 4000]
    try journal.update(copy)
    #expect(try journal.files(of: copy.migration, host: .destination) == [copy])

    copy.role = .setAside
    copy.originalPath = "/pool/a"
    copy.grace = Deadline(start: Sample.now(7), allowance: 86_400_000)
    copy.finishedChunks = []
    try journal.update(copy)
    #expect(try journal.files(of: copy.migration, host: .destination) == [copy])

    try journal.forget(copy)
    try journal.forget(copy)
    #expect(try journal.files(of: copy.migration, host: .destination).isEmpty)
  }

  @Test("are told apart by migration, side and role, in the order of registration")
  func selection() throws {
    for name in ["z", "y", "x"] { try journal.register(try file(name)) }
    try journal.register(try file("s", side: .source, role: .setAside))

    #expect(try journal.files(of: Sample.id(1), host: .destination).map(\.path) == ["/pool/z", "/pool/y", "/pool/x"])
    #expect(try journal.files(of: Sample.id(1), host: .source).map(\.path) == ["/pool/s"])
    #expect(try journal.files(of: Sample.id(2), host: .source).isEmpty)
    #expect(try journal.files(in: .setAside).map(\.path) == ["/pool/s"])
    #expect(try journal.files(in: .workFolder).isEmpty)
    #expect(try journal.files().map(\.path) == ["/pool/z", "/pool/y", "/pool/x", "/pool/s"])
  }

  @Test("have what is left of their grace wound up, at one time for all, and nothing else changed")
  func rewinding() throws {
    for (name, hours) in [("long", Int64(24)), ("short", 1)] {
      var file = try file(name, side: .source, role: .setAside)
      (file.device, file.inode, file.handle, file.originalPath) = (1, 2, [3], "/pool/was-\(name)")
      file.grace = Deadline(start: Sample.now(), allowance: hours * 3_600_000)
      try journal.register(file)
    }
    try journal.register(try file("never"))
    let before = try journal.files()

    let now = Sample.now(2 * 3600)
    try journal.rewindGraces(at: now)

    let after = try journal.files()
    #expect(after.map(\.grace) == [Deadline(start: now, allowance: 22 * 3_600_000), Deadline(start: now, allowance: 0), nil])
    for (var old, new) in zip(before, after) {
      old.grace = new.grace
      #expect(old == new)
    }
  }

  @Test("cannot be registered twice, nor updated unregistered")
  func refusals() throws {
    let first = try file("a")
    try journal.register(first)
    let twice = #expect(throws: JournalError.self) { try journal.register(first) }
    #expect(twice?.code == .alreadyRegistered)

    let unknown = #expect(throws: JournalError.self) { try journal.update(file("b")) }
    #expect(unknown?.code == .notRegistered)
    let ofAnother = #expect(throws: JournalError.self) { try journal.update(file("a", side: .source)) }
    #expect(ofAnother?.code == .notRegistered)
    #expect(try journal.files(of: Sample.id(1), host: .destination) == [first])

    try journal.register(try file("a", side: .source))
    #expect(try journal.files(of: Sample.id(1), host: .source).count == 1, "each side has its own")
  }

  @Test("have a device and an inode, or neither")
  func halfAnIdentity() throws {
    var half = try file("a")
    half.inode = 1
    let registered = #expect(throws: JournalError.self) { try journal.register(half) }
    #expect(registered?.code == .internalError)
    #expect(try journal.files(of: Sample.id(1), host: .destination).isEmpty)
  }

  @Test("tell how their migrations stand, on each side")
  func standing() throws {
    let (driven, first) = try DrivenSource.begin(1)
    #expect(try journal.standing(of: Sample.id(1), host: .source) == .unknown)
    #expect(try journal.commit(first) == .committed)
    #expect(try journal.standing(of: Sample.id(1), host: .source) == .open)
    #expect(try journal.standing(of: Sample.id(1), host: .destination) == .unknown)

    var source = driven
    let events = try Sample.sourceEvents(1)
    for event in events { #expect(try journal.commit(source.apply(event)) == .committed) }
    #expect(try journal.standing(of: Sample.id(1), host: .source) == .ended(Sample.now(Int64(events.count)).wall))
  }

  @Test("A guest's last migration is the one that changed last")
  func lastMigration() throws {
    #expect(try journal.lastMigration(ofGuest: Sample.guest(1).uuid) == nil)
    #expect(try journal.commit(DrivenSource.begin(1).1) == .committed)
    #expect(try journal.commit(DrivenSource.begin(2).1) == .committed)
    let last = try #require(try journal.lastMigration(ofGuest: Sample.guest(1).uuid))
    #expect(try last == (Sample.id(1), .source))
  }

  @Test("A set of chunks has what was put in")
  func chunks() {
    var set = ChunkSet()
    #expect(set.isEmpty)
    #expect(!set.contains(0))
    set.insert(17)
    set.insert(17)
    set.insert(0)
    #expect(set.count == 2)
    #expect(set.contains(17))
    #expect(!set.contains(16))
    #expect(!set.contains(-1))
    #expect(!set.contains(1_000_000))
    #expect(set == ChunkSet([0, 17]))
  }
}
