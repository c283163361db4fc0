internal import DomainXML
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Asks libvirt what the host has: the machine, its pools, its guests with their disks. Nothing is remembered between two questions.
struct InventoryReader: Sendable {
  /// How long storage may take to tell sizes, in milliseconds; disks that it has not told by then go without.
  private static let patience: Int64 = 3_000
  /// How many guests are read at a time: some calls of the connection stay free for migrations.
  private static let width = 2

  /// The setting `hostUUID`; nil for what libvirt says.
  let uuid: @Sendable () -> String?
  let libvirt: LibvirtLink
  let coordinator: MigrationCoordinator
  let defaults: HostDefaults
  /// The pools that guests may be moved into; nil for all.
  let allowedPools: @Sendable () -> Set<String>?
  let clock: any HostClock
  let logger: Logger

  /// What the host is and has.
  ///
  /// - Parameter maintenance: Whether it takes guests.
  func read(_ question: InventoryQuestion, maintenance: Maintenance) async -> HostInventory {
    let bare = HostInventory(
      machine: HostInventory.Machine(
        uuid: uuid(), agentVersion: LongshoreVersion.current, memoryAvailable: HostResources.availableMemory(), maintenance: maintenance,
        migrations: await coordinator.running),
      settings: defaults.settings)
    do {
      return try await read(question, on: libvirt.connection(), into: bare)
    } catch {
      logger.debug("libvirt could not be asked for the inventory", metadata: [LogKeys.error: "\(error)"])
      return bare
    }
  }

  private func read(
    _ question: InventoryQuestion, on connection: LibvirtConnection, into bare: HostInventory
  ) async throws -> HostInventory {
    var inventory = bare
    let versions = try await connection.versions()
    let hardware = try await connection.hostHardware()
    if bare.machine.uuid == nil { inventory.machine.uuid = try await connection.hostUUID() }
    inventory.machine.libvirtVersion = "\(versions.daemon)"
    inventory.machine.hypervisor = try await connection.hypervisorName()
    inventory.machine.hypervisorVersion = "\(versions.hypervisor)"
    inventory.machine.processors = HostInventory.Machine.Processors(
      count: hardware.processors, sockets: hardware.sockets, mhz: hardware.mhz, architecture: hardware.architecture)
    inventory.machine.memory = hardware.memory
    var folders: [String: String] = [:]
    for pool in try await connection.pools() {
      guard let (told, isOfFiles) = try await existing({ () throws(LibvirtError) in try await describe(pool) }) else { continue }
      inventory.pools.append(told)
      if isOfFiles, told.active, let path = told.path { folders[path] = told.name }
    }
    inventory.pools.sort { $0.name < $1.name }

    let guests = try await read(try await domains(question, on: connection), on: connection)
    let volumes = await volumes(of: guests.flatMap { $0.document?.disks ?? [] }.compactMap(\.source), on: connection)
    let motions = await coordinator.motions
    let told = guests.map { $0.inventory(volumes: volumes, folders: folders, motion: motions[$0.uuid]) }
    (inventory.guests, inventory.next) = HostInventory.page(of: told)
    return inventory
  }

  private func describe(_ pool: StoragePool) async throws(LibvirtError) -> (HostInventory.Pool, isOfFiles: Bool) {
    let info = try await pool.info()
    let configuration = try await pool.configuration()
    return (
      HostInventory.Pool(
        uuid: pool.uuid, name: pool.name, type: configuration.kind.rawValue, active: try await pool.isActive(),
        allowed: allowedPools()?.contains(pool.name) ?? true, capacity: info.capacity, allocation: info.allocation,
        available: info.available, path: configuration.targetPath,
        sourceHosts: configuration.sourceHosts.isEmpty ? nil : configuration.sourceHosts, sourceDirectory: configuration.sourceDirectory),
      [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind)
    )
  }

  /// The domains that are asked for, by UUID.
  private func domains(_ question: InventoryQuestion, on connection: LibvirtConnection) async throws(LibvirtError) -> [Domain] {
    guard let name = question.guest?.text else {
      let after = question.after?.text ?? ""
      return try await connection.domains().filter { $0.uuid > after }.sorted { $0.uuid < $1.uuid }
    }
    if let uuid = UUIDText.normal(name), let domain = try await connection.domain(uuid: uuid) { return [domain] }
    return try await connection.domain(named: name).map { [$0] } ?? []
  }

  /// What libvirt says of domains, in their order; without those that are gone meanwhile.
  private func read(_ domains: [Domain], on connection: LibvirtConnection) async throws -> [GuestReading] {
    let persistent = Set(try await connection.domains(.persistent).map(\.uuid))
    return try await domains.concurrentMap(atMost: Self.width) { domain in
      try await existing { () throws(LibvirtError) in try await read(domain, isPersistent: persistent.contains(domain.uuid)) }
    }.compactMap(\.self)
  }

  private func read(_ domain: Domain, isPersistent: Bool) async throws(LibvirtError) -> GuestReading {
    let xml = try await domain.xml()
    let state = try await domain.state().name
    do throws(DomainXMLError) {
      return GuestReading(
        uuid: domain.uuid, name: domain.name, state: state, isPersistent: isPersistent, document: try DomainDocument(parsing: xml))
    } catch {
      logger.warning("The definition of a guest cannot be read", metadata: [LogKeys.guest: "\(domain.uuid)", LogKeys.error: "\(error)"])
      return GuestReading(uuid: domain.uuid, name: domain.name, state: state, isPersistent: isPersistent, document: nil)
    }
  }

  /// What pools tell of the volumes that disks are in, as far as they do in time.
  private func volumes(
    of sources: [DiskSource], on connection: LibvirtConnection
  ) async -> [DiskSource: StorageVolumeDescription] {
    let found = FoundVolumes()
    _ = await withLimit(milliseconds: Self.patience, clock) { [logger] in
      for source in Set(sources) where await found.isWanted {
        do throws(LibvirtError) {
          switch source {
          case .file(let path), .block(let path): await found.add(source, try await connection.describeVolume(path: path))
          case .volume(let pool, let volume): await found.add(source, try await connection.describeVolume(named: volume, inPool: pool))
          case .network, .other: break
          }
        } catch {
          logger.debug("A volume cannot be described", metadata: [LogKeys.error: "\(error)"])
        }
      }
    }
    return await found.take()
  }
}

/// The volumes that were described before nobody waits for more.
private actor FoundVolumes {
  private var volumes: [DiskSource: StorageVolumeDescription] = [:]
  private(set) var isWanted = true

  func add(_ source: DiskSource, _ volume: StorageVolumeDescription?) { volumes[source] = volume }

  func take() -> [DiskSource: StorageVolumeDescription] {
    isWanted = false
    return volumes
  }
}

/// What a call to libvirt returns; nil where its object is gone meanwhile.
private func existing<Value>(_ call: () async throws(LibvirtError) -> Value) async throws(LibvirtError) -> Value? {
  do throws(LibvirtError) {
    return try await call()
  } catch {
    guard error.code == .noDomain || error.code == .noStoragePool else { throw error }
    return nil
  }
}
