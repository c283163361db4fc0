internal import Glibc
internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Keeps what leaves this host within its budgets, by the pace of the connections that carry migrations: those of the guests' QEMU, and
/// those of the servers of templates.
///
/// All bytes of a migration leave by TCP connections of processes on its source. A round finds them, reads what was sent over each, lets
/// ``BandwidthRounds`` divide the budgets, and sets the pace of each. Rounds are made only while something is followed. Nothing is left
/// behind on the host: a pace ends with its connection. Where an agent ends, connections keep their last pace until another run of it
/// follows them again.
actor BandwidthPacer {
  /// The budgets of the host, by the time of day.
  struct Schedules: Sendable {
    /// What may leave it.
    var host = BandwidthSchedule()
    /// What may go to one other host.
    var links: [NodeName: BandwidthSchedule] = [:]

    /// Those that hold for what goes to a host.
    func schedules(to peer: NodeName) -> [BandwidthSchedule] { [host] + [links[peer]].compactMap(\.self) }
  }

  /// By what a connection of a process is known to carry a migration.
  enum Mark: Sendable, Hashable {
    /// It was opened to a host, by one of its addresses, of which there are none while the host could not be looked up: a guest's.
    case opened(to: String, addresses: Set<String>)
    /// It came to a port on which the process listens: a server's.
    case accepted(port: UInt16)

    /// The host that is to be looked up before any connection can be told from others; nil where none is.
    var unresolved: String? {
      if case .opened(let host, let addresses) = self, addresses.isEmpty { host } else { nil }
    }
  }

  /// How often connections are looked at, in milliseconds.
  private static let interval: Int64 = 25
  /// How often it is looked whether a budget holds now, where none did, in milliseconds.
  private static let idleInterval: Int64 = 500
  /// For how long a reading of the time zone is used, in milliseconds.
  private static let zoneAge: Int64 = 600_000
  /// How long a host that could not be looked up is left alone, in milliseconds.
  private static let lookupInterval: Int64 = 1000

  /// A connection that carries a migration.
  fileprivate struct Connection: Sendable {
    var place: ProcessSockets.Place
    var headers: UInt64
    var isOld: Bool
    var segments: UInt32
    /// What was sent, headers included, in bytes.
    var sent: UInt64 = 0
    var payload: UInt64 = 0
    var segmentSize: UInt32 = 1448
    var isHeld = true
    /// The pace that it has, in bytes of payload a second; nil where it is unlimited. Another run of the agent may have set it.
    var pace: UInt64?
  }

  /// A process whose connections are followed.
  private struct Carrier: Sendable {
    let migration: MigrationID
    let peer: NodeName
    let sockets: ProcessSockets
    var mark: Mark
    var connections: [UInt64: Connection] = [:]
    /// Sockets that carry something else.
    var others: Set<UInt64> = []
    var wasSeen = false
    /// Why the last look at it, or for its host, has failed; nil where that succeeded.
    var refusal: ImageError?
  }

  private var schedules: Schedules
  private let clock: any HostClock
  private let logger: Logger
  private var claims: @Sendable () async -> [BandwidthClaim] = { [] }
  private var carriers: [Int: Carrier] = [:]
  private var count = 0
  private var rounds = BandwidthRounds()
  /// Why processes of migrations cannot be followed, or will not show their connections.
  private var failures: [MigrationID: ImageError] = [:]
  /// The migrations of which it was warned that they are not paced.
  private var warned: Set<MigrationID> = []
  /// What is followed whose host is being looked up, or was in vain a moment ago.
  private var lookups: Set<Int> = []
  private var zone: (zone: LocalTime, at: Int64)?
  private var running: Task<Void, Never>?
  /// How many threads look at connections or set them now, and what is closed when none does any more.
  private var working = 0
  private var closing: [ProcessSockets] = []

  init(schedules: Schedules, clock: any HostClock, logger: Logger) {
    self.schedules = schedules
    self.clock = clock
    self.logger = logger
  }

  /// Takes who tells what the migrations out of this host claim.
  func use(claims: @escaping @Sendable () async -> [BandwidthClaim]) { self.claims = claims }

  /// Takes other budgets, which hold from the next round on.
  func use(schedules: Schedules) { self.schedules = schedules }

  // MARK: - What is followed

  /// Follows the connections by which a guest's QEMU moves it, until ``release(_:)``. Those that are there already keep what they have
  /// sent for themselves.
  ///
  /// - Returns: What to release; nil where QEMU cannot be looked at, which is logged.
  func follow(_ migration: SourceMigration) async -> Int? {
    guard let endpoint = migration.preparation?.endpoint else { return nil }
    do throws(ImageError) {
      let guest = migration.guest
      let (sockets, found) = try await BlockingWork.run { () throws(ImageError) in
        let process = try QEMUProcess(guest: guest.name, uuid: guest.uuid)
        defer { process.close() }
        return (try ProcessSockets(pid: process.pid), Self.addresses(of: endpoint.migrationAddress))
      }
      guard let sockets else { return nil }
      // From here on what is followed tells itself what keeps it from being paced.
      failures[migration.id] = nil
      return await add(
        Carrier(
          migration: migration.id, peer: migration.destination.host, sockets: sockets,
          mark: .opened(to: endpoint.migrationAddress, addresses: found.addresses), refusal: found.failure))
    } catch {
      refuse(await present(migration.bandwidthClaim), error)
      return nil
    }
  }

  /// Follows the connections to a server of a template, until ``release(_:)``.
  func follow(_ export: NBDExport, of migration: MigrationID, to peer: NodeName) async -> Int? {
    do throws(ImageError) {
      guard let sockets = try ProcessSockets(pid: export.process.pid) else { return nil }
      return await add(Carrier(migration: migration, peer: peer, sockets: sockets, mark: .accepted(port: export.endpoint.port)))
    } catch {
      refuse(await present(BandwidthClaim(migration: migration, peer: peer)), error)
      return nil
    }
  }

  /// Follows something no longer.
  func release(_ key: Int?) {
    guard let key, let carrier = carriers.removeValue(forKey: key) else { return }
    closing.append(carrier.sockets)
    closeReleased()
  }

  /// Forgets why the connections of a migration that has ended could not be paced.
  func forget(_ id: MigrationID) {
    failures[id] = nil
    warned.remove(id)
  }

  private func closeReleased() {
    guard working == 0 else { return }
    for sockets in closing { sockets.close() }
    closing = []
  }

  private func add(_ carrier: Carrier) async -> Int {
    count += 1
    let key = count
    carriers[key] = carrier
    // What is there now was there before.
    await look()
    if running == nil { running = Task { await run() } }
    return key
  }

  // MARK: - What is told

  /// What the budgets let a migration send now, in bytes a second; nil where none holds for it, or nothing of it moves.
  func allotment(of id: MigrationID) -> UInt64? {
    guard carriers.values.contains(where: { $0.migration == id }), let rate = rounds.allotment(of: id), rate.isFinite else { return nil }
    return UInt64(rate.rounded())
  }

  /// What the budgets will let a migration send that is about to begin, beside what moves already, in bytes a second; nil where none
  /// holds for it.
  func prospect(of migration: SourceMigration) async -> UInt64? {
    let claim = await present(migration.bandwidthClaim)
    guard let rate = rounds.prospect(of: claim, budgets: budgets), rate.isFinite else { return nil }
    return UInt64(rate.rounded())
  }

  /// The budgets that hold now for what leaves this host, in bytes a second: of the host, and of the links that have one.
  var budgets: BandwidthBudgets {
    let now = clock.now()
    let time = localTime(at: now)
    var budgets = BandwidthBudgets(host: schedules.host.rate(at: now.wall, in: time))
    for (peer, schedule) in schedules.links { budgets.links[peer] = schedule.rate(at: now.wall, in: time) }
    return budgets
  }

  /// What the budgets leave to a migration now where nothing else moves, in bytes a second; nil where none holds for it.
  func budget(of migration: SourceMigration) async -> UInt64? { rate(for: await present(migration.bandwidthClaim)) }

  /// A claim as it is now: limits are changed while a migration runs.
  private func present(_ claim: BandwidthClaim) async -> BandwidthClaim {
    await claims().first { $0.migration == claim.migration } ?? claim
  }

  private func rate(for claim: BandwidthClaim) -> UInt64? {
    outlook(to: claim.peer, fixed: claim.limit).rate(at: clock.now().wall)
  }

  /// Why the budgets do not hold for a migration as they should; nil where they do, and where there are none now.
  func refusal(of migration: SourceMigration) async -> Reason? {
    let claim = await present(migration.bandwidthClaim)
    guard let failure = failure(of: migration.id), rate(for: claim) != nil else { return nil }
    warn(about: claim)
    return Reason(
      .bandwidthNotPaced,
      "the bandwidth budgets do not hold for what is copied, but for libvirt's own cap, which is the same for memory and each disk and is not shared with other migrations: \(failure); it takes CAP_SYS_PTRACE, Linux 5.6, and an address of the other host"
    )
  }

  /// The budgets for what goes to a host, now and in the time to come.
  ///
  /// - Parameter fixed: What the order or the destination allows, in bytes a second.
  func outlook(to peer: NodeName, fixed: UInt64?) -> BandwidthOutlook {
    let now = clock.now()
    return BandwidthOutlook(
      now: now.wall, zone: localTime(at: now), schedules: schedules.schedules(to: peer).filter { !$0.isUnlimited }, fixed: fixed)
  }

  /// The cap with which libvirt has to begin a transfer, in MiB/s, for memory and for each disk; nil where its connections are paced, or
  /// nothing limits it. What libvirt is told then stays for the disks: it is the part of the budget that there is now.
  func cap(of migration: SourceMigration) async -> UInt64? {
    guard let cap = await unpacedCap(of: migration) else { return nil }
    let guest = migration.guest
    do throws(ImageError) {
      try await BlockingWork.run { () throws(ImageError) in
        let process = try QEMUProcess(guest: guest.name, uuid: guest.uuid)
        defer { process.close() }
        guard let sockets = try ProcessSockets(pid: process.pid) else { return }
        defer { sockets.close() }
        try sockets.checkPermission()
      }
      return nil
    } catch {
      refuse(await present(migration.bandwidthClaim), error)
      return cap
    }
  }

  /// The cap by which a migration keeps to the budgets of this moment where its connections are not paced, in MiB/s, for memory and for
  /// each disk; nil where none holds for it.
  func unpacedCap(of migration: SourceMigration) async -> UInt64? {
    guard let rate = await budget(of: migration) else { return nil }
    return max(1, (rate >> 20) / UInt64((migration.inspection?.plan.disks.count ?? 0) + 1))
  }

  /// Notes why a process cannot be followed, whatever holds now: a budget may begin later.
  private func refuse(_ claim: BandwidthClaim, _ error: ImageError) {
    failures[claim.migration] = error
    warn(about: claim)
  }

  private func failure(of id: MigrationID) -> ImageError? {
    failures[id] ?? carriers.values.first { $0.migration == id && $0.refusal != nil }?.refusal
  }

  /// Warns once of a migration that is not paced: as soon as a budget holds for it, before which nothing is missing.
  private func warn(about claim: BandwidthClaim) {
    guard let failure = failure(of: claim.migration), rate(for: claim) != nil, warned.insert(claim.migration).inserted else { return }
    logger.warning(
      "Connections cannot be paced", metadata: [LogKeys.migration: "\(claim.migration)", LogKeys.error: "\(failure)"])
  }

  // MARK: - Rounds

  private func run() async {
    while !carriers.isEmpty {
      let isLimited = await round()
      try? await clock.wait(milliseconds: isLimited ? Self.interval : Self.idleInterval)
    }
    running = nil
    rounds = BandwidthRounds()
  }

  /// Makes one round. Returns whether anything is limited.
  private func round() async -> Bool {
    let ordered = await claims()
    let known = Set(ordered.map(\.migration))
    var all = ordered
    // Templates that are put in place ahead of guests are in no order.
    for carrier in carriers.values where !known.contains(carrier.migration) && !all.contains(where: { $0.migration == carrier.migration }) {
      all.append(BandwidthClaim(migration: carrier.migration, peer: carrier.peer))
    }
    for claim in all { warn(about: claim) }
    let now = clock.now()
    let budgets = self.budgets
    let isLimited =
      budgets.host != nil
      || carriers.values.contains { carrier in
        budgets.links[carrier.peer] != nil || all.contains { $0.migration == carrier.migration && $0.limit != nil }
      }
    // What was not seen yet may have a pace of another run of the agent.
    guard isLimited || carriers.values.contains(where: { !$0.wasSeen || $0.connections.values.contains { $0.pace != nil } }) else {
      rounds = BandwidthRounds()
      return false
    }
    await look()
    let sights = carriers.sorted { $0.key < $1.key }.flatMap { _, carrier in
      carrier.connections.values.sorted { $0.place.inode < $1.place.inode }.map { connection in
        BandwidthRounds.Sight(
          id: connection.place.inode, migration: carrier.migration, sent: connection.sent, isHeld: connection.isHeld,
          isOld: connection.isOld)
      }
    }
    await pace(rounds.round(sights, claims: all, budgets: budgets, at: now.bootMilliseconds))
    return isLimited
  }

  private func localTime(at now: Now) -> LocalTime {
    if let zone, now.bootMilliseconds - zone.at < Self.zoneAge { return zone.zone }
    let time = LocalTime.ofHost(from: now.wall)
    zone = (time, now.bootMilliseconds)
    return time
  }

  // MARK: - Connections

  /// Finds the connections of all that is followed, and reads what was sent over them.
  private func look() async {
    lookUp()
    // While a host has no address, every connection to it would be taken for something else.
    let before = carriers.filter { $0.value.mark.unresolved == nil }
    working += 1
    let seen = try? await BlockingWork.run { () throws(ImageError) in before.mapValues { Self.look(at: $0) } }
    working -= 1
    closeReleased()
    for (key, carrier) in seen ?? [:] where carriers[key] != nil { carriers[key] = carrier }
  }

  /// Looks up the hosts that could not be looked up before. Nobody waits for it: servers that do not answer keep it for long, and what
  /// goes to other hosts is paced meanwhile.
  private func lookUp() {
    for (key, carrier) in carriers {
      guard let host = carrier.mark.unresolved, lookups.insert(key).inserted else { continue }
      Task {
        let found = try? await BlockingWork.run { () throws(ImageError) in Self.addresses(of: host) }
        if let found, found.failure == nil {
          carriers[key]?.mark = .opened(to: host, addresses: found.addresses)
        } else {
          if let failure = found?.failure { carriers[key]?.refusal = failure }
          try? await clock.wait(milliseconds: Self.lookupInterval)
        }
        lookups.remove(key)
      }
    }
  }

  /// The addresses of a host, or why there are none. Blocks while servers are asked.
  private static func addresses(of host: String) -> (addresses: Set<String>, failure: ImageError?) {
    do throws(ImageError) {
      return (try HostLookup.addresses(of: host), nil)
    } catch {
      return ([], error)
    }
  }

  private static func look(at carrier: Carrier) -> Carrier {
    var carrier = carrier
    let places = carrier.sockets.places
    let present = Set(places.map(\.inode))
    carrier.connections = carrier.connections.filter { present.contains($0.key) }
    carrier.others.formIntersection(present)
    do throws(ImageError) {
      // Without the right to trace the process its sockets are not listed either.
      if places.isEmpty { try carrier.sockets.checkPermission() }
      var listening: Set<UInt16>?
      for place in places where !carrier.others.contains(place.inode) {
        var connection: Connection
        if let known = carrier.connections[place.inode] {
          connection = known
          connection.place = place
        } else {
          if listening == nil { listening = try ports(of: carrier.sockets, among: places) }
          guard let found = try self.connection(at: place, of: carrier, listening ?? []) else { continue }
          guard let found = found.connection else {
            carrier.others.insert(place.inode)
            continue
          }
          connection = found
        }
        guard let counters = try carrier.sockets.with(place, { $0.counters }) ?? nil else { continue }
        connection.note(counters)
        carrier.connections[place.inode] = connection
      }
      carrier.wasSeen = true
      carrier.refusal = nil
    } catch {
      carrier.refusal = error
    }
    return carrier
  }

  /// A new connection of a process that carries its migration; one of nil where it does not; nil where it cannot be told yet.
  private static func connection(
    at place: ProcessSockets.Place, of carrier: Carrier, _ listening: Set<UInt16>
  ) throws(ImageError) -> (connection: Connection?, Void)? {
    guard
      let seen = try carrier.sockets.with(
        place, { socket in (ends: socket.ends, counters: socket.counters, port: socket.listeningPort, pace: socket.pace) })
    else { return nil }
    guard let ends = seen.ends, let counters = seen.counters, seen.port == nil else {
      // A connection that is being opened has no other end yet.
      return seen.counters != nil && seen.port == nil ? nil : (nil, ())
    }
    let isOfMigration =
      switch carrier.mark {
      case .opened(_, let addresses): addresses.contains(ends.remote) && !listening.contains(ends.localPort)
      case .accepted(let port): ends.localPort == port
      }
    guard isOfMigration else { return (nil, ()) }
    return (
      Connection(
        place: place, headers: ends.headers, isOld: !carrier.wasSeen, segments: carrier.wasSeen ? 0 : counters.segments, pace: seen.pace),
      ()
    )
  }

  /// The ports on which a process listens: what came there was opened by the other host.
  private static func ports(of sockets: ProcessSockets, among places: [ProcessSockets.Place]) throws(ImageError) -> Set<UInt16> {
    var ports: Set<UInt16> = []
    for place in places { if let port = try sockets.with(place, { $0.listeningPort }) ?? nil { ports.insert(port) } }
    return ports
  }

  /// Sets the pace of each connection: first of those that are to be slower, so that there is no moment in which a budget is exceeded.
  private func pace(_ rates: [UInt64: Double?]) async {
    struct Change: Sendable {
      var key: Int
      var place: ProcessSockets.Place
      var sockets: ProcessSockets
      var pace: UInt64?
      var isSlower: Bool
    }
    var changes: [Change] = []
    for (key, carrier) in carriers {
      for connection in carrier.connections.values {
        guard let rate = rates[connection.place.inode] else { continue }
        let pace = rate.flatMap { $0.isFinite ? connection.pace(for: $0) : nil }
        guard pace != connection.pace else { continue }
        changes.append(
          Change(
            key: key, place: connection.place, sockets: carrier.sockets, pace: pace,
            isSlower: (pace ?? .max) < (connection.pace ?? .max)))
      }
    }
    guard !changes.isEmpty else { return }
    let ordered = changes.filter(\.isSlower) + changes.filter { !$0.isSlower }
    working += 1
    let done = try? await BlockingWork.run { () throws(ImageError) in
      ordered.filter { change in (try? change.sockets.with(change.place) { $0.setPace(change.pace) }) == true }
    }
    working -= 1
    closeReleased()
    for change in done ?? [] { carriers[change.key]?.connections[change.place.inode]?.pace = change.pace }
  }
}

extension BandwidthPacer.Connection {
  /// Takes in what the kernel has counted.
  fileprivate mutating func note(_ counters: TCPSocket.Counters) {
    let bytes = counters.bytes >= payload ? counters.bytes - payload : 0
    sent &+= bytes &+ UInt64(counters.segments &- segments) &* headers
    payload = counters.bytes
    segments = counters.segments
    if counters.segmentSize > 0 { segmentSize = counters.segmentSize }
    // What the link or the other host holds back is on its way.
    isHeld = counters.unsent > 0 && counters.unacknowledged == 0
  }

  /// The pace at which so many bytes a second go over the link: the kernel counts payload, and the budget headers as well.
  fileprivate func pace(for rate: Double) -> UInt64 {
    let size = Double(max(64, segmentSize))
    return UInt64(max(1, rate * size / (size + Double(headers))))
  }
}
