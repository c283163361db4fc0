internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension DestinationChecks {
  /// Checks the memory for a guest, beside what was promised to others that are not here yet.
  ///
  /// - Parameter id: The migration that brings it; nil for a dry run.
  func checkMemory(_ guest: GuestDescription, of id: MigrationID?, on connection: LibvirtConnection) async throws -> [Check] {
    let rule = CheckRule.memory
    guard let available = HostResources.availableMemory() else {
      let free = try await connection.freeMemory()
      return [
        rule.unknown(on: here.host, "the kernel of \(here.host) does not say how much memory is available; \(ByteCount(free)) are free")
      ]
    }
    let room = Room(memory: available, for: guest, promised: try promisedGuests(before: id))
    let others = room.promised == 0 ? "" : ", \(ByteCount(room.promised)) of them promised to others"
    let found = "\(ByteCount(available)) of memory are available on \(here.host)\(others), and the guest has \(ByteCount(room.needed))"
    if room.isEnough { return [rule.passed(on: here.host, found)] }
    return [overcommitsMemory ? rule.waived(on: here.host, found) : rule.failed(on: here.host, found)]
  }

  /// The memory that guests may still take here, in bytes; nil where it does not bind, or the kernel does not say.
  func memoryLeft() throws -> UInt64? {
    guard !overcommitsMemory, let available = HostResources.availableMemory() else { return nil }
    let promised = try promisedGuests(before: nil).reduce(UInt64(0)) { sum, next in
      let (more, overflow) = sum.addingReportingOverflow(next.outstanding)
      return overflow ? .max : more
    }
    return available > promised ? available - promised : 0
  }

  /// The huge pages of a size, in KiB, that were promised to others that are not here yet.
  func promisedHugePages(ofKiB size: UInt64, before id: MigrationID?) throws -> UInt64 {
    try promisedGuests(before: id).reduce(0) { sum, promised in
      guard let pages = promised.guest.needs?.hugePages, HostResources.freeHugePages(ofKiB: pages.sizeKiB)?.sizeKiB == size,
        // QEMU takes them all at once, when it starts.
        promised.taken == 0
      else { return sum }
      return sum.addingReportingOverflow(pages.memoryKiB).partialValue
    }
  }

  private func promisedGuests(before id: MigrationID?) throws -> [Room.PromisedGuest] {
    Room.promises(before: id, among: try journal.openDestinations().migrations).compactMap { migration in
      migration.plan.map { plan in
        Room.PromisedGuest(guest: plan.guest, taken: Self.residentMemory(of: plan.guest))
      }
    }
  }

  /// The memory that a guest's QEMU has here, in bytes; 0 where there is none.
  private static func residentMemory(of guest: GuestDescription) -> UInt64 {
    guard let process = try? QEMUProcess(guest: guest.name.text, uuid: guest.uuid) else { return 0 }
    defer { process.close() }
    return HostResources.residentMemory(ofProcess: process.pid) ?? 0
  }
}

extension Room {
  /// A guest that comes to this host, and the memory that it has here already, in bytes.
  struct PromisedGuest: Sendable, Hashable {
    var guest: GuestDescription
    var taken: UInt64 = 0

    /// The memory that it still takes, in bytes, huge pages apart.
    var outstanding: UInt64 {
      let all = guest.ordinaryMemory
      return all > taken ? all - taken : 0
    }
  }

  /// The room in the memory for a guest, beside what others still take.
  init(memory available: UInt64, for guest: GuestDescription, promised others: [PromisedGuest]) {
    self.init(
      available: available, needed: guest.ordinaryMemory,
      promised: others.reduce(0) { sum, next in
        let (more, overflow) = sum.addingReportingOverflow(next.outstanding)
        return overflow ? .max : more
      })
  }
}

extension GuestDescription {
  /// The guest's memory that is not in huge pages, in bytes.
  fileprivate var ordinaryMemory: UInt64 {
    let huge = min(needs?.hugePages?.memoryKiB ?? 0, memoryKiB)
    let (bytes, overflow) = (memoryKiB - huge).multipliedReportingOverflow(by: 1024)
    return overflow ? .max : bytes
  }
}
