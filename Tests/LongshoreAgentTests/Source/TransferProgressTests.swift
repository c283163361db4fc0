import Libvirt
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The progress of a transfer")
struct TransferProgressTests {
  private static let mebibyte: UInt64 = 1 << 20
  private let disk = Progress.Disk(
    target: MigrationSamples.name("vda"), bytes: Progress.Amount(done: 10 * mebibyte, remaining: 90 * mebibyte, total: 100 * mebibyte))

  private func statistics(diskDone: UInt64, memoryDone: UInt64 = 0, memoryTotal: UInt64? = nil) -> JobStatistics {
    var statistics = JobStatistics(kind: .unbounded)
    statistics.diskProcessed = diskDone * Self.mebibyte
    statistics.diskRemaining = (100 - diskDone) * Self.mebibyte
    statistics.memoryTotal = memoryTotal.map { $0 * Self.mebibyte }
    statistics.memoryProcessed = memoryDone * Self.mebibyte
    statistics.memoryRemaining = ((memoryTotal ?? 0) - memoryDone) * Self.mebibyte
    return statistics
  }

  private func transfer() -> TransferProgress {
    TransferProgress(guest: MigrationSamples.guest, memoryKiB: 100 * 1024, acceptedSeconds: 10)
  }

  @Test("At first there is no rate and no prediction")
  func first() {
    var transfer = transfer()
    let progress = transfer.progress(statistics(diskDone: 10), disks: [disk], at: 12.5)
    #expect(progress.phase == .transferring)
    #expect(progress.guest == MigrationSamples.guest)
    #expect(progress.disks == [disk])
    #expect(progress.rateBps == nil)
    #expect(progress.remainingSeconds == nil)
    #expect(progress.elapsedSeconds == 2.5)
  }

  @Test("While disks are copied the memory counts as remaining, though libvirt says nothing of it")
  func memoryAhead() {
    var transfer = transfer()
    _ = transfer.progress(statistics(diskDone: 10, memoryTotal: 0), disks: [], at: 20)
    let progress = transfer.progress(statistics(diskDone: 20, memoryTotal: 0), disks: [], at: 21)
    #expect(progress.memory == nil)
    #expect(progress.rateBps == 10 * Self.mebibyte)
    #expect(progress.remainingSeconds == 18)
  }

  @Test("Once memory is copied its own amounts count")
  func memory() {
    var transfer = transfer()
    _ = transfer.progress(statistics(diskDone: 100, memoryDone: 0, memoryTotal: 80), disks: [], at: 20)
    var numbers = statistics(diskDone: 100, memoryDone: 20, memoryTotal: 80)
    numbers.memoryDirtyRate = 5
    numbers.memoryIteration = 3
    numbers.downtime = 170
    let progress = transfer.progress(numbers, disks: [], at: 21)
    #expect(progress.memory == Progress.Amount(done: 20 * Self.mebibyte, remaining: 60 * Self.mebibyte, total: 80 * Self.mebibyte))
    #expect(progress.remainingSeconds == 3)
    #expect(progress.dirtyRateBps == 20_480)
    #expect(progress.iteration == 3)
    #expect(progress.expectedDowntimeMs == 170)
  }

  @Test("Dirty pages have the size that libvirt says")
  func pageSize() {
    var transfer = transfer()
    var numbers = statistics(diskDone: 0)
    numbers.memoryDirtyRate = 2
    numbers.memoryPageSize = 2 << 20
    #expect(transfer.progress(numbers, disks: [], at: 11).dirtyRateBps == 4 << 20)
  }

  @Test("The rate follows changes gently")
  func rate() {
    var transfer = transfer()
    for (second, done) in [0, 10, 20].enumerated() {
      _ = transfer.progress(statistics(diskDone: UInt64(done)), disks: [], at: 20 + Double(second))
    }
    let stalled = transfer.progress(statistics(diskDone: 20), disks: [], at: 23)
    #expect(stalled.rateBps == 6 * Self.mebibyte)
  }

  @Test("Numbers that go back, and a clock that stands, break nothing and make no rate")
  func backwards() {
    var transfer = transfer()
    _ = transfer.progress(statistics(diskDone: 50), disks: [], at: 20)
    #expect(transfer.progress(statistics(diskDone: 40), disks: [], at: 21).rateBps == nil)
    #expect(transfer.progress(statistics(diskDone: 60), disks: [], at: 21).rateBps == nil)
    #expect(transfer.progress(statistics(diskDone: 70), disks: [], at: 22).rateBps == 10 * Self.mebibyte)
  }

  @Test("A transfer that stands still is not predicted to end")
  func standstill() {
    var transfer = transfer()
    for second in 0..<3 {
      let progress = transfer.progress(statistics(diskDone: 50), disks: [], at: 20 + Double(second))
      #expect(progress.remainingSeconds == nil)
    }
  }

  @Test("The time that has passed is never negative")
  func elapsed() {
    var transfer = transfer()
    #expect(transfer.progress(statistics(diskDone: 0), disks: [], at: 3).elapsedSeconds == 0)
  }

  @Test("Where libvirt gives no total of the disks, their own amounts count")
  func withoutDiskTotal() {
    var transfer = transfer()
    var numbers = JobStatistics(kind: .unbounded)
    numbers.memoryTotal = 0
    _ = transfer.progress(numbers, disks: [], at: 20)
    #expect(transfer.progress(numbers, disks: [disk], at: 21).rateBps == 10 * Self.mebibyte)
  }
}
