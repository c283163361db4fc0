import Libvirt
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("What an agent remembers of transfers")
struct TransferNotesTests {
  private let notes = TransferNotes()
  private let host = MigrationSamples.destination.host

  @Test("the rate of a link is the most that the last transfer reached, of those that this run has begun")
  func rates() async throws {
    for (number, rates, isBegun) in [(1, [5, 9, 3], true), (2, [4], false), (3, [0], true)] as [(Int, [UInt64], Bool)] {
      let id = try Many.id(number)
      if isBegun { await notes.note(DomainActivity(), of: id, at: 0) }
      for rate in rates { await notes.note(rate: rate, of: id, to: host) }
      await notes.remove(id)
      #expect(await notes.rate(to: host) == 9)
    }
  }
}
