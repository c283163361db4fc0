import Testing

@testable import LongshoreAgent

@Suite("Questions to a file system")
struct FileProbeTests {
  @Test("Whether files of a size are possible is told as making one tells it, and nothing is left")
  func sizes() async throws {
    try await withTemporaryFolder { folder in
      for size in [4096, 1 << 40, UInt64(Int64.max)] {
        var isPossible = true
        do {
          try await folder.run("truncate", "--size", "\(size)", folder.file("made"))
        } catch is TemporaryFolder.ProgramFailed {
          isPossible = false
        }
        try await folder.run("rm", "-f", folder.file("made"))
        let told = FileProbe.takesFiles(of: size, in: folder.path)
        #expect(told == nil || told == isPossible, "\(size) bytes")
      }
      #expect(try FolderListing.names(in: folder.path, operation: "list") == [])
    }
  }

  @Test("Of a folder that is not there nothing is told")
  func nowhere() async throws {
    try await withTemporaryFolder { folder in #expect(FileProbe.takesFiles(of: 1, in: folder.file("none")) == nil) }
  }
}
