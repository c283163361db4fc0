import FoundationEssentials
import Logging
import LongshoreClient
import LongshoreMessages

extension CommandRunner {
  /// Whether a guest can move somewhere, as the hosts' own checks say it.
  struct Suitability: Sendable {
    /// Whether nothing refuses it.
    var isSuitable: Bool
    /// What does.
    var reasons: [Reason]
  }

  /// A guest that a command is about: one that is here and that the key is for.
  private func guest(_ name: String, _ call: Call, _ inventory: Inventory) throws(APIError) -> Inventory.Guest {
    guard let guest = inventory.guest(id: try call.arguments.required(name)) else { throw call.arguments.invalid(name) }
    guard call.key.covers(guest.reference) else {
      throw APIError(.account, "The key \(call.key.name) is not for Instance \(guest.told.name)", .permissionDenied)
    }
    return guest
  }

  // MARK: Checks

  /// Has the hosts make all checks of a migration, and move nothing.
  ///
  /// - Parameter end: When the answer is to be there.
  private func check(
    _ guest: Inventory.Guest, to host: Inventory.Host, _ placement: Placement, until end: ContinuousClock.Instant
  ) async throws(APIError) -> Suitability {
    let left = end - .now
    guard left > .zero else {
      return Suitability(
        isSuitable: false, reasons: [Reason(.noAnswer, "not checked: the checks of other hosts have taken all the time, ask for it alone")])
    }
    guard let name = ResourceName(guest.told.uuid) else { throw APIError(.internalError, "the guest has no UUID") }
    let command = MigrateCommand(
      guest: name, destination: MigrateCommand.Destination(host: host.name), pools: placement.order, dryRun: true)
    let reply: Reply
    do {
      reply = try await bus.ask(.migrate(command), of: guest.host.name, within: left)
    } catch {
      // A host that does not answer is not suitable; a broker that is away says nothing of it.
      guard error.code == .noAnswer || error.code == .unknownHost else { throw APIError(error) }
      return Suitability(isSuitable: false, reasons: [Reason(.noAnswer, error.message)])
    }
    switch reply.body {
    case .checked(let checks, _, _):
      let refused = checks.filter { $0.outcome == .refused }
      return Suitability(isSuitable: refused.isEmpty, reasons: refused.map { Reason($0) })
    case .rejected(let reasons): return Suitability(isSuitable: false, reasons: reasons)
    default: throw APIError(.internalError, "host \(guest.host.name) answers with \(reply.typeName) to a dry run", .cloudRuntime)
    }
  }

  /// Makes checks, some at once, and gives what came of them in the order of what was to be checked.
  private func checkAll<Item: Sendable>(
    _ items: [Item], _ check: @escaping @Sendable (Item) async throws(APIError) -> Suitability
  ) async throws(APIError) -> [Suitability] {
    let found = await withTaskGroup(of: (Int, Result<Suitability, APIError>).self) { group in
      var found: [Int: Result<Suitability, APIError>] = [:]
      for (index, item) in items.enumerated() {
        if index >= Self.checksAtOnce, let (index, result) = await group.next() { found[index] = result }
        group.addTask { (index, await Self.result(of: check, item)) }
      }
      for await (index, result) in group { found[index] = result }
      return found
    }
    var all: [Suitability] = []
    for index in items.indices {
      guard let result = found[index] else { continue }
      all.append(try result.get())
    }
    return all
  }

  private static func result<Item: Sendable>(
    of check: @Sendable (Item) async throws(APIError) -> Suitability, _ item: Item
  ) async -> Result<Suitability, APIError> {
    do throws(APIError) {
      return .success(try await check(item))
    } catch {
      return .failure(error)
    }
  }

  /// Whether a guest can move to a host, its disks where they go by themselves.
  ///
  /// - Parameter end: When the answer is to be there.
  private func suitability(
    of host: Inventory.Host, for guest: Inventory.Guest, wanted: [String: String] = [:], in inventory: Inventory,
    until end: ContinuousClock.Instant
  ) async throws(APIError) -> (Suitability, Placement?) {
    let placement: Placement
    do {
      placement = try Placement(of: guest, to: host, wanted: wanted, in: inventory)
    } catch {
      return (Suitability(isSuitable: false, reasons: [Reason(.unknownPool, error.text)]), nil)
    }
    guard !host.isDown else {
      return (Suitability(isSuitable: false, reasons: [Reason(.noAnswer, "host \(host.name) does not answer")]), placement)
    }
    return (try await check(guest, to: host, placement, until: end), placement)
  }

  func hostsForMigration(_ call: Call) async throws(APIError) -> Answer {
    let rows = try await rows()
    let inventory = rows.inventory
    let guest = try guest("virtualmachineid", call, inventory)
    guard guest.isRunning else {
      throw APIError(.parameter, "Instance is not running, cannot migrate: \(guest.told.name)", .invalidParameterValue)
    }
    let hosts = inventory.hosts.filter { $0.name != guest.host.name && Self.has(call.arguments.text("keyword"), $0.name.text) }
    // None that nobody sees is checked.
    let shown = try call.arguments.shown(of: hosts)
    let end = ContinuousClock.now + times.check
    let found = try await checkAll(shown) { host throws(APIError) in
      try await suitability(of: host, for: guest, in: inventory, until: end).0
    }
    return call.arguments.answer(
      shown: zip(shown, found).map { host, found in
        var row = rows.host(host)
        let placement = try? Placement(of: guest, to: host, in: inventory)
        row.add("suitableformigration", found.isSuitable)
        row.add("requiresStorageMotion", placement?.requiresStorageMotion ?? true)
        Self.explain(found, in: &row)
        return row
      }, count: hosts.count)
  }

  func poolsForMigration(_ call: Call) async throws(APIError) -> Answer {
    let rows = try await rows()
    let inventory = rows.inventory
    guard let (guest, disk) = inventory.volume(id: try call.arguments.required("id")), call.key.covers(guest.reference) else {
      throw call.arguments.invalid("id")
    }
    let current = inventory.pool(of: disk, at: guest.host)
    let pools = inventory.pools.filter { $0.told.uuid != current?.uuid && Self.has(call.arguments.text("keyword"), $0.told.name) }
    let end = ContinuousClock.now + times.check
    let found = try await checkAll(pools) { pool throws(APIError) in
      guard guest.isRunning else {
        return Suitability(isSuitable: false, reasons: [Reason(.guestNotRunning, "Instance \(guest.told.name) does not run")])
      }
      var last = Suitability(
        isSuitable: false, reasons: [Reason(.sameHost, "no other host that takes guests has the pool: disks move with their Instance")])
      for host in pool.hosts.filter({ $0.name != guest.host.name && $0.takesGuests }).prefix(2) {
        last = try await suitability(of: host, for: guest, wanted: [disk.id: pool.told.uuid], in: inventory, until: end).0
        if last.isSuitable { break }
      }
      return last
    }
    let sorted = zip(pools, found).sorted { left, right in
      left.1.isSuitable != right.1.isSuitable ? left.1.isSuitable : left.0.told.name < right.0.told.name
    }
    return try call.arguments.answer(
      sorted.map { pool, found in
        var row = rows.pool(pool)
        row.add("suitableformigration", found.isSuitable)
        Self.explain(found, in: &row)
        return row
      })
  }

  /// Adds why something is not suitable.
  private static func explain(_ found: Suitability, in row: inout ResponseObject) {
    guard !found.isSuitable, !found.reasons.isEmpty else { return }
    var details = ResponseObject()
    details.add("reason", found.reasons.map(\.message).joined(separator: "; "))
    row.add("details", details)
  }

  // MARK: Orders

  func migrateWithVolume(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    var wanted: [String: String] = [:]
    // cloudstack-go calls the fields of every map key and value, this one's too.
    for object in try arguments.objects("migrateto") {
      guard object.count == 2, let volume = object["volume"] ?? object["key"], let pool = object["pool"] ?? object["value"] else {
        throw APIError(
          .parameter,
          "Unable to execute API command \(arguments.command.name.lowercased()) due to invalid value. Each migrateto needs volume and pool",
          .invalidParameterValue)
      }
      guard wanted.updateValue(pool.lowercased(), forKey: volume.lowercased()) == nil else {
        throw APIError(.parameter, "The volume \(volume) has more than one pool in migrateto", .invalidParameterValue)
      }
    }
    guard arguments.text("hostid") != nil || !wanted.isEmpty || arguments.flag("autoselect") == true else {
      throw APIError(
        .parameter, "Either hostid or migrateto must be passed or autoselect must be true for migrating the Instance.",
        .invalidParameterValue)
    }
    if let answer = try await repeated(call, wanted: wanted) { return answer }
    let inventory = try await keeper.inventory()
    let guest = try guest("virtualmachineid", call, inventory)
    for (volume, pool) in wanted {
      guard guest.volumes.contains(where: { $0.id == volume }) else { throw .invalid("volume", volume, of: arguments.command.name) }
      guard inventory.pool(id: pool) != nil else { throw .invalid("pool", pool, of: arguments.command.name) }
    }
    guard arguments.text("hostid") != nil || arguments.flag("autoselect") == true else {
      throw APIError(
        .parameter,
        """
        Without hostid CloudStack moves the volumes of an Instance that is stopped, which is not offered here. Give hostid, or \
        autoselect=true.
        """, .invalidParameterValue)
    }
    let (host, placement) = try await destination(of: guest, call, wanted: wanted, in: inventory)
    return try await order(guest, to: host, placement, call)
  }

  func migrate(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    guard arguments.text("storageid") == nil else {
      throw APIError(
        .parameter,
        arguments.text("hostid") == nil
          ? "With storageid CloudStack moves an Instance that is stopped, which is not offered here. Use migrateVirtualMachineWithVolume."
          : "Only one of hostid and storageid can be specified", .invalidParameterValue)
    }
    guard arguments.text("hostid") != nil || arguments.flag("autoselect") ?? true else {
      throw APIError(.parameter, "Either hostid or autoselect is needed for migrating the Instance.", .invalidParameterValue)
    }
    if let answer = try await repeated(call) { return answer }
    let inventory = try await keeper.inventory()
    let guest = try guest("virtualmachineid", call, inventory)
    let (host, placement) = try await destination(of: guest, call, staysInPlace: true, in: inventory)
    guard !placement.requiresStorageMotion else {
      throw APIError(
        .parameter,
        """
        Instance \(guest.told.name) has volumes that host \(host.name) does not see, so that they have to move as well. \
        Use migrateVirtualMachineWithVolume.
        """, .invalidParameterValue)
    }
    return try await order(guest, to: host, placement, call)
  }

  func migrateVolume(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    let inventory = try await keeper.inventory()
    guard let (guest, disk) = inventory.volume(id: try arguments.required("volumeid")), call.key.covers(guest.reference) else {
      throw arguments.invalid("volumeid")
    }
    guard inventory.pool(id: try arguments.required("storageid")) != nil else { throw arguments.invalid("storageid") }
    throw APIError(
      .parameter,
      """
      KVM does not support volume live migration to a pool of the same host here: disk \(disk.target) is attached to Instance \
      \(guest.told.name). Volumes move together with their Instance to another host: use migrateVirtualMachineWithVolume.
      """, .invalidParameterValue)
  }

  /// The host that a guest is to move to, and where its disks go there: the one that is named, or else the best one that no check refuses.
  private func destination(
    of guest: Inventory.Guest, _ call: Call, wanted: [String: String] = [:], staysInPlace: Bool = false, in inventory: Inventory
  ) async throws(APIError) -> (Inventory.Host, Placement) {
    if let id = call.arguments.text("hostid") {
      guard let host = inventory.host(id: id) else { throw call.arguments.invalid("hostid") }
      try refuse(guest, to: host)
      return (host, try Placement(of: guest, to: host, wanted: wanted, in: inventory))
    }
    try refuse(guest)
    let candidates = inventory.hosts.filter { host in
      guard host.name != guest.host.name, host.takesGuests,
        let placement = try? Placement(of: guest, to: host, wanted: wanted, in: inventory)
      else { return false }
      return !(staysInPlace && placement.requiresStorageMotion)
    }.sorted { ($0.told.machine.memoryAvailable ?? 0) > ($1.told.machine.memoryAvailable ?? 0) }
    let end = ContinuousClock.now + times.check
    let found = try await checkAll(candidates) { host throws(APIError) in
      try await suitability(of: host, for: guest, wanted: wanted, in: inventory, until: end).0
    }
    guard let best = zip(candidates, found).first(where: { $0.1.isSuitable })?.0 else {
      let why = zip(candidates, found).map { "\($0.name): \($1.reasons.first?.message ?? "refused")" }
      throw APIError(
        .insufficientCapacity,
        "Unable to find a suitable host for Instance \(guest.told.name)\(why.isEmpty ? "" : ": \(why.joined(separator: "; "))")",
        .insufficientStorageCapacity)
    }
    return (best, try Placement(of: guest, to: best, wanted: wanted, in: inventory))
  }

  /// Refuses what the agents would refuse, where that can be said at once.
  private func refuse(_ guest: Inventory.Guest, to host: Inventory.Host? = nil) throws(APIError) {
    guard !guest.host.isDown else {
      throw APIError(.resourceUnavailable, "Host \(guest.host.name), which has Instance \(guest.told.name), is down", .agentUnavailable)
    }
    guard guest.isRunning else {
      throw APIError(
        .parameter, "Instance is not running, cannot migrate: \(guest.told.name) is \(guest.told.state)", .invalidParameterValue)
    }
    guard let host else { return }
    guard host.name != guest.host.name else {
      throw APIError(
        .parameter, "Cannot migrate Instance \(guest.told.name): it is already on host \(host.name)", .invalidParameterValue)
    }
    guard !host.isDown else {
      throw APIError(.resourceUnavailable, "Host \(host.name) is down", .agentUnavailable)
    }
    guard !host.told.machine.maintenance.isOn else {
      throw APIError(.resourceUnavailable, "Host \(host.name) is in maintenance and takes no guests", .resourceUnavailable)
    }
  }

  /// The id that a job of a call has.
  private func jobID(_ call: Call) throws(APIError) -> MigrationID {
    guard let custom = call.arguments.text("customjobid") else {
      let text = call.caller.requestID ?? UUID().uuidString.lowercased()
      guard let id = MigrationID(text) else { throw APIError(.internalError, "a UUID is no id") }
      return id
    }
    // A signature does not cover the case of letters: one id for all of them.
    guard StableID.isUUID(custom), let id = MigrationID(custom.lowercased()) else { throw call.arguments.invalid("customjobid") }
    return id
  }

  /// The answer of an order that was given before; nil for a new one. A request that is sent again, or with the id of a job that there is,
  /// is the same order.
  /// - Parameter wanted: The ids of pools, by the ids of volumes.
  /// - Throws: ``APIError`` with 431 where the job of the id is of another order, as the agents refuse it.
  private func repeated(_ call: Call, wanted: [String: String] = [:]) async throws(APIError) -> Answer? {
    let isNamed = call.arguments.text("customjobid") != nil
    guard call.caller.requestID != nil || isNamed else { return nil }
    let id = try jobID(call)
    let known: Job?
    if isNamed {
      known = try await find(id)
    } else {
      // It expires before it is forgotten here.
      known = await state.job(id)
      guard await state.model.broker.isReplayed else { throw .historyIsRead }
    }
    guard let job = known else { return nil }
    guard job.guest.uuid == call.arguments.text("virtualmachineid")?.lowercased(), call.key.covers(job.guest) else {
      throw Self.reused(id, "it is another Instance's")
    }
    // A request without an id of its own is the same to the byte.
    return isNamed ? try await compare(call, wanted, with: job) : accepted(id, call)
  }

  /// The answer of an order with the id of a job of the same guest, where it is the same order.
  private func compare(_ call: Call, _ wanted: [String: String], with job: Job) async throws(APIError) -> Answer {
    let hostID = call.arguments.text("hostid")
    guard hostID != nil || !wanted.isEmpty else { return accepted(job.id, call) }
    let inventory = try await keeper.inventory()
    if let hostID {
      guard let host = inventory.host(id: hostID) else { throw call.arguments.invalid("hostid") }
      guard host.name == job.destination else { throw Self.reused(job.id, "it moves to host \(job.destination)") }
    }
    guard !wanted.isEmpty else { return accepted(job.id, call) }
    guard let host = inventory.host(named: job.destination), let guest = inventory.guest(id: job.guest.uuid) else {
      throw APIError(.resourceUnavailable, "The hosts of job \(job.id) do not answer, so that it cannot be compared", .agentUnavailable)
    }
    var disks = job.disks
    if disks.isEmpty,
      case .status(let status)? = try? await bus.ask(.status(migration: job.id), of: job.source, within: times.search).body
    {
      disks = MigrationRecord(status, now: status.updatedAt).disks
    }
    guard !disks.isEmpty else {
      // Before its plan is made only the source knows what was ordered, and after an end before that nothing was moved.
      guard job.isPending, guest.host.name == job.source else { return accepted(job.id, call) }
      return try await order(guest, to: host, try Placement(of: guest, to: host, wanted: wanted, in: inventory), call)
    }
    for (volume, poolID) in wanted {
      guard let disk = guest.volumes.first(where: { $0.id == volume }) else {
        throw .invalid("volume", volume, of: call.arguments.command.name)
      }
      let pool = try Placement.pool(poolID, at: host, in: inventory)
      let isSame: Bool
      if let moved = disks.first(where: { $0.target.text == disk.target }) {
        isSame = moved.to.pool.text == pool.name
      } else {
        // It stays where it is.
        isSame = inventory.pool(of: disk, at: guest.host).map { Placement.isSame($0, pool) } ?? false
      }
      guard isSame else { throw Self.reused(job.id, "it has another pool for disk \(disk.target)") }
    }
    return accepted(job.id, call)
  }

  private static func reused(_ id: MigrationID, _ why: String) -> APIError {
    APIError(
      .parameter, "The job ID \(id) was used before by an order with another content: \(why). Give each order a customjobid of its own",
      .invalidParameterValue)
  }

  private func accepted(_ id: MigrationID, _ call: Call) -> Answer {
    var content = ResponseObject()
    content.add("jobid", id.text)
    return Answer(to: call.arguments.command.name, content)
  }

  /// Orders a migration.
  private func order(
    _ guest: Inventory.Guest, to host: Inventory.Host, _ placement: Placement, _ call: Call
  ) async throws(APIError) -> Answer {
    let id = try jobID(call)
    guard let name = ResourceName(guest.told.uuid) else { throw APIError(.internalError, "the guest has no UUID") }
    let command = MigrateCommand(guest: name, destination: MigrateCommand.Destination(host: host.name), pools: placement.order)
    let reply: Reply
    do {
      reply = try await bus.ask(.migrate(command), of: guest.host.name, id: id, in: call.trace, within: times.order)
    } catch {
      var problem = APIError(error)
      problem.text += ". Whether the order has been taken is not known: ask for job \(id)"
      throw problem
    }
    switch reply.body {
    case .accepted: break
    case .rejected(let reasons): throw APIError(refusal: reasons)
    default: throw APIError(.internalError, "host \(guest.host.name) answers with \(reply.typeName) to an order", .cloudRuntime)
    }
    logger.notice(
      "A migration is ordered",
      metadata: [
        "migration.id": .string(id.text), "guest": .string(guest.told.name), "source": .string(guest.host.name.text),
        "destination": .string(host.name.text), "key": .string(call.key.name),
      ])
    // The job is known from now on, whenever its first event comes.
    if case .status(let status) = try? await bus.ask(.status(migration: id), of: guest.host.name, within: times.search).body {
      await state.apply(.status(status))
    }
    return accepted(id, call)
  }
}
