import LongshoreMessages
import LongshoreTestKit
import Testing

/// The exact text of one message of each kind is kept in `contrib/examples/messages.jsonl`, so that no change of the wire goes
/// unseen. Where a change is meant, the line that the failure shows goes into that file.
@Suite("Golden messages")
struct GoldenMessagesTests {
  static let golden = Result { try Repository.text("contrib/examples/messages.jsonl").split(separator: "\n").map(String.init) }

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
