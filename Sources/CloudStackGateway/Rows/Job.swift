import LongshoreClient
import LongshoreMessages

/// A job of CloudStack's, which a migration is. Its state is what the events and the source's answers say of that.
struct Job: Sendable, Hashable {
  /// How a job stands, by CloudStack's numbers. There is a third end, cancelled, which clients wait on for ever: a cancelled migration
  /// has failed.
  enum Status: Int, Sendable, Hashable {
    case pending = 0
    case succeeded = 1
    case failed = 2
  }

  /// The class of the command that clients expect to see.
  static let command = "org.apache.cloudstack.api.command.admin.vm.MigrateVirtualMachineWithVolumeCmd"

  /// The migration's id.
  let id: MigrationID
  /// The guest.
  let guest: GuestReference
  /// Where the guest comes from.
  let source: NodeName
  /// Where it goes.
  let destination: NodeName
  /// How it stands.
  let status: Status
  /// Where the migration stands.
  let phase: MigrationPhase
  /// How far it is, in percent.
  let percent: Int
  /// When it was accepted.
  let createdAt: Timestamp
  /// When it ended; nil while it goes on.
  let completedAt: Timestamp?
  /// The disks that it moves, as far as they are known.
  let disks: [MigrationEventData.Disk]
  /// Where the guest is after it; nil while that is not decided.
  let runsAt: NodeName?
  /// Whether it has ended there by itself.
  let hasGuestEnded: Bool
  /// Why it failed, or what it waits for.
  let reasons: [Reason]
  private let reasonText: String?

  /// A migration of which the story is known.
  init(_ record: MigrationRecord) {
    id = record.id
    guest = record.guest
    source = record.source
    destination = record.destination
    phase = record.phase
    createdAt = record.acceptedAt
    disks = record.disks
    reasons = record.reasons
    reasonText = nil
    completedAt = record.end?.at
    status = Self.status(record.end?.phase)
    runsAt = record.end.map { $0.event?.runsAt ?? ($0.phase == .completed ? record.destination : record.source) }
    hasGuestEnded = record.end?.event?.hasGuestEnded ?? false
    percent = status == .succeeded ? 100 : min(99, max(0, Int(record.bar.copied * 100)))
  }

  /// A migration of which little more than its end is known.
  init(_ row: EndedList.Row) {
    id = row.id
    guest = row.guest
    source = row.source
    destination = row.destination
    phase = row.phase
    createdAt = row.at.adding(milliseconds: -Int64(min(max(row.seconds ?? 0, 0), 1e9) * 1000))
    disks = []
    reasons = []
    reasonText = row.reason
    completedAt = row.at
    status = Self.status(row.phase)
    runsAt = row.phase == .completed ? row.destination : row.source
    hasGuestEnded = false
    percent = status == .succeeded ? 100 : 0
  }

  private static func status(_ end: MigrationPhase?) -> Status {
    switch end {
    case nil: .pending
    case .completed: .succeeded
    default: .failed
    }
  }

  /// Whether it goes on.
  var isPending: Bool { status == .pending }

  /// Whether it has begun to move the guest: one that waits for its turn or is being checked has not.
  var isMoving: Bool {
    guard isPending else { return false }
    switch phase {
    case .queued, .inspecting: return false
    default: return true
    }
  }

  /// Why it failed, as an error of the interface; nil where it did not.
  var failure: APIError? {
    guard status == .failed else { return nil }
    guard phase != .cancelled else {
      return APIError(.internalError, reasons.first.map { "cancelled by request: \($0.message)" } ?? "cancelled by request")
    }
    guard !reasons.isEmpty else { return APIError(.internalError, reasonText ?? "the migration failed; \(id) is its id at the agents") }
    return APIError(refusal: reasons)
  }

  /// What came of it: the guest, or the error; nil while it goes on.
  /// - Parameter machine: The row of the guest; of a job that succeeded alone.
  func result(machine: ResponseObject?) -> ResponseObject? {
    var result = ResponseObject()
    if let failure {
      result.add("errorcode", failure.code.rawValue)
      result.add("errortext", failure.text)
    } else if status == .succeeded {
      result.add("virtualmachine", machine ?? ResponseObject())
    } else {
      return nil
    }
    return result
  }

  /// The job as `queryAsyncJobResult` and `listAsyncJobs` tell it.
  /// - Parameter machine: The row of the guest; of a job that succeeded alone.
  func row(machine: ResponseObject?) -> ResponseObject {
    var row = ResponseObject()
    row.add("accountid", Place.accountID)
    row.add("account", Place.account)
    row.add("domainid", Place.domainID)
    row.add("domainpath", Place.domain)
    row.add("userid", Place.accountID)
    row.add("cmd", Self.command)
    row.add("jobid", id.text)
    row.add("jobstatus", status.rawValue)
    row.add("jobprocstatus", percent)
    row.add("jobresultcode", failure?.code.rawValue ?? 0)
    if let result = result(machine: machine) {
      row.add("jobresulttype", "object")
      row.add("jobresult", result)
    }
    row.add("jobinstancetype", "VirtualMachine")
    row.add("jobinstanceid", guest.uuid)
    row.add("created", CloudStackTime.text(createdAt))
    row.add("completed", completedAt.map(CloudStackTime.text))
    return row
  }
}

extension APIError {
  /// What agents refuse or end a migration for, by CloudStack's codes, the cause first.
  init(refusal reasons: [Reason]) {
    let text = reasons.map(\.message).joined(separator: "; ")
    switch reasons.first?.code {
    case .noSpace, .noInodes: self.init(.insufficientCapacity, text, .insufficientStorageCapacity)
    case .guestBusy: self.init(.resourceInUse, text, .resourceInUse)
    case .destinationUnreachable, .libvirtUnreachable, .unavailable, .maintenance, .noAnswer:
      self.init(.resourceUnavailable, text, .resourceUnavailable)
    case .notPermitted: self.init(.account, text, .permissionDenied)
    case .unknownGuest, .guestNotRunning, .sameHost, .otherCluster, .unknownPool, .unknownDisk, .samePool, .idReused, .malformed,
      .unknownMigration, .tooLate, .tooEarly, .notShared, .expired:
      self.init(.parameter, text, .invalidParameterValue)
    default: self.init(.internalError, text.isEmpty ? "no reason was given" : text, .virtualMachineMigration)
    }
  }
}
