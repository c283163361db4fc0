import LongshoreMessages
import Synchronization

@testable import LongshoreCommands

/// Values that the tests share. Times are seconds after `start`.
enum Sample {
  static let cluster = node("lab")
  static let alpha = HostAddress(cluster: cluster, host: node("alpha"))
  static let beta = HostAddress(cluster: cluster, host: node("beta"))
  static let migration = id("m-1")
  static let guest = GuestReference(uuid: "8a1b2c3d-0000-4000-8000-000000000001", name: "web-1")
  /// 2026-01-31T18:30:00Z.
  static let start = Timestamp(milliseconds: 1_769_884_200_000)
  static let gibibyte: UInt64 = 1 << 30

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

  static func event(
    _ sequence: Int, _ kind: MigrationEventData.Kind, at seconds: Double = 0, of migration: MigrationID = migration,
    edit: (inout MigrationEventData) -> Void = { _ in }
  ) -> MigrationEvent {
    var data = MigrationEventData(kind, guest: guest, sourceHost: alpha.host, destinationHost: beta.host)
    edit(&data)
    return MigrationEvent(migration: migration, host: alpha, sequence: sequence, time: time(seconds), data: data)
  }

  static func completed(_ sequence: Int) -> MigrationEvent {
    event(sequence, .completed, at: 134) {
      $0.disks = [disk("vda", linked: true)]
      $0.runsAt = beta.host
      $0.seconds = 134.2
      $0.downtimeMs = 212
      $0.bytes = MigrationEventData.Bytes(template: gibibyte, disks: 7 * gibibyte, memory: 412 << 20)
    }
  }

  /// The end of a migration whose disks were compared.
  static func verified(_ outcome: Verification.Outcome) -> MigrationEvent {
    var event = completed(4)
    let difference = Verification.Difference(target: name("vdb"), offset: 314_572_800, length: 1 << 20)
    event.data.verification = Verification(
      outcome, bytes: outcome == .unknown ? nil : 8 * gibibyte, differences: outcome == .differs ? [difference] : nil)
    switch outcome {
    case .equal: break
    case .differs: event.data.reasons = [Reason(.contentDiffers, "disk vdb differs")]
    case .unknown: event.data.reasons = [Reason(.notVerified, "the view has ended")]
    }
    return event
  }

  static func failed(_ sequence: Int, stage: MigrationEventData.Stage = .transfer) -> MigrationEvent {
    event(sequence, .failed, at: 42) {
      $0.stage = stage
      $0.reasons = [Reason(.transferFailed, "the connection to beta broke")]
      $0.runsAt = alpha.host
      $0.seconds = 42
    }
  }

  static func disk(_ target: String, linked: Bool) -> MigrationEventData.Disk {
    MigrationEventData.Disk(
      target: name(target),
      from: MigrationEventData.Volume(pool: name("primary"), volume: name("web-1-\(target)"), format: .qcow2),
      to: MigrationEventData.Volume(pool: name("fast"), volume: name("web-1-\(target)"), format: .qcow2),
      virtualSize: 4 * gibibyte, linkedClone: linked)
  }

  static func amount(_ done: UInt64, of total: UInt64) -> Progress.Amount {
    Progress.Amount(done: done, remaining: total - done, total: total)
  }

  static func progress(
    _ phase: MigrationPhase = .transferring, template: Progress.Amount? = nil, disks: [Progress.Amount] = [],
    memory: Progress.Amount? = nil, elapsed: Double = 0, remaining: Double? = nil
  ) -> Progress {
    Progress(
      phase: phase, guest: guest, template: template,
      disks: zip(["vda", "vdb", "vdc", "vdd", "vde"], disks).map { Progress.Disk(target: name($0), bytes: $1) },
      memory: memory, rateBps: disks.isEmpty ? nil : 112 << 20, elapsedSeconds: elapsed, remainingSeconds: remaining)
  }

  static func progressEvent(_ progress: Progress, at seconds: Double = 0) -> ProgressEvent {
    ProgressEvent(id: "m-1/p\(seconds)", migration: migration, host: alpha, time: time(seconds), data: progress)
  }

  static func status(_ phase: MigrationPhase, events: [MigrationEvent]? = nil) -> MigrationStatus {
    MigrationStatus(
      id: migration, phase: phase, guest: guest, sourceHost: alpha.host, destinationHost: beta.host, acceptedAt: start,
      updatedAt: time(30), events: events)
  }

  static func reply(_ body: Reply.Body, from host: HostAddress = alpha) -> Reply {
    Reply(to: migration, from: host, body: body)
  }

  static let accepted = reply(.accepted)
  static let rejected = reply(.rejected([Reason(.unknownGuest, "no guest named web-1 is on alpha")]))
}

/// Collects what is written.
final class TextSink: Sendable {
  private let content = Mutex("")

  var text: String { content.withLock { $0 } }

  func write(_ more: String) { content.withLock { $0 += more } }
}
