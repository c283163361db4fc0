import LongshoreMessages
import LongshoreTestKit
import Testing

/// What is written is read back as it was, and equal messages have equal bytes.
@Suite("Round trips")
struct RoundTripTests {
  @Test("Requests", arguments: MessageSamples.requests)
  func request(_ request: Request) throws {
    let bytes = MessageCoding.encode(request)
    #expect(try MessageCoding.read(Request.self, from: bytes) == request)
    #expect(MessageCoding.encode(request) == bytes)
  }

  @Test("Replies", arguments: MessageSamples.replies)
  func reply(_ reply: Reply) throws {
    #expect(try MessageCoding.read(Reply.self, from: MessageCoding.encode(reply)) == reply)
  }

  @Test("Messages between agents", arguments: MessageSamples.peerMessages)
  func peerMessage(_ message: PeerMessage) throws {
    #expect(try MessageCoding.read(PeerMessage.self, from: MessageCoding.encode(message)) == message)
  }

  @Test("Events", arguments: MessageSamples.events)
  func event(_ event: MigrationEvent) throws {
    #expect(try MessageCoding.decode(MigrationEvent.self, from: MessageCoding.encode(event)) == event)
  }

  @Test("Progress", arguments: MessageSamples.progressEvents)
  func progress(_ event: ProgressEvent) throws {
    #expect(try MessageCoding.decode(ProgressEvent.self, from: MessageCoding.encode(event)) == event)
  }

  @Test("A plan of 100 disks stays far below the limit")
  func sizeOfPlan() {
    let disk = MessageSamples.fullPlan.disks[0]
    var plan = MessageSamples.fullPlan
    plan.disks = Array(repeating: disk, count: 100)
    let message = PeerMessage(
      migration: MessageSamples.migration, from: MessageSamples.source, to: MessageSamples.destination,
      journal: MessageSamples.journal, body: .prepare(plan))
    #expect(MessageCoding.encode(message).count < Wire.maximumMessageSize / 10)
  }

  @Test("A prediction without end is left out", arguments: [Double.infinity, .nan])
  func endlessPrediction(seconds: Double) {
    let progress = Progress(
      phase: .transferring, guest: MessageSamples.guest, elapsedSeconds: 1, remainingSeconds: seconds)
    #expect(progress.remainingSeconds == nil)
  }
}
