import LongshoreMessages

@testable import LongshoreClient
@testable import LongshoreDashboard

/// Values that the tests share. Times are seconds after `start`.
enum Sample {
  static let cluster = node("lab")
  static let alpha = node("alpha")
  static let beta = node("beta")
  static let gibibyte: UInt64 = 1 << 30
  /// 2026-01-31T18:30:00Z.
  static let start = Timestamp(milliseconds: 1_769_884_200_000)

  static func node(_ text: String) -> NodeName {
    guard let name = NodeName(text) else { preconditionFailure("\(text) is a name") }
    return name
  }

  static func name(_ text: String) -> ResourceName {
    guard let name = ResourceName(text) else { preconditionFailure("\(text) is a name") }
    return name
  }

  static func id(_ text: String) -> MigrationID {
    guard let id = MigrationID(text) else { preconditionFailure("\(text) is an id") }
    return id
  }

  static func time(_ seconds: Double) -> Timestamp { start.adding(milliseconds: Int64(seconds * 1000)) }

  static func guest(_ name: String) -> GuestReference { GuestReference(uuid: "8a1b2c3d-0000-4000-8000-000000000001", name: name) }

  static func event(
    _ sequence: Int, _ kind: MigrationEventData.Kind, at seconds: Double, of migration: String = "m-1", guest name: String = "web-1",
    from source: NodeName = alpha, to destination: NodeName = beta, edit: (inout MigrationEventData) -> Void = { _ in }
  ) -> MigrationEvent {
    var data = MigrationEventData(kind, guest: guest(name), sourceHost: source, destinationHost: destination)
    edit(&data)
    return MigrationEvent(
      migration: id(migration), host: HostAddress(cluster: cluster, host: source), sequence: sequence, time: time(seconds), data: data)
  }

  /// A whole migration, from its acceptance at a second to its end after ten.
  static func history(_ migration: String = "m-1", from seconds: Double = 0, guest name: String = "web-1") -> [MigrationEvent] {
    func event(_ sequence: Int, _ kind: MigrationEventData.Kind, _ edit: (inout MigrationEventData) -> Void = { _ in }) -> MigrationEvent {
      Sample.event(sequence, kind, at: seconds + Double(sequence - 1) * 2, of: migration, guest: name, edit: edit)
    }
    return [
      event(1, .accepted), event(2, .preparing) { $0.disks = [disk("vda"), disk("vdb")] },
      event(3, .prepared) { $0.checks = [Check(.noSpace, on: beta, .warning, "little is free", advice: "look at the pool")] },
      event(4, .transferring), event(5, .switching),
      event(6, .completed) {
        $0.seconds = 10
        $0.downtimeMs = 212
        $0.runsAt = beta
        $0.bytes = MigrationEventData.Bytes(template: 0, disks: 7 * gibibyte, memory: gibibyte)
      },
    ]
  }

  static func disk(_ target: String) -> MigrationEventData.Disk {
    MigrationEventData.Disk(
      target: name(target), from: MigrationEventData.Volume(pool: name("primary"), volume: name("web-1-\(target)"), format: .qcow2),
      to: MigrationEventData.Volume(pool: name("fast"), volume: name("web-1-\(target)"), format: .qcow2), virtualSize: 4 * gibibyte,
      linkedClone: false)
  }

  static func amount(_ done: UInt64, of total: UInt64) -> Progress.Amount {
    Progress.Amount(done: done, remaining: total - min(done, total), total: total)
  }

  static func progress(
    at seconds: Double, of migration: String = "m-1", guest name: String = "web-1", phase: MigrationPhase = .transferring,
    disks: [Progress.Amount] = [], memory: Progress.Amount? = nil, rate: UInt64? = 100 << 20, dirtyRate: UInt64? = nil,
    iteration: UInt64? = nil, reasons: [Reason]? = nil
  ) -> ProgressEvent {
    let data = Progress(
      phase: phase, guest: guest(name),
      disks: zip(["vda", "vdb", "vdc"], disks).map { Progress.Disk(target: Sample.name($0), bytes: $1) }, memory: memory, rateBps: rate,
      dirtyRateBps: dirtyRate, iteration: iteration, elapsedSeconds: seconds, reasons: reasons)
    return ProgressEvent(
      id: "\(migration)/p\(seconds)", migration: id(migration), host: HostAddress(cluster: cluster, host: alpha), time: time(seconds),
      data: data)
  }

  static func status(_ migration: String, _ phase: MigrationPhase, at seconds: Double, from source: NodeName = alpha) -> MigrationStatus {
    MigrationStatus(
      id: id(migration), phase: phase, guest: guest("web-1"), sourceHost: source, destinationHost: beta, acceptedAt: start,
      updatedAt: time(seconds))
  }

  static func host(guests: Int = 1) -> HostDescription {
    HostDescription(
      agentVersion: "1.0.0", libvirtVersion: "9.0.0", hypervisorVersion: "7.2.0", migrations: 0,
      pools: [HostDescription.Pool(name: "primary", type: "dir", active: true, capacity: 100 * gibibyte, available: 40 * gibibyte)],
      guests: (0..<guests).map { HostDescription.Guest(uuid: "u-\($0)", name: "guest-\($0)", state: "running") })
  }
}

extension ClusterModel {
  /// A model that has heard these, one after the other.
  init(_ inputs: [Input], limits: Limits = Limits(), now: Double = 0) {
    self.init(cluster: Sample.cluster, limits: limits)
    for input in inputs { apply(input, at: Sample.time(now)) }
  }

  init(events: [MigrationEvent], limits: Limits = Limits()) { self.init(events.map { .event($0) }, limits: limits) }

  /// This model once the history is read and the hosts were asked.
  func complete() -> ClusterModel {
    var model = self
    for input in [Input.brokerBack, .replayed, .round(HostRound(askedAt: Sample.start))] { model.apply(input, at: Sample.time(90)) }
    return model
  }
}

/// A generator whose numbers are the same in each run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed &+ 0x9e37_79b9_7f4a_7c15 }

  mutating func next() -> UInt64 {
    state = state &+ 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
