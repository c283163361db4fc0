import LongshoreMessages
import LongshoreTestKit
import Testing

@Suite("Drains in one message")
struct DrainStatusTests {
  private static let refusals = 24

  private func drain(_ number: Int, _ phase: DrainStatus.Phase, guests: Int) throws -> DrainStatus {
    let host = try #require(NodeName("host"))
    let reason = Reason(.noSpace, String(repeating: "no room ", count: 10))
    let guest = DrainGuest(
      guest: MigrationSamples.guest, state: .blocked, reasons: [reason],
      refusals: (0..<Self.refusals).map { _ in DrainGuest.Refusal(host: host, reasons: [reason]) })
    return DrainStatus(
      id: try #require(MigrationID("drain-\(number)")), host: host, phase: phase, acceptedAt: Timestamp(milliseconds: 0),
      updatedAt: Timestamp(milliseconds: 0), guests: Array(repeating: guest, count: guests),
      candidates: [DrainStatus.Candidate(host: host, refusal: reason)])
  }

  @Test("are told as they are where they fit, then with fewer refusals, then without the guests of those that have ended")
  func fitting() throws {
    let drains = [try drain(3, .moving, guests: 20), try drain(2, .incomplete, guests: 20), try drain(1, .completed, guests: 20)]
    let whole = MessageCoding.encode(drains).count
    #expect(DrainStatus.fitting(drains, size: whole) == drains)

    let fewer = DrainStatus.fitting(drains, size: whole - 1)
    #expect(fewer.map(\.guests.count) == [20, 20, 20])
    #expect(Set(fewer.flatMap(\.guests).map { $0.refusals?.count }) == [8])

    let bare = drains.map { drain in
      var drain = drain
      for index in drain.guests.indices { drain.guests[index].refusals = nil }
      return drain
    }
    let none = MessageCoding.encode(bare).count
    #expect(DrainStatus.fitting(drains, size: none) == bare)
    #expect(DrainStatus.fitting(drains, size: none - 1).map(\.guests.count) == [20, 20, 0])
    #expect(DrainStatus.fitting(drains, size: none / 2).map(\.guests.count) == [20, 0, 0])
    #expect(DrainStatus.fitting(drains, size: 10).map(\.id) == [drains[0].id], "what goes on is told")
  }
}
