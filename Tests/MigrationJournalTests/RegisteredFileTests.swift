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

    (copy.device, copy.inode) = (.max, .max - 1)
    copy.finishedChunks = [0, 9, 4000]
    try journal.update(copy)
    #expect(try journal.files(of: copy.migration, host: .destination) == [copy])

    copy.role = .setAside
    copy.originalPath = "/pool/a"
    copy.deleteAfter = Timestamp(milliseconds: 1_800_000_000_000)
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
  }

  @Test("are due when their grace has ended")
  func due() throws {
    let time = Sample.now().wall
    for (name, grace) in [("later", Int64(2)), ("now", 0), ("past", -1)] {
      var file = try file(name, side: .source, role: .setAside)
      file.deleteAfter = time.adding(milliseconds: grace)
      try journal.register(file)
    }
    try journal.register(try file("never"))

    #expect(try journal.filesDue(before: time).map(\.path) == ["/pool/past", "/pool/now"])
    #expect(try journal.filesDue(before: time.adding(milliseconds: 2)).map(\.path) == ["/pool/past", "/pool/now", "/pool/later"])
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
