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

  /// How many disks are looked at once: each is a run of `qemu-img`.
  private static let disksAtOnce = 4

  let here: NodeName
  /// How other hosts reach this one.
  let endpoint: DestinationEndpoint
  let images: QemuImg
  let pulse: FileSystemPulse
  /// The digest of a file where it is known without reading it.
  let knownDigest: @Sendable (_ path: String) -> LayerDigest?

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
    checks += DeviceChecks(here: here).check(live)
    if let check = MemoryCompression.check(live, for: order.options, on: here) { checks.append(check) }

    var disks = DiskPlan(here: here, order: order)
    // Only what is not meant for another host lists the layers below.
    let running = try DomainDocument(parsing: try await domain.xml([]))
    let chains = live.disks.map { (disk: $0, running: running.disk($0.target)?.backingChain ?? .unlisted) }
    let findings = try await chains.concurrentMap(atMost: Self.disksAtOnce) { disk, running in
      (try await checkJobs(on: disk, of: domain), try await look(at: disk, running: running, for: order, on: connection))
    }
    for (jobs, finding) in findings {
      if let jobs { checks.append(jobs) }
      disks.take(finding)
    }
    disks.checkNames(of: order)
    checks += disks.checks
    let persistent = try await domain.isPersistent()
    let versions = try await connection.versions()
    let needs = HostNeeds(of: live, cpu: try await connection.hostCPU())
    guard var plan = disks.plan(of: try description(of: live, uuid: uuid, persistent: persistent, versions: versions, needs: needs)),
      !checks.contains(where: { $0.outcome == .refused })
    else { return .refused(checks) }
    plan.arrivesPaused = order.options?.handover != .direct || state == .paused(.user) ? true : nil
    plan.sourceLibvirtURI = endpoint.libvirtURI
    for index in plan.layers.indices {
      plan.layers[index].sha256 = disks.layerPaths[plan.layers[index].id].flatMap(knownDigest)?.sha256
    }
    return .ready(
      Inspection(
        plan: plan, checks: checks, sourcePaths: disks.sourcePaths,
        sourceFiles: try disks.sourcePaths.compactMapValues {
          try RegisteredFiles.identity(of: $0)?.mark
        }, layerPaths: disks.layerPaths,
        definition: persistent ? try await domain.xml([.inactive, .secure]) : nil,
        autostart: persistent ? try await domain.autostart() : false, isPaused: state == .paused(.user),
        hasIOThreads: live.hasIOThreads))
  }

  private func description(
    of live: DomainDocument, uuid: String, persistent: Bool, versions: LibvirtConnection.Versions, needs: HostNeeds
  ) throws -> GuestDescription {
    guard let name = ResourceName(live.name) else {
      throw Reason.Failure(.operationFailed, "the guest's name \(live.name) cannot be sent: it has / or control characters")
    }
    let os = live.operatingSystem
    return GuestDescription(
      uuid: uuid, name: name, persistent: persistent, memoryKiB: live.memoryKiB, domainType: live.domainType,
      architecture: os.architecture ?? "", machine: os.machine ?? "", emulator: live.emulator, cpu: live.cpuXML,
      networks: live.interfaces.compactMap(GuestDescription.Network.init),
      macAddresses: live.interfaces.compactMap { $0.macAddress?.lowercased() }, hypervisorVersion: "\(versions.hypervisor)",
      libvirtVersion: "\(versions.daemon)", needs: needs)
  }

  // MARK: - The guest

  private func check(_ state: DomainState, of domain: Domain) async throws -> [Check] {
    var checks: [Check] = []
    switch state {
    case .running, .blocked: checks.append(CheckRule.guestRuns.passed(on: here, "the guest runs"))
    case .paused(.user): checks.append(CheckRule.guestRuns.passed(on: here, "the guest is paused, and arrives paused"))
    default: checks.append(CheckRule.guestRuns.failed(on: here, "the guest is \(state)"))
    }
    checks.append(try await checkJobs(of: domain))
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

  private func checkJobs(of domain: Domain) async throws(LibvirtError) -> Check {
    let rule = CheckRule.guestIsIdle
    do throws(LibvirtError) {
      let kind = try await domain.jobStatistics(.running).kind
      return kind == .bounded || kind == .unbounded
        ? rule.failed(on: here, "libvirt runs a job on the guest") : rule.passed(on: here, "no job runs on the guest")
    } catch {
      switch error.code {
      // It does not run, or comes from another host: neither has a job of its own.
      case .operationInvalid, .operationUnsupported: return rule.passed(on: here, "no job runs on the guest")
      case _ where error.isConnectionLost: throw error
      default: return rule.unknown(on: here, "whether a job of libvirt's runs on the guest cannot be found out: \(error.message)")
      }
    }
  }

  /// Looks for a job of libvirt's on a disk: a copy, a commit, a pull, a backup; nil where there is none.
  private func checkJobs(on disk: Disk, of domain: Domain) async throws(LibvirtError) -> Check? {
    guard disk.source != nil else { return nil }
    let rule = CheckRule.guestIsIdle
    do throws(LibvirtError) {
      guard let job = try await domain.blockJob(disk: disk.target) else { return nil }
      return rule.failed(on: here, "a block job (\(job.kind)) works on disk \(disk.target)")
    } catch {
      switch error.code {
      // The guest does not run, or the disk is of a kind that has no jobs.
      case .operationInvalid, .operationUnsupported: return nil
      case _ where error.isConnectionLost: throw error
      default:
        return rule.unknown(on: here, "whether a block job works on disk \(disk.target) cannot be found out: \(error.message)")
      }
    }
  }

  // MARK: - The disks

  private func look(
    at disk: Disk, running: BackingChain, for order: MigrateCommand, on connection: LibvirtConnection
  ) async throws -> DiskFinding {
    guard let source = disk.source else { return .nothing }
    func refuse(_ rule: CheckRule, _ found: String, advice: String? = nil) -> DiskFinding {
      .refused(rule.failed(on: here, "disk \(disk.target): \(found)", advice: advice))
    }
    let isDrive = disk.device == .cdrom || disk.device == .floppy
    let mayEject = isDrive && order.options?.missingMedia == .eject
    guard let target = ResourceName(disk.target) else { return refuse(.supportedDisks, "its target cannot be sent") }
    guard disk.device == .disk || isDrive else { return refuse(.supportedDisks, "it is a \(disk.device.rawValue)") }
    guard !isDrive || disk.isReadOnly else {
      return mayEject ? .ejected(target) : refuse(.movableDevices, "it is a \(disk.device.rawValue) that can be written to")
    }
    guard case .file(let path) = source else {
      return mayEject ? .ejected(target) : refuse(.supportedDisks, "its source is \(source), not a file")
    }
    guard let format = disk.format.flatMap(ImageFormat.init(rawValue:)) else {
      return refuse(.supportedDisks, "its format is \(disk.format ?? "not given")")
    }
    if disk.isTransient { return refuse(.supportedDisks, "it is transient") }
    if disk.isEncrypted, disk.luksSecret == nil {
      return refuse(.supportedDisks, "it is encrypted otherwise than by LUKS and one passphrase that is named by its UUID")
    }
    guard ResourceName(PathText.name(of: path)) != nil else { return refuse(.supportedDisks, "its file's name cannot be sent") }
    guard let pool = try await pool(of: path, on: connection) else {
      return mayEject ? .ejected(target) : refuse(.disksInPools, "its file \(path) is in no active pool of \(here)")
    }
    guard await pulse.answers(PathText.folder(of: path)) else {
      return refuse(.answeringDisks, "the file system of its file \(path) does not answer")
    }
    let images: [ImageInfo]
    do throws(ImageError) {
      images = try await self.images.chain(of: path, format: format.rawValue)
    } catch {
      guard error.code == .notFound, mayEject else { throw error }
      return .ejected(target)
    }
    if let difference = running.difference(from: images.dropFirst().map(\.path)) {
      return refuse(
        .supportedDisks, "libvirt and the images do not agree on what it lies on: \(difference)",
        advice: "let the guest start anew, by definitions that say what the images say")
    }
    var pools: [ResourceName?] = [pool]
    for image in images.dropFirst() { pools.append(try await self.pool(of: image.path, on: connection)) }
    let chain = DiskPlan.Chain(path: path, images: images, pools: pools)
    if disk.isShareable || order.pools?.inPlace?.contains(target) == true {
      return .shared(target, chain)
    } else if disk.isReadOnly {
      return .readOnly(target, chain, missing: isDrive ? order.options?.missingMedia ?? .refuse : nil)
    } else {
      return .moving(target, chain, secret: disk.luksSecret)
    }
  }

  private func pool(of path: String, on connection: LibvirtConnection) async throws -> ResourceName? {
    try await connection.pool(targetPath: PathText.folder(of: path)).flatMap { ResourceName($0.name) }
  }
}
