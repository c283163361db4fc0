import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// `longshore dead-letters`, from the command line to what becomes of the letters.
@Suite(.timeLimit(.minutes(10))) struct DeadLetterCommandTests {
  private static let request = DeadLetter(
    reason: "no migration m-0 is known at alpha [unknown-migration]", host: "lab.alpha", time: Sample.start, exchange: Wire.requests,
    routingKey: "lab.alpha", type: "cancel", messageID: "x-1", body: Array(#"{"type":"cancel","id":"x-1","n":[1,2.5,null,true]}"#.utf8))
  private static let peer = DeadLetter(
    reason: "the field migration is missing [malformed]", host: "lab.alpha", exchange: Wire.peers, routingKey: "lab.alpha", type: "huh",
    body: Array("x\u{1b}[31m\nline 2".utf8))
  private static let bytes = DeadLetter(body: Array(0...255) + Array(0...255))
  private static let letters = [request, peer, bytes]

  private func harness(_ letters: Result<[DeadLetter], LinkError> = .success(Self.letters)) -> CommandHarness {
    var harness = CommandHarness()
    harness.link = FakeLink(letters: letters)
    return harness
  }

  @Test func areListedWithTheirReasons() async throws {
    let harness = harness()
    #expect(try await harness.run("dead-letters") == .done)
    #expect(
      harness.output.text == """
        ID            SINCE                HOST       MESSAGE         FOR        SIZE
        \(Self.request.id)  2026-01-31 18:30:00  lab.alpha  request cancel  lab.alpha  50 B
          no migration m-0 is known at alpha [unknown-migration]
        \(Self.peer.id)  -                    lab.alpha  agents' huh     lab.alpha  13 B
          the field migration is missing [malformed]
        \(Self.bytes.id)  -                    -          message         -          512 B
          no reason is given

        """)
    #expect(harness.link.fates.allSatisfy { $0 == .keep })
  }

  @Test func haveIdsOfTheirContent() {
    var other = Self.letters.map(\.id)
    for letter in [
      DeadLetter(host: "a", exchange: "b", body: []), DeadLetter(host: "", exchange: "ab", body: []), DeadLetter(host: "ab", body: []),
      DeadLetter(body: []),
    ] {
      #expect(letter.id.utf8.count == 12)
      other.append(letter.id)
    }
    #expect(Set(other).count == other.count)
    #expect(DeadLetter(host: "a", body: [1]).id == DeadLetter(host: "a", body: [1]).id)
  }

  @Test func areShownWhole() async throws {
    let harness = harness()
    #expect(try await harness.run("dead-letters", "show", Self.request.id, String(Self.peer.id.prefix(6))) == .done)
    let text = harness.output.text
    #expect(text.contains("  reason        no migration m-0 is known at alpha [unknown-migration]\n"))
    #expect(text.contains("  since         2026-01-31 18:30:00\n"))
    #expect(text.contains("\n    \"n\" : [\n      1,\n      2.5,\n      null,\n      true\n    ]"))
    #expect(text.contains("\n  x?[31m\n  line 2\n"), "nothing moves the terminal's cursor")
    let bytes = self.harness()
    #expect(try await bytes.run("dead-letters", "show", Self.bytes.id) == .done)
    #expect(bytes.output.text.contains("  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n"))
    #expect(bytes.output.text.hasSuffix("  …\n"))
  }

  @Test func areTheSameForPrograms() async throws {
    let json = harness()
    #expect(try await json.run("dead-letters", "show", Self.request.id, "--format", "json") == .done)
    #expect(json.output.text.contains(#""exchange":"longshore.requests""#) && json.output.text.contains(#""size":50"#))
    let yaml = harness()
    #expect(try await yaml.run("dead-letters", "list", "--format", "yaml") == .done)
    #expect(yaml.output.text.hasPrefix("---\n- id: "))
    #expect(yaml.output.text.contains("\n  time: '2026-01-31T18:30:00.000Z'\n"), "a text that looks like a time stays a text")
  }

  @Test func oneIsSentAgain() async throws {
    let harness = harness()
    #expect(try await harness.run("dead-letters", "requeue", Self.request.id) == .done)
    #expect(harness.link.fates == [.sendAgain, .keep, .keep])
    #expect(harness.output.text == "\(Self.request.id) sent again\n")
  }

  @Test func onlyRequestsAreSentAgain() async throws {
    let one = harness()
    #expect(try await one.run("dead-letters", "requeue", Self.peer.id) == .refused)
    #expect(one.link.fates.isEmpty && one.error.text.contains("longshore dead-letters drop \(Self.peer.id)"))
    let all = harness()
    #expect(try await all.run("dead-letters", "requeue", "--all") == .done)
    #expect(all.link.fates == [.sendAgain, .keep, .keep])
  }

  @Test func oneWhoseHostIsGoneIsKeptAndNamed() async throws {
    var harness = harness()
    let failure = LinkError(.unknownHost, "no agent takes requests for lab.gone", while: "sending it again")
    harness.link = FakeLink(letters: .success([Self.request]), unsendable: [Self.request.id: failure])
    #expect(try await harness.run("dead-letters", "requeue", "--all") == .refused)
    #expect(harness.output.text == "")
    #expect(harness.error.text == "no agent takes requests for lab.gone: the letter is kept.\n")
  }

  @Test func areDroppedWhenTheOperatorSaysYes() async throws {
    var harness = harness()
    #expect(try await harness.run("dead-letters", "drop", "--all") == .usage, "nobody can be asked")
    harness.answer = "n"
    #expect(try await harness.run("dead-letters", "drop", "--all") == .refused)
    #expect(harness.link.fates.isEmpty)
    harness.answer = "y"
    #expect(try await harness.run("dead-letters", "drop", "--all") == .done)
    #expect(harness.link.fates == [.drop, .drop, .drop])
    let one = self.harness()
    #expect(try await one.run("dead-letters", "drop", Self.bytes.id, "--yes") == .done)
    #expect(one.link.fates == [.keep, .keep, .drop])
  }

  @Test func anUnknownOneIsRefused() async throws {
    let harness = harness()
    #expect(try await harness.run("dead-letters", "show", "zz") == .refused)
    #expect(harness.error.text.contains("no dead letter has the id zz"))
    let none = self.harness(.success([]))
    #expect(try await none.run("dead-letters") == .done)
    #expect(none.error.text == "No dead letters.\n")
  }

  @Test func thatMoreMayBeThereIsSaid() async throws {
    let many = (0..<DeadLetter.mostAtOnce).map { DeadLetter(messageID: "x-\($0)", body: []) }
    let id = many[0].id
    for words in [["list"], ["show", id], ["requeue", "--all"], ["drop", id, "--yes"]] {
      let harness = harness(.success(many))
      #expect(try await harness.run(["dead-letters"] + words) == .done)
      #expect(harness.error.text.contains("The first 1000 dead letters were looked at, and more may be there: run it again"))
    }
    let unknown = harness(.success(many))
    #expect(try await unknown.run("dead-letters", "show", "zz") == .refused)
    #expect(unknown.error.text.contains("The first 1000 were looked at, and more may be there: run it again"))
    let fewer = harness(.success(Array(many.dropLast())))
    #expect(try await fewer.run("dead-letters", "list") == .done)
    #expect(!fewer.error.text.contains("more may be there"))
  }

  @Test func aUserMayHaveToBeAllowed() async throws {
    let harness = harness(.failure(LinkError(.notPermitted, "access to queue refused", while: "asking for the dead letters")))
    #expect(try await harness.run("dead-letters") == .notPermitted)
  }
}
