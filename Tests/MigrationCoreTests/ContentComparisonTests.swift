import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@Suite struct ContentComparisonTests {
  private static let here = MigrationSamples.source.host

  private func compare(_ here: [DiskContent], _ there: [DiskContent]) -> ContentComparison {
    ContentComparison.of(here, at: Self.here, with: there, planned: MigrationSamples.plan.disks)
  }

  @Test func theSameIsEqual() {
    let found = compare(MigrationSamples.contents, MigrationSamples.contents)
    #expect(found.verification == Verification(.equal, bytes: 9 << 30))
    #expect(found.reason == nil)
  }

  @Test func aRangeThatDiffersIsNamed() {
    let range = MigrationSamples.contents[1].rangeSize
    let found = compare(MigrationSamples.contents, MigrationSamples.otherContents)
    #expect(found.verification.outcome == .differs)
    #expect(
      found.verification.differences == [
        Verification.Difference(target: MigrationSamples.name("vdb"), offset: 3 * range, length: range)
      ])
    #expect(found.reason?.code == .contentDiffers)
  }

  @Test func neighboursAreOneAndTheLastRangeEndsWithTheDisk() {
    var disk = DiskContent(target: MigrationSamples.name("vda"), size: 10, rangeSize: 4, digests: ["a", "b", "c"])
    let one = [disk]
    disk.digests = ["a", "x", "y"]
    let found = ContentComparison.of(one, at: Self.here, with: [disk], planned: Array(MigrationSamples.plan.disks.prefix(1)))
    #expect(found.verification.differences == [Verification.Difference(target: MigrationSamples.name("vda"), offset: 4, length: 6)])
  }

  @Test func anotherSizeDiffers() {
    var there = MigrationSamples.contents
    there[0].size += 512
    #expect(compare(MigrationSamples.contents, there).verification.outcome == .differs)
  }

  @Test("What was not read, or not in the same ranges, is neither", arguments: 0..<4)
  func unknown(_ defect: Int) {
    var (here, there) = (MigrationSamples.contents, MigrationSamples.contents)
    switch defect {
    case 0: there.removeLast()
    case 1: here.removeFirst()
    case 2: there[0].rangeSize *= 2
    default:
      // Both lack the last range.
      here[1].digests.removeLast()
      there[1].digests.removeLast()
    }
    let found = compare(here, there)
    #expect(found.verification == Verification(.unknown))
    #expect(found.reason?.code == .notVerified)
  }

  @Test(
    "Ranges are powers of two, few enough for a message",
    arguments: [UInt64]([0, 1, 1 << 20, 1 << 20 | 1, 5 << 30, 1 << 50, (1 << 63) - 1]))
  func ranges(size: UInt64) {
    for disks in [1, 2, 16, 5000] {
      let range = DiskContent.rangeSize(of: size, disks: disks)
      #expect(range.nonzeroBitCount == 1)
      #expect(range >= DiskContent.smallestRange && range % UInt64(DiskContent.blockSize) == 0)
      #expect(size == 0 || (size - 1) / range + 1 <= max(1, DiskContent.mostRanges / UInt64(disks)))
    }
  }
}
