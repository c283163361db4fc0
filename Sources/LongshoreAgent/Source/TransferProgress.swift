internal import Libvirt
internal import LongshoreMessages

/// Turns libvirt's statistics of a running migration into progress: amounts for each disk and for memory, rate and predicted finish.
struct TransferProgress {
  private let guest: GuestReference
  private let startedSeconds: Double
  private var last: (seconds: Double, done: UInt64)?
  private var rate: Double?
  private var memoryTotalKiB: UInt64

  /// - Parameters:
  ///   - guest: The guest that moves.
  ///   - memoryKiB: Its memory, which counts as remaining while the disks are copied.
  ///   - acceptedSeconds: The time at which the migration was accepted, on the clock of `progress(at:)`.
  init(guest: GuestReference, memoryKiB: UInt64, acceptedSeconds: Double) {
    self.guest = guest
    memoryTotalKiB = memoryKiB
    startedSeconds = acceptedSeconds
  }

  /// The progress at a time, in seconds of any steady clock.
  mutating func progress(_ statistics: JobStatistics, disks: [Progress.Disk], at seconds: Double) -> Progress {
    let diskDone = statistics.diskProcessed ?? disks.reduce(0) { $0 + $1.bytes.done }
    let memoryDone = statistics.memoryProcessed ?? 0
    let done = diskDone + memoryDone
    if let last, seconds > last.seconds, done >= last.done {
      let now = Double(done - last.done) / (seconds - last.seconds)
      rate = rate.map { $0 * 0.6 + now * 0.4 } ?? now
    }
    last = (seconds, done)
    let memoryBegun = (statistics.memoryTotal ?? 0) > 0
    let memoryRemaining = memoryBegun ? statistics.memoryRemaining ?? 0 : memoryTotalKiB * 1024
    let remaining = (statistics.diskRemaining ?? 0) + memoryRemaining
    let pageSize = statistics.memoryPageSize ?? 4096
    return Progress(
      phase: .transferring, guest: guest, disks: disks,
      memory: memoryBegun
        ? Progress.Amount(done: memoryDone, remaining: memoryRemaining, total: statistics.memoryTotal ?? 0) : nil,
      rateBps: rate.map { UInt64(max(0, $0)) },
      dirtyRateBps: statistics.memoryDirtyRate.map { $0 * pageSize }, iteration: statistics.memoryIteration,
      expectedDowntimeMs: statistics.downtime, elapsedSeconds: max(0, seconds - startedSeconds),
      remainingSeconds: rate.flatMap { $0 > 1 ? Double(remaining) / $0 : nil },
      throttlePercent: statistics.autoConvergeThrottle.flatMap { $0 > 0 ? UInt64($0) : nil })
  }
}
