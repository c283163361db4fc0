internal import DomainXML
internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Checks at the destination whether a plan can be carried out. All checks are made, whatever the first ones say, and nothing is changed.
struct DestinationChecks: Sendable {
  let here: HostAddress
  let libvirt: LibvirtLink
  let journal: Journal
  let images: QemuImg
  /// What the configuration lets come.
  let admission: @Sendable () -> Admission
  let path: PathChecks
  let pulse: FileSystemPulse
  let identities: LayerIdentities
  /// What the bandwidth budget lets come now, in bytes a second; nil for no limit.
  let incomingBudget: @Sendable () -> UInt64?

  /// What the configuration lets come.
  struct Admission: Sendable {
    /// Whether guests may come.
    var takesGuests: Bool
    /// Whether guests may come that have more memory than is available.
    var overcommitsMemory: Bool
    /// The pools that may be moved into; nil for all.
    var allowedPools: Set<String>?
  }

  private var takesGuests: Bool { admission().takesGuests }
  var overcommitsMemory: Bool { admission().overcommitsMemory }
  var allowedPools: Set<String>? { admission().allowedPools }

  /// What was found.
  struct Finding: Sendable {
    var checks: [Check]
    /// What an estimate needs; nil where it was not asked for, or a check refuses.
    var facts: DestinationFacts?
  }

  /// Makes all checks.
  ///
  /// - Parameters:
  ///   - plan: What is to be carried out.
  ///   - migration: The migration that does it, or the dry run.
  ///   - source: The host that the guest is on.
  ///   - isDryRun: Whether nothing will be done; then the link is measured too.
  /// - Throws: libvirt's errors where it cannot be asked.
  func check(_ plan: MigrationPlan, of migration: MigrationID, from source: HostAddress, isDryRun: Bool) async throws -> Finding {
    let connection = try await libvirt.connection()
    let id = isDryRun ? nil : migration
    let files = try await look(at: IncomingFiles(plan), on: connection)
    let layers = try await presentLayers(of: files, on: connection)
    let present = layers.map(\.id)
    // While the source tries the path the rest is looked at here.
    async let tried =
      plan.sourceTriesPath == true
      ? path.check(of: migration, from: source, needsTemplates: present.count < plan.layers.count, measures: isDryRun)
      : PathChecks.Finding()
    var checks = [try checkMaintenance()]
    checks += try await checkDomain(plan.guest, on: connection)
    checks += try await checkMachine(plan.guest, on: connection)
    checks += try await checkMemory(plan.guest, of: id, on: connection)
    checks += try await checkNetworks(plan.guest, on: connection)
    checks += try await checkAddresses(plan.guest, on: connection)
    checks += try await checkNeeds(plan.guest, of: id, on: connection)
    var ofPools: [Check] = []
    for name in files.pools { ofPools += try await checkPool(name, files, of: id, on: connection) }
    let path = await tried
    checks += path.checks + ofPools
    checks += try await checkSharedDisks(plan, on: connection)
    checks += try await checkMedia(plan, on: connection)
    checks += try await checkSecrets(plan, on: connection)
    guard isDryRun, !checks.contains(where: { $0.outcome == .refused }) else { return Finding(checks: checks) }
    return Finding(
      checks: checks,
      facts: DestinationFacts(
        pools: try await space(for: files, on: connection), presentLayers: present,
        unreadLayers: layers.filter { !identities.knows($0.path) }.map(\.id), toDestinationBps: path.toDestinationBps,
        fromDestinationBps: path.fromDestinationBps, incomingBps: incomingBudget()))
  }

  /// The files that are coming, with those layers of which it can be told that another file has their name.
  private func look(at coming: IncomingFiles, on connection: LibvirtConnection) async throws -> IncomingFiles {
    var files = coming
    for layer in files.layers {
      guard let folder = try await answeringFolder(of: layer.pool, on: connection),
        difference(of: "\(folder)/\(layer.volume)", from: layer) != nil
      else { continue }
      files.beside[layer.id] = .some(contentName(of: layer, among: files.layers)?.name(besides: layer.volume))
    }
    return files
  }

  /// In which way a file differs from a layer, in words, as far as it can be told without reading either; nil where it is not there, or
  /// may be the layer.
  private func difference(of path: String, from layer: TemplateLayer) -> String? {
    guard let size = FileProbe.size(of: path) else { return nil }
    guard size == layer.fileSize else { return "it has \(size) bytes, and the template at the source has \(layer.fileSize)" }
    guard let wanted = layer.sha256, let found = try? identities.known(path)?.sha256, wanted != found else { return nil }
    return "its content is not the same"
  }

  /// What the content of a layer with all that is below it has for a name, where the source has told its digests.
  private func contentName(of layer: TemplateLayer, among layers: [TemplateLayer]) -> ContentName? {
    guard let sha256 = layer.sha256 else { return nil }
    guard let id = layer.backing else { return ContentName(sha256: sha256, below: nil) }
    guard let below = layers.first(where: { $0.id == id }), let name = contentName(of: below, among: layers) else { return nil }
    return ContentName(sha256: sha256, below: name)
  }

  /// The layers that are here by their names, with their ids in the plan; whether by the same content is compared later.
  private func presentLayers(of files: IncomingFiles, on connection: LibvirtConnection) async throws -> [(id: Int, path: String)] {
    var present: [(id: Int, path: String)] = []
    for layer in files.layers {
      guard let folder = try await answeringFolder(of: layer.pool, on: connection), !files.lacks(layer, folder) else { continue }
      let name = (files.beside[layer.id] ?? nil) ?? layer.volume
      present.append((layer.id, "\(folder)/\(name)"))
    }
    return present
  }

  /// Why the layers of a prefetch cannot be put here; nil where they can, as far as can be told before.
  ///
  /// - Throws: libvirt's errors where it cannot be asked.
  func obstacle(to prefetch: TemplatePrefetch) async throws -> Reason? {
    let connection = try await libvirt.connection()
    let files = try await look(at: IncomingFiles(layers: prefetch.layers), on: connection)
    var checks = [try checkMaintenance()]
    for name in files.pools { checks += try await checkPool(name, files, of: prefetch.id, on: connection) }
    return checks.first { $0.outcome == .refused }.map { Reason($0) }
  }

  /// Why no guests may come; nil where they may.
  func maintenanceRefusal() throws -> Reason? {
    let check = try checkMaintenance()
    return check.outcome == .refused ? Reason(check) : nil
  }

  private func checkMaintenance() throws -> Check {
    if takesGuests, let maintenance = try journal.maintenance() {
      let drain = maintenance.drain.map { ", by the drain \($0)" } ?? ""
      return CheckRule.openHost.failed(
        on: here.host, "\(here.host) is in maintenance and takes no guests\(drain)",
        advice: "choose another host, or end its maintenance (`longshore maintenance off \(here.host)`)")
    }
    return takesGuests
      ? CheckRule.openHost.passed(on: here.host, "\(here.host) takes guests")
      : CheckRule.openHost.failed(on: here.host, "\(here.host) is in maintenance and takes no guests")
  }

  // MARK: - The guest

  private func checkDomain(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    let rule = CheckRule.freeDomain
    if let domain = try await connection.domain(uuid: guest.uuid) {
      return [
        rule.failed(
          on: here.host, "a domain with the guest's UUID, named \(domain.name), is on \(here.host) (\(try await domain.state()))")
      ]
    }
    if let domain = try await connection.domain(named: guest.name.text) {
      return [
        rule.failed(
          on: here.host, "another domain named \(guest.name) is on \(here.host) (\(domain.uuid))", advice: "rename one of the two")
      ]
    }
    return [rule.passed(on: here.host, "no domain of the guest's name or UUID is on \(here.host)")]
  }

  private func checkMachine(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    do throws(LibvirtError) {
      _ = try await connection.domainCapabilities(
        emulator: guest.emulator, arch: guest.architecture, machine: guest.machine, virtType: guest.domainType)
    } catch {
      if error.isConnectionLost { throw error }
      return [
        CheckRule.machine.failed(
          on: here.host,
          "\(here.host) cannot run the machine type \(guest.machine) (\(guest.domainType), \(guest.architecture)) with \(guest.emulator ?? "its emulator"): \(error.message)"
        )
      ]
    }
    return [CheckRule.machine.passed(on: here.host, "\(here.host) has the machine type \(guest.machine) and its emulator")]
      + [try await checkHypervisor(guest, on: connection)].compactMap(\.self) + (try await checkVersions(guest, on: connection))
      + [try await checkCPU(guest, on: connection)].compactMap(\.self)
  }

  private func checkHypervisor(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> Check? {
    guard let text = guest.hypervisorVersion, let there = SoftwareVersion(text: text) else { return nil }
    let version = try await connection.versions().hypervisor
    return version < there
      ? CheckRule.hypervisor.failed(on: here.host, "QEMU of \(here.host) is \(version), and the guest runs on \(there)")
      : CheckRule.hypervisor.passed(on: here.host, "QEMU of \(here.host) is \(version), and the guest runs on \(there)")
  }

  private func checkCPU(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> Check? {
    guard let cpu = guest.cpu else { return nil }
    let rule = CheckRule.cpu
    do throws(LibvirtError) {
      let comparison = try await connection.compareHypervisorCPU(
        cpu, emulator: guest.emulator, arch: guest.architecture, machine: guest.machine, virtType: guest.domainType,
        failIncompatible: true)
      return comparison == .incompatible
        ? rule.failed(on: here.host, "the CPU of \(here.host) lacks features that the guest uses")
        : rule.passed(on: here.host, "the CPU of \(here.host) can run the guest")
    } catch {
      switch error.code {
      case .cpuIncompatible: return rule.failed(on: here.host, "the CPU of \(here.host) cannot run the guest: \(error.message)")
      case .noSupport, .operationUnsupported, .configUnsupported:
        return rule.unknown(on: here.host, "the CPUs could not be compared: \(error.message)")
      default: throw error
      }
    }
  }

  /// Compares the guest's MAC addresses with those of all guests here, running or not.
  private func checkAddresses(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    guard let addresses = guest.macAddresses, !addresses.isEmpty else { return [] }
    let rule = CheckRule.freeAddresses
    var checks: [Check] = []
    for domain in try await connection.domains() where domain.uuid != guest.uuid {
      // One that ends meanwhile is in nobody's way.
      guard let xml = try? await domain.xml([]), let document = try? DomainDocument(parsing: xml) else { continue }
      let taken = Set(document.interfaces.compactMap { $0.macAddress?.lowercased() }).intersection(addresses)
      if let address = taken.min() {
        checks.append(rule.failed(on: here.host, "the guest \(domain.name) of \(here.host) has the MAC address \(address) too"))
      }
    }
    return checks.isEmpty ? [rule.passed(on: here.host, "no guest of \(here.host) has one of the guest's MAC addresses")] : checks
  }

  // MARK: - Pools

  /// The folder of a pool whose file system answers; nil where there is none.
  func answeringFolder(of name: ResourceName, on connection: LibvirtConnection) async throws -> String? {
    guard let folder = try await connection.pool(named: name.text)?.configuration().targetPath, await pulse.answers(folder) else {
      return nil
    }
    return folder
  }

  private func checkPool(
    _ name: ResourceName, _ files: IncomingFiles, of id: MigrationID?, on connection: LibvirtConnection
  ) async throws -> [Check] {
    guard let pool = try await connection.pool(named: name.text) else {
      let all = try await connection.pools().map(\.name).sorted().joined(separator: ", ")
      return [
        CheckRule.knownPool.failed(
          on: here.host, "\(here.host) has no pool \(name)",
          advice: all.isEmpty ? "define one (`virsh pool-define-as`)" : "name one of \(all), or define it (`virsh pool-define-as`)")
      ]
    }
    if let allowedPools, !allowedPools.contains(name.text) {
      return [
        CheckRule.knownPool.failed(
          on: here.host, "the pool \(name) of \(here.host) is not one that guests may be moved into",
          advice: "name one of \(allowedPools.sorted().joined(separator: ", ")), or allow it (`pools.allowed`)")
      ]
    }
    guard try await pool.isActive() else {
      return [
        CheckRule.activePool.failed(
          on: here.host, "the pool \(name) of \(here.host) is not active", advice: "start it (`virsh pool-start \(name)`)")
      ]
    }
    let configuration = try await pool.configuration()
    guard [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind), let folder = configuration.targetPath else {
      return [CheckRule.filePool.failed(on: here.host, "the pool \(name) of \(here.host) is of the type \(configuration.kind)")]
    }
    var checks = [CheckRule.knownPool.passed(on: here.host, "the pool \(name) of \(here.host) is active")]
    checks.append(await checkAnswer(of: name.text, folder))
    if checks.last?.outcome == .refused { return checks }
    if let mount = checkMount(of: name.text, configuration.kind, folder) {
      checks.append(mount)
      if mount.outcome == .refused { return checks }
    }
    guard files.bring(into: name, folder) else { return checks + checkNames(in: folder, pool: name, files) }
    checks.append(checkWriting(to: name.text, folder))
    if checks.last?.outcome == .refused { return checks }
    if let check = checkSize(of: files.largest(in: name), in: folder, pool: name) { checks.append(check) }
    checks += checkNames(in: folder, pool: name, files)
    checks.append(try await checkRoom(of: pool.name, in: folder, files, of: id, on: connection))
    if let check = checkFileCount(in: folder, pool: name, files) { checks.append(check) }
    return checks
  }

  /// Whether a pool's file system answers.
  func checkAnswer(of pool: String, _ folder: String) async -> Check {
    await pulse.answers(folder)
      ? CheckRule.answeringPool.passed(on: here.host, "the file system of the pool \(pool) answers")
      : CheckRule.answeringPool.failed(
        on: here.host, "the file system of \(folder), the folder of the pool \(pool) of \(here.host), does not answer")
  }

  /// Whether a pool's file system is there; nil for pools that are folders of another.
  func checkMount(of pool: String, _ kind: StoragePoolConfiguration.Kind, _ folder: String) -> Check? {
    guard kind != .directory else { return nil }
    return FileProbe.isMountPoint(folder)
      ? CheckRule.mountedPool.passed(on: here.host, "\(folder) is mounted")
      : CheckRule.mountedPool.failed(
        on: here.host, "nothing is mounted on \(folder), the folder of the pool \(pool) of \(here.host)",
        advice: "`virsh pool-destroy \(pool)`, which deletes nothing, then `virsh pool-start \(pool)`")
  }

  /// Whether files can be made in a pool.
  func checkWriting(to pool: String, _ folder: String) -> Check {
    FileProbe.obstacleToFiles(in: folder).map {
      CheckRule.writablePool.failed(on: here.host, "no files can be made in \(folder), the folder of the pool \(pool): \($0)")
    } ?? CheckRule.writablePool.passed(on: here.host, "files can be made in \(folder)")
  }

  /// Whether the pool's file system takes files as large as the largest that is coming.
  private func checkSize(of largest: UInt64, in folder: String, pool: ResourceName) -> Check? {
    let found = "the file system of the pool \(pool) of \(here.host) takes"
    return FileProbe.takesFiles(of: largest, in: folder).map { takes in
      takes
        ? CheckRule.fileSize.passed(on: here.host, "\(found) files of \(ByteCount(largest))")
        : CheckRule.fileSize.failed(on: here.host, "\(found) no files of \(ByteCount(largest))")
    }
  }

  private func checkNames(in folder: String, pool: ResourceName, _ files: IncomingFiles) -> [Check] {
    var checks: [Check] = []
    for disk in files.disks where disk.destinationPool == pool {
      let path = "\(folder)/\(disk.volume)"
      if let inode = disk.inode, FileProbe.inode(of: path) == inode {
        checks.append(
          CheckRule.otherStorage.failed(
            on: here.host, "the pool \(pool) of \(here.host) is the storage that disk \(disk.target) is on: \(path) is its file"))
      } else if FileProbe.exists(path) {
        checks.append(
          CheckRule.freeNames.failed(
            on: here.host, "the file \(disk.volume) of disk \(disk.target) is already in the pool \(pool) of \(here.host)"))
      } else {
        checks.append(CheckRule.freeNames.passed(on: here.host, "the name \(disk.volume) is free in the pool \(pool)"))
      }
    }
    for layer in files.layers where layer.pool == pool && FileProbe.exists("\(folder)/\(layer.volume)") {
      checks.append(checkTemplate(layer, in: folder, files))
    }
    return checks
  }

  private func checkTemplate(_ layer: TemplateLayer, in folder: String, _ files: IncomingFiles) -> Check {
    let file = "the file \(layer.volume) in the pool \(layer.pool) of \(here.host)"
    guard let difference = difference(of: "\(folder)/\(layer.volume)", from: layer) else {
      let otherwise = files.renames ? "; if it differs, the template is put beside it" : ""
      return CheckRule.sameTemplate.passed(
        on: here.host, "the template \(layer.volume) is in the pool \(layer.pool), and its content will be compared\(otherwise)")
    }
    guard files.renames else {
      return CheckRule.sameTemplate.failed(on: here.host, "\(file) is not the template at the source: \(difference)")
    }
    let name = (files.beside[layer.id] ?? nil)?.text ?? ContentName.words(besides: layer.volume)
    return CheckRule.sameTemplate.waived(
      on: here.host, "\(file) is not the template at the source (\(difference)): the template is put beside it as \(name)")
  }

  private func checkFileCount(in folder: String, pool: ResourceName, _ files: IncomingFiles) -> Check? {
    guard let available = FileProbe.availableFiles(in: folder) else { return nil }
    let layers = files.lacking(in: pool, folder).count
    // Each file and its draft, and the folder that the drafts are in.
    let needed = 2 * UInt64(files.disks.count { $0.destinationPool == pool } + layers) + 1
    let found = "the file system of the pool \(pool) of \(here.host) has room for \(available) more files, and \(needed) are needed"
    return available < needed ? CheckRule.fileCount.failed(on: here.host, found) : CheckRule.fileCount.passed(on: here.host, found)
  }
}
