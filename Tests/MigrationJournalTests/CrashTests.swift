import Dispatch
import Glibc
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Testing

@Suite("A killed process")
struct CrashTests {
  @Test(
    "leaves every commit that returned, whole, and at most one more", .enabled(if: ExitTests.run, ExitTests.requirement),
    .timeLimit(.minutes(10)),
    arguments: [1, 7, 20])
  func killedWhileCommitting(kills: Int) async throws {
    try await withTemporaryFolder { folder in
      let path = "\(folder)/journal"
      let tally = "\(folder)/tally"
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, tally = tally as String, kills] in
        try commitUntilKilled(path: path, tally: tally, after: kills)
      }
      let returned = try content(of: tally).count
      #expect(returned >= kills)

      let journal = try Journal(path: path)
      let stored = try journal.openSources().migrations
      let steps = stored.reduce(0) { $0 + $1.revision }
      #expect(steps == returned || steps == returned + 1)
      var numbered: [String] = []
      for migration in stored {
        #expect(try journal.sourceHistory(of: migration.id)?.folded() == migration)
        let events = try journal.events(of: migration.id)
        #expect(events.compactMap { Int($0.sequence) } == Array(1...migration.sequence))
        numbered += events.map(\.id)
      }
      #expect(try journal.outbox(limit: 100_000).map(\.messageID).sorted() == numbered.sorted())
    }
  }
}

/// Commits one step after the other and writes a byte into `tally` after each, until another thread, which waits for the first
/// `count` of them, kills the process.
private func commitUntilKilled(path: String, tally: String, after count: Int) throws {
  let journal = try Journal(path: path)
  let descriptor = open(tally, O_WRONLY | O_CREAT | O_APPEND, 0o600)
  let returned = DispatchSemaphore(value: 0)
  DispatchQueue.global().async {
    for _ in 0..<count { returned.wait() }
    kill(getpid(), SIGKILL)
  }
  for number in 1... {
    var (driven, step) = try DrivenSource.begin(number)
    for event in [nil, SourceEvent.admitted, .inspected(try Sample.inspection(number))] {
      if let event { step = try driven.apply(event) }
      guard try journal.commit(step) == .committed, write(descriptor, [1], 1) == 1 else { exit(EXIT_FAILURE) }
      returned.signal()
    }
  }
}
