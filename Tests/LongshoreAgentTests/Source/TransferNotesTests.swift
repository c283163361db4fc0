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

  /// Notes a transfer from its beginning, where this run has begun it, to its end.
  private func transfer(
    _ number: Int, _ rates: [UInt64], isBegun: Bool = true, isLimited: Bool = false, succeeds: Bool = true
  ) async throws {
    let id = try Many.id(number)
    if isBegun { await notes.note(DomainActivity(), of: id, at: 0) }
    for rate in rates { await notes.note(rate: rate, of: id, to: host) }
    if isLimited { await notes.noteLimit(of: id) }
    if succeeds { await notes.noteSuccess(of: id) }
    await notes.remove(id)
  }

  @Test("the rate of a link is the most that the last transfer reached, of those that this run has begun")
  func rates() async throws {
    try await transfer(1, [5, 9, 3])
    #expect(await notes.rate(to: host) == 9)
    try await transfer(2, [4], isBegun: false)
    try await transfer(3, [0])
    #expect(await notes.rate(to: host) == 9)
    try await transfer(4, [6])
    #expect(await notes.rate(to: host) == 6)
  }

  @Test("a transfer that fails, or that a budget or a cap holds back, says nothing of its link")
  func others() async throws {
    try await transfer(1, [9])
    try await transfer(2, [4], isLimited: true)
    try await transfer(3, [4], succeeds: false)
    #expect(await notes.rate(to: host) == 9)
    try await transfer(2, [6])
    #expect(await notes.rate(to: host) == 6)
  }
}
