public import LongshoreMessages
public import MigrationCore

/// One small migration, as values that tests put together: the guest `web` goes from `alpha` to `beta` with two disks, one of
/// which is a linked clone.
public enum MigrationSamples {
  /// The migration's id.
  public static let id = parsed("6f1c2a9e-0d0b-4f2a-9a53-0c5a8f0f2b11", MigrationID.init)
  /// The source host.
  public static let source = HostAddress(cluster: parsed("lab", NodeName.init), host: parsed("alpha", NodeName.init))
  /// The destination host.
  public static let destination = HostAddress(cluster: parsed("lab", NodeName.init), host: parsed("beta", NodeName.init))
  /// The guest.
  public static let guest = GuestReference(uuid: "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e01", name: "web")
  /// The id of the destination's journal.
  public static let destinationJournal = "journal-of-beta"

  /// A time so many milliseconds after the migration was accepted.
  public static func now(_ milliseconds: Int64 = 0) -> Now {
    Now(wall: Timestamp(milliseconds: 1_790_000_000_000 + milliseconds), bootID: "boot-1", bootMilliseconds: 50_000 + milliseconds)
  }

  /// An order to move the guest.
  public static func order(
    _ handover: MigrationOptions.Handover? = nil, onDeadline: DeadlineAction? = nil
  ) -> MigrateCommand {
    MigrateCommand(
      guest: name("web"), destination: MigrateCommand.Destination(host: destination.host),
      options: handover.map { MigrationOptions(onDeadline: onDeadline, handover: $0) })
  }

  /// The plan of the guest: `vda` on the template `debian`, `vdb` on its own.
  public static let plan = MigrationPlan(
    guest: GuestDescription(
      uuid: guest.uuid, name: name("web"), persistent: true, memoryKiB: 262_144, domainType: "kvm", architecture: "x86_64",
      machine: "pc-q35-7.2", emulator: nil, cpu: nil,
      networks: [GuestDescription.Network(type: "bridge", source: "br0")]),
    disks: [
      PlannedDisk(
        target: name("vda"), format: .qcow2, virtualSize: 8 << 30, allocation: 1 << 30, sourcePool: name("fast"),
        destinationPool: name("slow"), volume: name("web.qcow2"), backing: 0),
      PlannedDisk(
        target: name("vdb"), format: .raw, virtualSize: 1 << 30, allocation: 1 << 28, sourcePool: name("fast"),
        destinationPool: name("slow"), volume: name("web-data.raw"), backing: nil),
    ],
    layers: [
      TemplateLayer(
        id: 0, pool: name("slow"), volume: name("debian.qcow2"), format: .qcow2, fileSize: 300 << 20, virtualSize: 8 << 30,
        backing: nil)
    ])

  /// What the source read of the guest.
  public static let inspection = Inspection(
    plan: plan, checks: [Check(.hasSnapshots, on: source.host, .passed, "the guest has no snapshots")],
    sourcePaths: [name("vda"): "/pools/fast/web.qcow2", name("vdb"): "/pools/fast/web-data.raw"],
    layerPaths: [0: "/pools/fast/debian.qcow2"], definition: "<domain/>", autostart: true)

  /// How the destination is reached.
  public static let endpoint = DestinationEndpoint(
    libvirtURI: "qemu+tls://beta.lab/system", migrationAddress: "192.0.2.2", tlsName: "beta.lab")

  /// The disks as the destination prepares them.
  public static let preparedDisks = [
    PreparedDisk(
      target: name("vda"),
      chain: [
        PreparedDisk.Layer(path: "/mnt/slow/web.qcow2", format: .qcow2),
        PreparedDisk.Layer(path: "/mnt/slow/debian.qcow2", format: .qcow2),
      ]),
    PreparedDisk(target: name("vdb"), chain: [PreparedDisk.Layer(path: "/mnt/slow/web-data.raw", format: .raw)]),
  ]

  /// A check of the destination that passes.
  public static let passedCheck = Check(.noSpace, on: destination.host, .passed, "the pool slow has room")
  /// A check of the destination that refuses.
  public static let refusedCheck = Check(.noSpace, on: destination.host, .refused, "the pool slow has 1 GiB left and needs 9")

  /// What the destination prepared.
  public static let preparation = Preparation(disks: preparedDisks, endpoint: endpoint, templateBytes: 300 << 20)
  /// The same of an order to verify.
  public static let verifiedInspection = {
    var verified = MigrationSamples.inspection
    verified.plan.verify = true
    return verified
  }()
  /// What the destination prepared for it.
  public static let verifiedPreparation = {
    var verified = MigrationSamples.preparation
    verified.view = view
    return verified
  }()
  /// What a view of the disks is begun with.
  public static let view = PreparedView(
    socket: "/run/longshore/views/nbd",
    scratch: plan.disks.map { PreparedView.Scratch(target: $0.target, path: "/mnt/slow/scratch-\($0.target)") })
  /// What the disks hold.
  public static let contents = plan.disks.map { disk in
    let size = DiskContent.rangeSize(of: disk.virtualSize, disks: plan.disks.count)
    return DiskContent(
      target: disk.target, size: disk.virtualSize, rangeSize: size, digests: Array(repeating: "", count: Int(disk.virtualSize / size)))
  }
  /// What they hold where one range of `vdb` is another.
  public static let otherContents = {
    var others = MigrationSamples.contents
    others[1].digests[3] = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    return others
  }()
  /// What the transfer moved.
  public static let totals = TransferTotals(downtimeMs: 180, diskBytes: 1_342_177_280, memoryBytes: 268_435_456)
  /// The destination's confirmation.
  public static let confirmation = Confirmation(console: Console(type: "vnc", address: "192.0.2.2", port: 5900))
  /// The confirmation of a guest that has ended since it arrived.
  public static let endedConfirmation = Confirmation(console: nil, ended: "shut off (shutdown)")

  /// The deadline of ``accepted(_:onDeadline:)``, in seconds.
  public static let deadlineSeconds: Int64 = 3600

  /// The migration at its source, just accepted.
  public static func accepted(
    _ handover: MigrationOptions.Handover? = nil, onDeadline: DeadlineAction? = nil
  ) -> (SourceMigration, [SourceEffect]) {
    SourceMigration.accept(
      id: id, order: order(handover, onDeadline: onDeadline), guest: guest, source: source, destination: destination,
      deadlineSeconds: deadlineSeconds, patience: Patience(), at: now())
  }

  /// The migration at its destination, at its first `prepare`.
  public static func prepare(_ plan: MigrationPlan = plan) -> (DestinationMigration, [DestinationEffect]) {
    DestinationMigration.prepare(id: id, source: source, plan: plan, endpoint: endpoint, at: now())
  }

  /// A name that libvirt knows.
  public static func name(_ text: String) -> ResourceName { parsed(text, ResourceName.init) }

  private static func parsed<Value>(_ text: String, _ parse: (String) -> Value?) -> Value {
    guard let value = parse(text) else { preconditionFailure("\(text) is not a \(Value.self)") }
    return value
  }
}
