import LongshoreMessages
import MigrationJournal
import Testing

@testable import LongshoreAgent

@Suite("Digests of layers", .timeLimit(.minutes(10)))
struct LayerIdentitiesTests {
  @Test("ten that ask for one at the same instant have the file read once")
  func once() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(16 << 20), to: "template.raw")
      let readings = Recorder<String>()
      let identities = LayerIdentities(journal: try Journal(path: Journal.inMemory), settlingTime: 0) { readings.record($0) }
      let digests = try await withThrowingTaskGroup(of: LayerDigest.self) { group in
        for _ in 0..<10 { group.addTask { try await identities.digest(of: path, format: .raw) } }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect(digests.count == 1)
      #expect(readings.elements == [path])
      // It is read again when it has changed, and only then.
      try folder.overwrite(path, at: 0, with: [1, 2, 3])
      let changed = try await identities.digest(of: path, format: .raw)
      #expect(!digests.contains(changed) && readings.elements == [path, path])
    }
  }
}
