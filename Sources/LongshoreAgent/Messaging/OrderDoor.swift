internal import Digests
internal import DomainXML
internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Where orders to migrate come in, whoever gives them: requests, and drains of this host.
struct OrderDoor: Sendable {
  let here: HostAddress
  let coordinator: MigrationCoordinator
  let libvirt: LibvirtLink
  let defaults: HostDefaults
  let patience: @Sendable () -> Patience
  let clock: any HostClock
  let logger: Logger

  /// How long libvirt may take to say which pools a guest's disks are in, in milliseconds. While a pool is refreshed whose server is away
  /// it says nothing of pools, and orders and messages wait behind this one.
  private static let poolLimit: Int64 = 5_000

  /// Takes one order. The same order of the same id is accepted again, and is one migration.
  ///
  /// - Parameter trace: The trace that the order belongs to; nil where it is in none.
  func migrate(
    _ id: MigrationID, _ order: MigrateCommand, trace: TraceContext?
  ) async throws(JournalError) -> HostMigrations.Acceptance {
    let judged = await judge(order, id: id, trace: trace) { _ in nil }
    return try await coordinator.take([judged]).first ?? .rejected([])
  }

  /// Looks up what an order names.
  ///
  /// - Parameters:
  ///   - trace: The trace that the order belongs to; nil where it is in none.
  ///   - answer: The message that tells who sent it what became of it.
  func judge(
    _ order: MigrateCommand, id: MigrationID, trace: TraceContext? = nil,
    answer: @escaping @Sendable (HostMigrations.Acceptance) -> OutboxMessage?
  ) async -> JudgedOrder {
    let key = RequestKey(id: id, digest: Self.digest(of: order))
    switch await locate(order) {
    case .failure(let refusal): return JudgedOrder(key: key, content: .failure(refusal), answer: answer)
    case .success(let way):
      return JudgedOrder(
        key: key,
        content: .success(
          JudgedOrder.Content(
            command: order, guest: way.guest, sourcePools: await limitedPools(of: way.guest), destination: way.destination,
            deadlineSeconds: order.deadlineSeconds ?? defaults.deadlineSeconds, patience: patience(), trace: trace)),
        answer: answer)
    }
  }

  /// Finds what an order names, where there is nothing against it.
  func locate(
    _ order: MigrateCommand
  ) async -> Result<(guest: GuestReference, destination: HostAddress), JudgedOrder.Refusal> {
    let refusals = refusals(of: order)
    if !refusals.isEmpty { return .failure(JudgedOrder.Refusal(reasons: refusals)) }
    let destination = HostAddress(cluster: order.destination.cluster ?? here.cluster, host: order.destination.host)
    return await find(order.guest).map { ($0, destination) }.mapError { JudgedOrder.Refusal(reasons: [$0.reason]) }
  }

  /// What makes an order the same order: its content without the id and the time until which it is valid.
  private static func digest(of order: MigrateCommand) -> String {
    SHA256.digest(of: MessageCoding.encode(order))
  }

  /// What can be refused without looking at anything.
  private func refusals(of order: MigrateCommand) -> [Reason] {
    var reasons: [Reason] = []
    if let cluster = order.destination.cluster, cluster != here.cluster {
      reasons.append(
        Reason(.otherCluster, "the destination is in the cluster \(cluster), and guests move within \(here.cluster) only"))
    } else if order.destination.host == here.host {
      reasons.append(Reason(.sameHost, "the guest is on \(here.host) already: name another host"))
    }
    if let options = order.options { reasons += Self.refusals(of: options) }
    return reasons
  }

  /// The options that can be refused without looking at anything.
  static func refusals(of options: MigrationOptions) -> [Reason] {
    var reasons: [Reason] = []
    if options.postCopy == true {
      reasons.append(
        Reason(
          .unsupportedOption,
          "post-copy is not offered: where the link breaks in it, the guest's memory is on two hosts, libvirt shows a guest at the destination as running that waits for it, and only resuming the copy helps, which these agents cannot; leave options.postCopy away, and allow maxDowntimeMs, autoConverge or onDeadline `force`"
        ))
    }
    if options.verify == true, options.handover == .direct {
      reasons.append(
        Reason(
          .unsupportedOption,
          "options.verify needs the handover `fenced`: with `direct` libvirt resumes the guest, and nobody keeps what its disks held then"))
    }
    if let downtime = options.maxDowntimeMs, downtime == 0 || downtime > 2_000_000 {
      reasons.append(Reason(.unsupportedOption, "options.maxDowntimeMs is \(downtime): QEMU takes 1 to 2000000"))
    }
    if let cap = options.bandwidthMiBps, cap == 0 || cap > 1 << 20 {
      reasons.append(Reason(.unsupportedOption, "options.bandwidthMiBps is \(cap): use 1 to \(1 << 20), or leave it away for no cap"))
    }
    return reasons
  }

  private func find(_ name: ResourceName) async -> Result<GuestReference, Reason.Failure> {
    do throws(LibvirtError) {
      let connection = try await libvirt.connection()
      let byUUID = UUIDText.normal(name.text)
      var domain = byUUID == nil ? nil : try await connection.domain(uuid: byUUID ?? "")
      if domain == nil { domain = try await connection.domain(named: name.text) }
      guard let domain else {
        return .failure(Reason.Failure(.unknownGuest, "no guest with the name or UUID \(name) is on \(here.host)"))
      }
      let state = try await domain.state()
      switch state {
      case .running, .blocked, .paused(.user): return .success(GuestReference(uuid: domain.uuid, name: domain.name))
      default:
        return .failure(
          Reason.Failure(
            .guestNotRunning,
            "the guest \(domain.name) is \(state) on \(here.host): only a guest that runs, or was paused by somebody, can be moved"))
      }
    } catch {
      return .failure(
        Reason.Failure(.unavailable, "libvirt on \(here.host) cannot be asked at present (\(error.message)): send the order again later"))
    }
  }

  /// The pools that a guest's disks are in, where their limit may keep the migration waiting; nil where they cannot be told in time.
  private func limitedPools(of guest: GuestReference) async -> [ResourceName]? {
    guard await coordinator.limitsPools else { return nil }
    return await withLimit(milliseconds: Self.poolLimit, clock) { await sourcePools(of: guest) } ?? nil
  }

  private func sourcePools(of guest: GuestReference) async -> [ResourceName]? {
    do {
      let connection = try await libvirt.connection()
      guard let domain = try await connection.domain(uuid: guest.uuid) else { return nil }
      var pools: [ResourceName] = []
      for disk in try DomainDocument(parsing: try await domain.xml([])).disks where disk.device == .disk && !disk.isReadOnly {
        guard case .file(let path)? = disk.source,
          let pool = try await connection.pool(targetPath: PathText.folder(of: path)).flatMap({ ResourceName($0.name) }),
          !pools.contains(pool)
        else { continue }
        pools.append(pool)
      }
      return pools
    } catch {
      logger.debug("The pools of a guest cannot be told", metadata: [LogKeys.guest: "\(guest.uuid)", LogKeys.error: "\(error)"])
      return nil
    }
  }
}
