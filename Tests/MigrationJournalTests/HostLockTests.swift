import Glibc
import LongshoreTestKit
import MigrationJournal
import Testing

@Suite("The host's lock")
struct HostLockTests {
  @Test("is given once, names its holder, and is given again when released")
  func once() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/lab.alpha.lock"
      var lock: HostLock? = try HostLock(path: path)
      #expect(lock?.path == path)
      #expect(try content(of: path) == Array("\(getpid())\n".utf8))

      let error = #expect(throws: HostLockError.self) { try HostLock(path: path) }
      #expect(error?.code == .held)
      #expect(error?.holder == getpid())
      #expect(error?.message.contains("process \(getpid())") == true)

      lock = nil
      #expect(throws: Never.self) { try HostLock(path: path) }
    }
  }

  @Test("is refused to another process", .enabled(if: ExitTests.run, ExitTests.requirement))
  func otherProcess() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/lab.alpha.lock"
      let lock = try HostLock(path: path)
      await #expect(processExitsWith: .success) { [path = path as String, holder = getpid() as Int32] in
        let error = #expect(throws: HostLockError.self) { try HostLock(path: path) }
        #expect(error?.code == .held)
        #expect(error?.holder == holder)
      }
      #expect(lock.path == path)
    }
  }

  @Test("is released by the death of its process", .enabled(if: ExitTests.run, ExitTests.requirement))
  func death() async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/lab.alpha.lock"
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
        let lock = try HostLock(path: path)
        kill(getpid(), SIGKILL)
        withExtendedLifetime(lock) {}
      }
      let left = try content(of: path)
      #expect(!left.isEmpty)
      #expect(throws: Never.self) { try HostLock(path: path) }
    }
  }

  @Test("cannot be taken in a missing folder")
  func missingFolder() async throws {
    try await withTemporaryFolder { folder in
      let error = #expect(throws: HostLockError.self) { try HostLock(path: "\(folder)/missing/lock") }
      #expect(error?.code == .cannotOpen)
      #expect(error?.holder == nil)
    }
  }
}
