import LongshoreMessages
import MigrationCore
import Testing

@testable import MigrationJournal

@Suite("Settings in the journal")
struct SettingTests {
  @Test("outlive the file's closing, with the time since when they are so, until they are reset")
  func kept() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      var journal = try Journal(path: path)
      #expect(try journal.settings() == [:])
      let stored = try journal.configure(HostSettingsChange(deadlineSeconds: 7200), at: Sample.now(1))
      #expect(stored == [.deadlineSeconds: .init(7200, since: Sample.now(1).wall)])
      #expect(try journal.configure(HostSettingsChange(deadlineSeconds: 7200), at: Sample.now(2)) == stored)
      try journal.close()

      journal = try Journal(path: path)
      #expect(try journal.settings() == stored)
      let changed = try journal.configure(HostSettingsChange(deadlineSeconds: 60), at: Sample.now(3))
      #expect(changed == [.deadlineSeconds: .init(60, since: Sample.now(3).wall)])
      #expect(try journal.configure(HostSettingsChange(reset: [.deadlineSeconds]), at: Sample.now(4)) == [:])
      #expect(try journal.settings() == [:])
    }
  }

  @Test("come to a journal of the version before, which keeps what it holds")
  func upgrade() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let position = try #require(Schema.current.versions.firstIndex { $0.name == "7" })
      let before = Schema(versions: Array(Schema.current.versions[..<position]))
      let old = try Journal(path: path, schema: before, shape: Shape.current)
      let (driven, step) = try DrivenSource.begin(1)
      #expect(try old.commit(step) == .committed)
      #expect(throws: JournalError.self) { try old.settings() }
      try old.close()

      let journal = try Journal(path: path)
      #expect(journal.id == old.id)
      #expect(try journal.openSources().migrations == [driven.migration])
      #expect(try journal.settings() == [:])
      #expect(try journal.configure(HostSettingsChange(deadlineSeconds: 60), at: Sample.now(1)).count == 1)
    }
  }
}
