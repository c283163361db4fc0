import MigrationCore
import Testing

/// The watch beside libvirt's migrate call: what it sees each second, and when it gives the call up.
@Suite struct CallWatchTests {
  /// At which of the sights, one a second, a call with a patience of three seconds is lost.
  private func lost(_ sights: [CallWatch.Sight]) -> Int? {
    var watch = CallWatch(patience: 3000)
    return sights.indices.first { watch.isLost(seeing: sights[$0], at: 5000 + Int64($0) * 1000) }
  }

  @Test("waits for as long as a migration runs")
  func moving() { #expect(lost(Array(repeating: .moving, count: 100)) == nil) }

  @Test(
    "gives up a call whose guest has left or stayed, or of which libvirt tells nothing, for its patience",
    arguments: [CallWatch.Sight.stayed, .left, .unknown])
  func idle(_ sight: CallWatch.Sight) {
    #expect(lost([.moving, sight, sight, sight, sight]) == 4)
    #expect(lost([.moving, sight, sight, sight, .moving, sight, sight, sight]) == nil)
  }

  @Test("adds up what is idle, whatever it is")
  func mixed() { #expect(lost([.moving, .stayed, .unknown, .left, .stayed]) == 4) }

  @Test("waits for a call that has not begun, since it still may", arguments: [CallWatch.Sight.stayed, .unknown])
  func notBegun(_ sight: CallWatch.Sight) { #expect(lost(Array(repeating: sight, count: 100)) == nil) }

  @Test("gives up a call that has not begun and whose guest has left")
  func leftBefore() {
    #expect(lost([.stayed, .left, .left, .left, .left]) == 4)
    #expect(lost([.left, .left, .stayed, .left, .left, .left]) == nil)
  }
}
