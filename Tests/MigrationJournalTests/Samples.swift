import LongshoreMessages
import MigrationCore
import MigrationJournal
import Testing

/// Values that tests begin with.
enum Sample {
  static func id(_ number: Int) throws -> MigrationID { try #require(MigrationID("migration-\(number)")) }

  static func name(_ text: String) throws -> ResourceName { try #require(ResourceName(text)) }

  static func host(_ name: String) throws -> HostAddress {
    HostAddress(cluster: try #require(NodeName("lab")), host: try #require(NodeName(name)))
  }

  /// So many seconds after the beginning of all tests.
  static func now(_ seconds: Int64 = 0) -> Now {
    Now(wall: Timestamp(milliseconds: 1_800_000_000_000 + seconds * 1000), bootID: "boot", bootMilliseconds: seconds * 1000)
  }

  static func guest(_ number: Int) -> GuestReference {
    GuestReference(uuid: "00000000-0000-4000-8000-00000000000\(number)", name: "vm\(number)")
  }

  static func plan(_ number: Int) throws -> MigrationPlan {
    let layer = TemplateLayer(
      id: 1, pool: try name("fast"), volume: try name("base.qcow2"), format: .qcow2, fileSize: 4096, virtualSize: 8192, backing: nil)
    let disk = PlannedDisk(
      target: try name("vda"), format: .qcow2, virtualSize: 8192, allocation: 4096, sourcePool: try name("slow"),
      destinationPool: try name("fast"), volume: try name("vm\(number).qcow2"), backing: 1)
    let guest = GuestDescription(
      uuid: guest(number).uuid, name: try name("vm\(number)"), persistent: true, memoryKiB: 1024, domainType: "kvm",
      architecture: "x86_64", machine: "q35", emulator: nil, cpu: nil, networks: [])
    return MigrationPlan(guest: guest, disks: [disk], layers: [layer])
  }

  static func inspection(_ number: Int) throws -> Inspection {
    Inspection(
      plan: try plan(number), checks: [], sourcePaths: [try name("vda"): "/slow/vm.qcow2"], layerPaths: [1: "/slow/base.qcow2"],
      definition: "<domain/>", autostart: true)
  }

  static func preparedDisks() throws -> [PreparedDisk] {
    [PreparedDisk(target: try name("vda"), chain: [.init(path: "/fast/vm.qcow2", format: .qcow2)])]
  }

  static let endpoint = DestinationEndpoint(libvirtURI: "qemu+tls://beta/system", migrationAddress: "192.0.2.2")

  /// The events of a migration that succeeds, as its source sees them.
  static func sourceEvents(_ number: Int) throws -> [SourceEvent] {
    let preparation = Preparation(disks: try preparedDisks(), endpoint: endpoint, templateBytes: 4096)
    return [
      .admitted,
      .inspected(try inspection(number)),
      .peer(.preparing(PreparationProgress(templateBytesDone: 0, templateBytesTotal: 4096)), journal: "there"),
      .peer(.prepared(preparation, checks: []), journal: "there"),
      .transferEnded(error: nil, TransferTotals(downtimeMs: 200, diskBytes: 1, memoryBytes: 2)),
      .observed(Observation(source: .inactive("shut off"), destination: .active(.running, job: .none)), step: 4),
      .peer(.confirmed(Confirmation(console: nil)), journal: "there"),
      .sourceRetired,
      .peer(.released, journal: "there"),
    ]
  }

  /// The events of a migration that succeeds, as its destination sees them.
  static func destinationEvents() throws -> [DestinationEvent] {
    [
      .admitted, .checked([]), .layerProvided(1, path: "/fast/base.qcow2", copied: 4096), .stubsMade(try preparedDisks()),
      .peer(.confirm), .postChecked(Confirmation(console: nil), []), .peer(.release), .filesKept,
    ]
  }

  static func message(_ text: String) -> OutboxMessage {
    OutboxMessage(exchange: "exchange", routingKey: "key", body: Array(text.utf8), contentType: "text/plain", messageID: text)
  }
}
