import MigrationCore
import Testing

/// The watch over a transfer's counters, which are looked at each second.
@Suite struct StallWatchTests {
  /// At which of the looks nothing has moved for three seconds.
  private func still(_ looks: [[UInt64]?]) -> [Int] {
    var watch = StallWatch(patience: 3000)
    return looks.indices.filter { watch.isStill(looks[$0], at: 7000 + Int64($0) * 1000) }
  }

  @Test("says nothing while any counter moves")
  func moving() {
    #expect(still((0..<20).map { [UInt64($0), 5] }) == [])
    #expect(still((0..<20).map { [5, UInt64($0 / 2)] }) == [])
    // Backwards too: a disk of which more is to be copied now.
    #expect(still((0..<20).map { [UInt64(20 - $0)] }) == [])
  }

  @Test("says so once in each time of patience in which none does")
  func standing() { #expect(still(Array(repeating: [1, 2], count: 10)) == [3, 6, 9]) }

  @Test("takes no answer for no movement")
  func silent() {
    #expect(still(Array(repeating: nil, count: 8)) == [3, 6])
    #expect(still([[1], nil, nil, [1], nil, nil, [2], nil, nil, nil]) == [3, 9])
  }
}

/// Which transfers may be made to fail.
@Suite struct StallReliefTests {
  private static let sights: [GuestSight] = [
    .absent, .inactive("shut off"), .unreachable("no answer"), .active(.running, job: .none), .active(.running, job: .migration),
    .active(.pausedByUser, job: .none), .active(.pausedForMigration, job: .migration), .active(.other("paused"), job: .other),
  ]

  @Test("none whose destination may run the guest after it", arguments: sights)
  func safety(sight: GuestSight) {
    for isFenced in [true, false] {
      // Whoever has or may have it there goes on with it, once it is suspended here.
      let mayRunThere =
        switch sight {
        case .absent: false
        case .unreachable: !isFenced
        default: true
        }
      #expect(StallRelief.isSafe(for: .suspended, destination: sight, isFenced: isFenced) == !mayRunThere)
      #expect(!StallRelief.isSafe(for: .other, destination: sight, isFenced: isFenced))
    }
  }

  @Test("those of a guest that runs here alone, whose destination is gone", arguments: sights)
  func running(sight: GuestSight) {
    let isGone =
      switch sight {
      case .absent, .unreachable: true
      default: false
      }
    for isFenced in [true, false] {
      #expect(StallRelief.isSafe(for: .running, destination: sight, isFenced: isFenced) == isGone)
    }
  }
}
