import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@Suite("Prefetches in the journal")
struct PrefetchTests {
  private let journal: Journal
  private let now = Sample.now()
  private let later = Sample.now(1_000_000).wall
  private let reason = Reason(.cancelled, "enough")

  init() throws { journal = try Journal(path: Journal.inMemory) }

  private func prefetch(_ number: Int) throws -> TemplatePrefetch {
    TemplatePrefetch(
      id: try Sample.id(number),
      order: PrefetchOrder(template: MigrationSamples.plan.layers[0].volume, from: MigrationSamples.source.host),
      source: MigrationSamples.source, deadlineSeconds: 60, at: now)
  }

  private func begin(_ number: Int, digest: String = "a") throws -> TemplatePrefetch {
    let prefetch = try prefetch(number)
    #expect(try journal.begin(prefetch, request: RequestKey(id: prefetch.id, digest: digest), at: now) == .committed)
    return prefetch
  }

  @Test("are stored step by step, and known until they are forgotten")
  func stored() throws {
    var prefetch = try begin(1)
    #expect(try journal.openPrefetches().migrations == [prefetch])
    #expect(try journal.standing(ofPrefetch: prefetch.id) == .open)
    let stale = prefetch
    prefetch.apply(.cancel(reason))
    #expect(try journal.commit(prefetch, at: now) == .committed)
    #expect(try journal.commit(prefetch, at: now) == .stale)
    #expect(try journal.commit(stale, at: now) == .stale)
    prefetch.apply(.filesRemoved)
    #expect(try journal.commit(prefetch, at: now) == .committed)
    #expect(try journal.openPrefetches().migrations == [])
    #expect(try journal.prefetch(prefetch.id) == prefetch)
    #expect(try journal.standing(ofPrefetch: prefetch.id) == .ended(now.wall))

    let file = RegisteredFile(migration: prefetch.id, side: .destination, role: .templateCopy, path: "/pool/a")
    try journal.register(file)
    try journal.forgetMigrations(endedBefore: later)
    #expect(try journal.prefetch(prefetch.id) != nil, "it still has files")
    #expect(try journal.forgetRequests(acceptedBefore: later) == 0)
    try journal.forget(file)
    try journal.forgetMigrations(endedBefore: later)
    #expect(try journal.prefetch(prefetch.id) == nil)
    #expect(try journal.standing(ofPrefetch: prefetch.id) == .unknown)
    #expect(try journal.forgetRequests(acceptedBefore: later) == 1)
  }

  @Test("share their ids with migrations, so that an id is used once")
  func ids() throws {
    let prefetch = try begin(1)
    #expect(try journal.begin(prefetch, request: RequestKey(id: prefetch.id, digest: "a"), at: now) == .duplicateRequest)
    #expect(try journal.begin(prefetch, request: RequestKey(id: prefetch.id, digest: "b"), at: now) == .requestReused)
    #expect(try journal.commit(DrivenSource.begin(1).1) == .requestReused)
    #expect(try journal.commit(DrivenSource.begin(2).1) == .committed)
    let other = try self.prefetch(2)
    #expect(try journal.begin(other, request: RequestKey(id: other.id, digest: "a"), at: now) == .requestReused)
    #expect(try journal.prefetch(other.id) == nil)
  }

  @Test("leave a note of what was copied, one for each name")
  func copies() throws {
    #expect(try journal.copiedTemplate(at: "/pool/a") == nil)
    let copy = CopiedTemplate(
      path: "/pool/a", device: 1, inode: .max, handle: [1, 2], source: MigrationSamples.source.host, published: now.wall)
    try journal.note(copy)
    let other = CopiedTemplate(path: "/pool/b", device: 1, inode: 3, source: MigrationSamples.source.host, published: now.wall)
    try journal.note(other)
    #expect(try journal.copiedTemplates() == [copy, other])
    var again = copy
    again.inode = 7
    try journal.note(again)
    #expect(try journal.copiedTemplate(at: "/pool/a") == again)
  }

  @Test("what was remembered of a file is told, whatever it is now")
  func remembered() throws {
    #expect(try journal.rememberedDigest(ofPath: "/pool/a") == nil)
    let file = FileFingerprint(path: "/pool/a", device: 1, inode: 2, size: 3, modifiedNs: 4, changedNs: 5)
    let digest = LayerDigest(fileSize: 3, header: "raw", sha256: "00")
    try journal.remember(digest, for: file)
    let found = try #require(try journal.rememberedDigest(ofPath: "/pool/a"))
    #expect(found.digest == digest && found.file == file)
  }
}
