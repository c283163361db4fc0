import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreClient

@Suite("Events that the history brings again") struct ToldEventsTests {
  private static func event(_ sequence: Int) throws -> LinkNotice {
    var event = try #require(MessageSamples.events(of: .transferring).first)
    event.sequence = "\(sequence)"
    return .event(event)
  }

  @Test("are told once, also where they come late, and progress always")
  func once() throws {
    var told = ToldEvents()
    let sequences = [1, 2, 4, 3, 1, 2, 3, 4, 5]
    #expect(try sequences.map { told.isNew(try Self.event($0)) } == [true, true, true, true, false, false, false, false, true])
    let drain = try #require(MessageSamples.drainEvents.first)
    #expect([drain, drain].map { told.isNew(.drain($0)) } == [true, false])
    let progress = try #require(MessageSamples.progressEvents.first)
    #expect([progress, progress].map { told.isNew(.progress($0)) } == [true, true])
  }

  @Test("are forgotten where they are too many, the oldest first")
  func limit() throws {
    var told = ToldEvents(limit: 3)
    for sequence in 1...5 { #expect(told.isNew(try Self.event(sequence))) }
    #expect(try [3, 4, 5].map { told.isNew(try Self.event($0)) } == [false, false, false])
    #expect(told.isNew(try Self.event(1)))
    #expect(try [4, 5, 1, 3].map { told.isNew(try Self.event($0)) } == [false, false, false, true])
  }
}
