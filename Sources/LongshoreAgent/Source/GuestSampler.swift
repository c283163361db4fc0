internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// Samples what a running guest does, for a dry run: what it writes, how fast it changes its memory, and what of it it uses.
struct GuestSampler: Sendable {
  /// What was seen; what could not be is nil or not there.
  struct Sample: Sendable {
    var usedMemory: UInt64?
    var dirtyBps: UInt64?
    var writes: [ResourceName: EstimateFacts.Writes] = [:]
  }

  /// For how long memory is sampled, in seconds: as long as rounds of the copy take, in which pages that change again and again count
  /// once. In one second too few pages are sampled: of 10 MiB/s in 1 GiB, QEMU 7.2 found 6 to 20, in three seconds 10.
  private static let dirtySeconds: Int32 = 3
  /// How long writes are counted, in milliseconds: guests write in bursts.
  private static let writeMilliseconds: Int64 = 3_000
  /// How long to wait for the dirty rate beyond that, in milliseconds, and how often to look.
  private static let lateMilliseconds: Int64 = 3_000
  private static let lookMilliseconds: Int64 = 250

  let clock: any HostClock

  /// Samples a guest. Nothing of it is changed.
  func sample(_ plan: MigrationPlan, isPaused: Bool, on connection: LibvirtConnection) async -> Sample {
    guard let domain = try? await connection.domain(uuid: plan.guest.uuid), let first = try? await domain.activity() else {
      return Sample()
    }
    let total = plan.guest.memoryKiB
    var sample = Sample(
      usedMemory: await memory(of: plan.guest.name.text, kibibytes: total) ?? first.residentKiB.map { min($0, total) << 10 })
    if isPaused {
      sample.dirtyBps = 0
      for disk in plan.disks { sample.writes[disk.target] = EstimateFacts.Writes(bytesPerSecond: 0, requestsPerSecond: 0) }
      return sample
    }
    let isMeasured = (try? await domain.startDirtyRateMeasurement(seconds: Self.dirtySeconds)) != nil
    let begin = clock.now().bootMilliseconds
    guard (try? await clock.wait(milliseconds: Self.writeMilliseconds)) != nil, var last = try? await domain.activity() else {
      return sample
    }
    let milliseconds = clock.now().bootMilliseconds - begin
    sample.writes = Self.writes(from: first, to: last, milliseconds: milliseconds)
    guard isMeasured else { return sample }
    while last.dirtyRate == .measuring, clock.now().bootMilliseconds - begin < Self.writeMilliseconds + Self.lateMilliseconds {
      guard (try? await clock.wait(milliseconds: Self.lookMilliseconds)) != nil, let next = try? await domain.activity() else { break }
      last = next
    }
    if case .measured(let rate)? = last.dirtyRate, rate >= 0 { sample.dirtyBps = UInt64(min(rate, 1 << 30)) << 20 }
    return sample
  }

  /// The memory of a guest that holds anything, in bytes; nil where it cannot be told.
  func usedMemory(of plan: MigrationPlan, on connection: LibvirtConnection) async -> UInt64? {
    await sample(plan, isPaused: true, on: connection).usedMemory
  }

  private func memory(of guest: String, kibibytes: UInt64) async -> UInt64? {
    try? await BlockingWork.run { () throws(ImageError) in GuestMemory.used(guest: guest, memoryKiB: kibibytes) }
  }

  /// What was written in a second, of the disks that both readings have.
  static func writes(
    from first: DomainActivity, to last: DomainActivity, milliseconds: Int64
  ) -> [ResourceName: EstimateFacts.Writes] {
    guard milliseconds > 0 else { return [:] }
    var writes: [ResourceName: EstimateFacts.Writes] = [:]
    for disk in last.disks {
      guard let target = ResourceName(disk.target), let before = first.disks.first(where: { $0.target == disk.target }),
        disk.writtenBytes >= before.writtenBytes, disk.writeRequests >= before.writeRequests
      else { continue }
      let seconds = Double(milliseconds) / 1000
      writes[target] = EstimateFacts.Writes(
        bytesPerSecond: Double(disk.writtenBytes - before.writtenBytes) / seconds,
        requestsPerSecond: Double(disk.writeRequests - before.writeRequests) / seconds)
    }
    return writes
  }
}
