internal import DomainXML
internal import Libvirt
internal import LongshoreMessages
internal import MigrationJournal

/// Checks at the destination whether a plan can be carried out. All checks are made, whatever the first ones say, and nothing is changed.
struct DestinationChecks: Sendable {
  let here: HostAddress
  let libvirt: LibvirtLink
  let journal: Journal
  /// The pools that may be moved into; nil for all.
  let allowedPools: Set<String>?

  /// Makes all checks.
  ///
  /// - Parameters:
  ///   - plan: What is to be carried out.
  ///   - id: The migration that does it; nil for a dry run.
  /// - Throws: libvirt's errors where it cannot be asked.
  func check(_ plan: MigrationPlan, of id: MigrationID?) async throws -> [Check] {
    let connection = try await libvirt.connection()
    var checks = try await checkDomain(plan.guest, on: connection)
    checks += try await checkMachine(plan.guest, on: connection)
    checks += try await checkMemory(plan.guest, on: connection)
    checks += try await checkNetworks(plan.guest, on: connection)
    for name in plan.pools { checks += try await checkPool(name, plan, of: id, on: connection) }
    return checks
  }

  private func passed(_ code: Reason.Code, _ message: String) -> Check { Check(code, on: here.host, .passed, message) }
  private func refused(_ code: Reason.Code, _ message: String) -> Check { Check(code, on: here.host, .refused, message) }

  // MARK: - The guest

  private func checkDomain(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    if let domain = try await connection.domain(uuid: guest.uuid) {
      return [
        refused(
          .domainExists,
          "a domain with the guest's UUID, named \(domain.name), is on \(here.host) (\(try await domain.state())): undefine it there if it is a left-over"
        )
      ]
    }
    if let domain = try await connection.domain(named: guest.name.text) {
      return [refused(.domainExists, "another domain named \(guest.name) is on \(here.host) (\(domain.uuid)): rename one of them")]
    }
    return [passed(.domainExists, "no domain of the guest's name or UUID is on \(here.host)")]
  }

  private func checkMachine(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    do throws(LibvirtError) {
      _ = try await connection.domainCapabilities(
        emulator: guest.emulator, arch: guest.architecture, machine: guest.machine, virtType: guest.domainType)
    } catch {
      if error.isConnectionLost { throw error }
      return [
        refused(
          .incompatibleMachine,
          "\(here.host) cannot run the machine type \(guest.machine) (\(guest.domainType), \(guest.architecture)) with \(guest.emulator ?? "its emulator"): \(error.message)"
        )
      ]
    }
    let machine = passed(.incompatibleMachine, "\(here.host) has the machine type \(guest.machine) and its emulator")
    guard let cpu = guest.cpu else { return [machine] }
    do throws(LibvirtError) {
      let comparison = try await connection.compareHypervisorCPU(
        cpu, emulator: guest.emulator, arch: guest.architecture, machine: guest.machine, virtType: guest.domainType,
        failIncompatible: true)
      return comparison == .incompatible
        ? [machine, refused(.incompatibleCPU, "the CPU of \(here.host) lacks features that the guest uses")]
        : [machine, passed(.incompatibleCPU, "the CPU of \(here.host) can run the guest")]
    } catch {
      switch error.code {
      case .cpuIncompatible:
        return [machine, refused(.incompatibleCPU, "the CPU of \(here.host) cannot run the guest: \(error.message)")]
      case .noSupport, .operationUnsupported, .configUnsupported:
        return [machine, Check(.incompatibleCPU, on: here.host, .warning, "the CPUs could not be compared: \(error.message)")]
      default: throw error
      }
    }
  }

  private func checkMemory(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    let free = try await connection.freeMemory()
    let needed = guest.memoryKiB * 1024
    // Free memory without what the kernel can give back: too little of it is a reason to look, not to refuse.
    return [
      free >= needed
        ? passed(.noMemory, "\(ByteCount(free)) of memory are free, and the guest needs \(ByteCount(needed))")
        : Check(
          .noMemory, on: here.host, .warning,
          "only \(ByteCount(free)) of memory are free on \(here.host), and the guest needs \(ByteCount(needed))")
    ]
  }

  private func checkNetworks(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    Set(guest.networks).compactMap { network in
      guard network.type == "bridge" else { return nil }
      return FileProbe.exists("/sys/class/net/\(network.source)")
        ? passed(.missingResource, "the bridge \(network.source) is on \(here.host)")
        : refused(.missingResource, "the bridge \(network.source), which the guest uses, is not on \(here.host): make it there first")
    }
  }

  // MARK: - Pools

  private func checkPool(
    _ name: ResourceName, _ plan: MigrationPlan, of id: MigrationID?, on connection: LibvirtConnection
  ) async throws -> [Check] {
    guard let pool = try await connection.pool(named: name.text) else {
      let all = try await connection.pools().map(\.name).sorted().joined(separator: ", ")
      return [refused(.unknownPool, "\(here.host) has no pool \(name): it has \(all.isEmpty ? "none" : all)")]
    }
    if let allowedPools, !allowedPools.contains(name.text) {
      return [refused(.unknownPool, "the pool \(name) of \(here.host) is not one that guests may be moved into (pools.allowed)")]
    }
    guard try await pool.isActive() else {
      return [refused(.poolInactive, "the pool \(name) of \(here.host) is not active: start it (virsh pool-start \(name))")]
    }
    let configuration = try await pool.configuration()
    guard [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind), let folder = configuration.targetPath else {
      return [
        refused(
          .unsupportedPool, "the pool \(name) of \(here.host) is of the type \(configuration.kind): only dir, fs and netfs hold image files"
        )
      ]
    }
    var checks = [passed(.unknownPool, "the pool \(name) of \(here.host) is active")]
    checks += checkNames(in: folder, pool: name, plan)
    checks.append(try await checkRoom(of: pool.name, in: folder, plan, of: id, on: connection))
    return checks
  }

  private func checkNames(in folder: String, pool: ResourceName, _ plan: MigrationPlan) -> [Check] {
    var checks: [Check] = []
    for disk in plan.disks where disk.destinationPool == pool {
      checks.append(
        FileProbe.exists("\(folder)/\(disk.volume)")
          ? refused(
            .nameTaken,
            "the file \(disk.volume) of disk \(disk.target) is already in the pool \(pool) of \(here.host): it is not overwritten; remove it if it is a left-over"
          )
          : passed(.nameTaken, "the name \(disk.volume) is free in the pool \(pool)"))
    }
    for layer in plan.layers where layer.pool == pool {
      guard let size = FileProbe.size(of: "\(folder)/\(layer.volume)") else { continue }
      checks.append(
        size == layer.fileSize
          ? passed(.templateDiffers, "the template \(layer.volume) is in the pool \(pool), and its content will be compared")
          : refused(
            .templateDiffers,
            "the file \(layer.volume) in the pool \(pool) of \(here.host) has \(size) bytes, and the template at the source has \(layer.fileSize): another file has its name"
          ))
    }
    return checks
  }
}

extension MigrationPlan {
  /// The pools at the destination that the plan uses.
  var pools: [ResourceName] {
    var pools: [ResourceName] = []
    for pool in disks.map(\.destinationPool) + layers.map(\.pool) where !pools.contains(pool) { pools.append(pool) }
    return pools
  }
}

/// A number of bytes, as people read it.
struct ByteCount: CustomStringConvertible {
  private let bytes: UInt64

  init(_ bytes: UInt64) { self.bytes = bytes }

  var description: String {
    var value = Double(bytes)
    var unit = "B"
    // What would be shown as 1024.0 of a unit is 1.0 of the next.
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1023.95 {
      value /= 1024
      unit = larger
    }
    if unit == "B" { return "\(bytes) B" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(unit)"
  }
}
