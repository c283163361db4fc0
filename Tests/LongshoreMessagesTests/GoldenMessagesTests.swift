import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

/// The exact text of one message of each kind is kept in `contrib/examples/messages.jsonl`, so that no change of the wire goes
/// unseen. Where a change is meant, `LONGSHORE_RECORD_DOCUMENTS=1 swift test --filter GoldenMessagesTests` writes the file anew.
@Suite("Golden messages")
struct GoldenMessagesTests {
  static let golden = Result {
    let path = "contrib/examples/messages.jsonl"
    if ProcessInfo.processInfo.environment["LONGSHORE_RECORD_DOCUMENTS"] == "1" {
      let text = WireEntries.fullest.map { $0.line + "\n" }.joined()
      try text.write(toFile: Repository.path(path), atomically: true, encoding: .utf8)
    }
    return try Repository.text(path).split(separator: "\n").map(String.init)
  }

  @Test("Each message is written as it was", arguments: WireEntries.fullest)
  func message(_ entry: ContractChecker.Entry) throws {
    let lines = try Self.golden.get()
    let line = lines.first { $0.hasPrefix(#"{"message":"\#(entry.message)","#) }
    #expect(line == entry.line)
  }

  @Test("There is one line for each kind")
  func completeness() throws {
    #expect(try Self.golden.get().count == WireEntries.fullest.count)
  }
}
