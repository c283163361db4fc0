internal import DomainXML
internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// Reads a running guest and makes the plan of its migration, or the table of checks that refuse it. Changes nothing.
struct GuestInspector: Sendable {
  /// What an inspection found.
  enum Finding {
    /// The guest can move, as far as the source can tell.
    case ready(Inspection)
    /// It cannot.
    case refused([Check])
  }

  let here: NodeName
  let images: QemuImg

  /// Inspects a guest.
  ///
  /// - Throws: ``Reason/Failure`` and libvirt's errors where the guest cannot be read.
  func inspect(_ uuid: String, for order: MigrateCommand, on connection: LibvirtConnection) async throws -> Finding {
    guard let domain = try await connection.domain(uuid: uuid) else {
      return .refused([CheckRule.guestIsThere.failed(on: here, "the guest \(order.guest) is not on \(here)")])
    }
    let live = try DomainDocument(parsing: try await domain.xml([.migratable]))
    let state = try await domain.state()
    var checks = try await check(state, of: domain)
    checks += checkDevices(of: live)

    var disks = DiskPlan(here: here, order: order)
    for disk in live.disks { try await add(disk, to: &disks, on: connection) }
    disks.checkNames(of: order)
    checks += disks.checks
    let persistent = try await domain.isPersistent()
    let hypervisor = try await connection.versions().hypervisor.description
    let needs = HostNeeds(of: live, cpu: try await connection.hostCPU())
    guard let plan = disks.plan(of: try description(of: live, uuid: uuid, persistent: persistent, hypervisor: hypervisor, needs: needs)),
      !checks.contains(where: { $0.outcome == .refused })
    else { return .refused(checks) }
    return .ready(
      Inspection(
        plan: plan, checks: checks, sourcePaths: disks.sourcePaths,
        sourceFiles: try disks.sourcePaths.compactMapValues {
          try RegisteredFiles.identity(of: $0)?.mark
        }, layerPaths: disks.layerPaths,
        definition: persistent ? try await domain.xml([.inactive, .secure]) : nil,
        autostart: persistent ? try await domain.autostart() : false, isPaused: state == .paused(.user)))
  }

  private func description(
    of live: DomainDocument, uuid: String, persistent: Bool, hypervisor: String, needs: HostNeeds
  ) throws -> GuestDescription {
    guard let name = ResourceName(live.name) else {
      throw Reason.Failure(.operationFailed, "the guest's name \(live.name) cannot be sent: it has / or control characters")
    }
    let os = live.operatingSystem
    return GuestDescription(
      uuid: uuid, name: name, persistent: persistent, memoryKiB: live.memoryKiB, domainType: live.domainType,
      architecture: os.architecture ?? "", machine: os.machine ?? "", emulator: live.emulator, cpu: live.cpuXML,
      networks: live.interfaces.compactMap(GuestDescription.Network.init),
      macAddresses: live.interfaces.compactMap { $0.macAddress?.lowercased() }, hypervisorVersion: hypervisor, needs: needs)
  }

  // MARK: - The guest

  private func check(_ state: DomainState, of domain: Domain) async throws -> [Check] {
    var checks: [Check] = []
    switch state {
    case .running, .blocked: checks.append(CheckRule.guestRuns.passed(on: here, "the guest runs"))
    case .paused(.user): checks.append(CheckRule.guestRuns.passed(on: here, "the guest is paused, and arrives paused"))
    default: checks.append(CheckRule.guestRuns.failed(on: here, "the guest is \(state)"))
    }
    let statistics = try? await domain.jobStatistics(.running)
    checks.append(
      statistics.map { $0.kind == .bounded || $0.kind == .unbounded } == true
        ? CheckRule.guestIsIdle.failed(on: here, "libvirt runs a job on the guest")
        : CheckRule.guestIsIdle.passed(on: here, "no job runs on the guest"))
    let snapshots = try await domain.snapshotCount()
    checks.append(
      snapshots == 0
        ? CheckRule.noSnapshots.passed(on: here, "the guest has no snapshots")
        : CheckRule.noSnapshots.failed(on: here, "the guest has \(snapshots == 1 ? "a snapshot" : "\(snapshots) snapshots")"))
    let checkpoints = try await domain.checkpointCount()
    checks.append(
      checkpoints == 0
        ? CheckRule.noCheckpoints.passed(on: here, "the guest has no checkpoints")
        : CheckRule.noCheckpoints.failed(on: here, "the guest has \(checkpoints == 1 ? "a checkpoint" : "\(checkpoints) checkpoints")"))
    return checks
  }

  private func checkDevices(of live: DomainDocument) -> [Check] {
    let unmovable =
      live.hostDevices.map { "the host device \($0.description)" }
      + live.fileSystems.map { "the shared folder \($0.target ?? $0.source ?? "")" }
      + live.sharedMemories.map { "the shared memory \($0.name)" }
    guard !unmovable.isEmpty else {
      return [CheckRule.movableDevices.passed(on: here, "no device ties the guest to \(here)")]
    }
    return unmovable.map {
      CheckRule.movableDevices.failed(on: here, "\($0) ties the guest to \(here)")
    }
  }

  // MARK: - The disks

  private func add(_ disk: Disk, to plan: inout DiskPlan, on connection: LibvirtConnection) async throws {
    guard let source = disk.source else { return }
    func refuse(_ rule: CheckRule, _ found: String, advice: String? = nil) {
      plan.checks.append(rule.failed(on: here, "disk \(disk.target): \(found)", advice: advice))
    }
    guard disk.device == .disk else {
      return refuse(.movableDevices, "it is a \(disk.device.rawValue) with a medium")
    }
    guard case .file(let path) = source else {
      return refuse(.supportedDisks, "its source is \(source), not a file")
    }
    guard let format = disk.format.flatMap(ImageFormat.init(rawValue:)) else {
      return refuse(.supportedDisks, "its format is \(disk.format ?? "not given")")
    }
    if disk.isReadOnly || disk.isShareable || disk.isTransient || disk.isEncrypted {
      return refuse(.supportedDisks, "it is read-only, shareable, transient or encrypted")
    }
    if disk.hasMirror { return refuse(.guestIsIdle, "a block job copies it") }
    guard let target = ResourceName(disk.target), let volume = ResourceName(PathText.name(of: path)) else {
      return refuse(.supportedDisks, "its target or its file's name cannot be sent")
    }
    guard let pool = try await connection.pool(targetPath: PathText.folder(of: path)), let poolName = ResourceName(pool.name)
    else {
      return refuse(.disksInPools, "its file \(path) is in no active pool of \(here)")
    }
    let chain = try await images.chain(of: path, format: format.rawValue)
    let destination = plan.order.pool(forDisk: target) ?? poolName
    plan.add(target: target, volume: volume, pool: poolName, to: destination, chain: chain)
  }
}

/// The growing plan of a guest's disks.
private struct DiskPlan {
  let here: NodeName
  let order: MigrateCommand
  var checks: [Check] = []
  var sourcePaths: [ResourceName: String] = [:]
  var layerPaths: [Int: String] = [:]

  private var disks: [PlannedDisk] = []
  private var layers: [TemplateLayer] = []

  init(here: NodeName, order: MigrateCommand) {
    self.here = here
    self.order = order
  }

  /// Adds a disk with the layers below it. `chain` is its real chain, from the top down.
  mutating func add(
    target: ResourceName, volume: ResourceName, pool: ResourceName, to destination: ResourceName, chain: [ImageInfo]
  ) {
    guard let top = chain.first, let format = imageFormat(of: top, disk: target) else { return }
    if let image = chain.first(where: { $0.backingFilename != nil && $0.backingFormat == nil }) {
      return refuse(
        .supportedDisks, "disk \(target): \(image.filename) does not say its backing file's format",
        advice: "add it while the guest is off (`qemu-img rebase -u -b FILE -F FORMAT`)")
    }
    var below: Int?
    for image in chain.dropFirst().reversed() {
      guard let format = imageFormat(of: image, disk: target), let name = ResourceName(PathText.name(of: image.path)) else {
        return
      }
      if let known = layers.first(where: { $0.pool == destination && $0.volume == name }) {
        guard layerPaths[known.id] == image.path else {
          return refuse(
            .distinctNames,
            "two different files are named \(name) in the chains of the guest's disks, and both would go into \(destination)")
        }
        below = known.id
        continue
      }
      let layer = TemplateLayer(
        id: layers.count, pool: destination, volume: name, format: format, fileSize: FileProbe.size(of: image.path) ?? 0,
        virtualSize: image.virtualSize, backing: below)
      layers.append(layer)
      layerPaths[layer.id] = image.path
      below = layer.id
    }
    if disks.contains(where: { $0.destinationPool == destination && $0.volume == volume }) {
      return refuse(.distinctNames, "two disks have files named \(volume), and both would go into \(destination)")
    }
    sourcePaths[target] = top.path
    disks.append(
      PlannedDisk(
        target: target, format: format, virtualSize: top.virtualSize, allocation: top.actualSize ?? top.virtualSize, sourcePool: pool,
        destinationPool: destination, volume: volume, backing: below, inode: FileProbe.inode(of: top.path)))
  }

  /// Refuses an order that names disks that the guest does not have, and one without anything to move.
  mutating func checkNames(of order: MigrateCommand) {
    for target in (order.pools?.disks ?? [:]).keys where !disks.contains(where: { $0.target == target }) {
      refuse(.knownDisks, "the request names the disk \(target), which is not one that can be moved")
    }
    if disks.isEmpty, !checks.contains(where: { $0.outcome == .refused }) {
      refuse(.supportedDisks, "the guest has no disk to move", advice: "move it with `virsh migrate`")
    }
  }

  func plan(of guest: GuestDescription) -> MigrationPlan? {
    disks.isEmpty ? nil : MigrationPlan(guest: guest, disks: disks, layers: layers, sourceTriesPath: true)
  }

  private mutating func imageFormat(of image: ImageInfo, disk: ResourceName) -> ImageFormat? {
    guard let format = ImageFormat(rawValue: image.format) else {
      refuse(.supportedDisks, "disk \(disk): \(image.filename) has the format \(image.format)")
      return nil
    }
    if image.isEncrypted || image.dataFile != nil || image.isCorrupt {
      refuse(.supportedDisks, "disk \(disk): \(image.filename) is encrypted, has an external data file or is corrupt")
      return nil
    }
    return format
  }

  private mutating func refuse(_ rule: CheckRule, _ found: String, advice: String? = nil) {
    checks.append(rule.failed(on: here, found, advice: advice))
  }
}

extension ImageInfo {
  /// The file's path: what the image above says, resolved against its folder.
  var path: String { filename }
}
