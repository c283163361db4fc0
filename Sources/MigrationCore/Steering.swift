public import LongshoreMessages

/// What was changed of a migration's order while it ran: by requests, by what its transfer showed, and by its deadline.
public struct Steering: Sendable, Hashable, Codable {
  /// The guest's suspension until it has moved.
  public struct Suspension: Sendable, Hashable, Codable {
    /// When it was decided.
    public var at: Now
    /// Why.
    public var reason: Reason
  }

  /// The limits that were given while it ran.
  public var limits = TransferLimits()
  /// The pause that is permitted for the switch, in milliseconds; nil while it is where it began.
  public var downtimeMs: UInt64?
  /// Whether the guest's writes wait for the copy of its disks, chosen when the transfer began; nil where the order says.
  public var synchronousWrites: Bool?
  /// The suspension of the guest; nil while it is to run.
  public var suspension: Suspension?
  /// Whether the deadline has passed and the migration goes on.
  public var outlivesDeadline: Bool?
  /// What the destination lets come of this migration, in bytes a second; nil where it limits nothing.
  public var incomingBps: UInt64?

  /// Nothing was changed.
  public init() {}
}

/// What libvirt is to be told of a transfer that runs, and what it is judged by.
public struct TransferCourse: Sendable, Hashable, Codable {
  /// The pause that is permitted for the switch, in milliseconds; nil leaves what libvirt has.
  public var downtimeMs: UInt64?
  /// The cap on the transfer of memory alone, in MiB/s; nil leaves it as the transfer began.
  public var memoryMiBps: UInt64?
  /// The bandwidth budget that was given while it ran, in MiB/s; nil where none was.
  public var bandwidthMiBps: UInt64?
  /// What the order allows for a transfer that does not converge.
  public var means: Convergence.Means
  /// When it has to have ended; nil where that does not end it any more.
  public var deadline: Deadline?
  /// Why the guest is suspended; nil while it is to run.
  public var suspension: Reason?

  /// A course.
  public init(
    downtimeMs: UInt64?, memoryMiBps: UInt64?, bandwidthMiBps: UInt64? = nil, means: Convergence.Means,
    deadline: Deadline? = nil, suspension: Reason? = nil
  ) {
    self.downtimeMs = downtimeMs
    self.memoryMiBps = memoryMiBps
    self.bandwidthMiBps = bandwidthMiBps
    self.means = means
    self.deadline = deadline
    self.suspension = suspension
  }
}

extension SourceMigration {
  /// The pause that QEMU permits for the switch unless it is told otherwise, in milliseconds.
  static let usualDowntimeMs: UInt64 = 300

  /// Whether the order, or a choice made for it, lets the guest's writes wait for the copy of its disks.
  public var writesWait: Bool { order.options?.synchronousWrites ?? steering?.synchronousWrites ?? false }

  /// The longest pause that may be planned for the switch, in milliseconds; nil where nobody has said.
  public var maxDowntimeMs: UInt64? { steering?.limits.maxDowntimeMs ?? order.options?.maxDowntimeMs }

  /// The migration's own bandwidth budget, in MiB/s; nil for none.
  public var bandwidthMiBps: UInt64? { steering?.limits.bandwidthMiBps ?? order.options?.bandwidthMiBps }

  /// What the migration may claim of the host's bandwidth budgets.
  public var bandwidthClaim: BandwidthClaim {
    let limits = [bandwidthMiBps.map { $0 << 20 }, steering?.incomingBps].compactMap(\.self)
    return BandwidthClaim(
      migration: id, peer: destination.host, weight: place.priority.bandwidthWeight, limit: limits.min())
  }

  /// What libvirt is to be told of the transfer.
  public var course: TransferCourse {
    let longest = maxDowntimeMs ?? Self.usualDowntimeMs
    let present = min(steering?.downtimeMs ?? Self.usualDowntimeMs, longest)
    return TransferCourse(
      downtimeMs: maxDowntimeMs == nil ? nil : present, memoryMiBps: steering?.limits.memoryBandwidthMiBps,
      bandwidthMiBps: steering?.limits.bandwidthMiBps,
      means: Convergence.Means(
        downtimeMs: present, maxDowntimeMs: longest, autoConverge: order.options?.autoConverge == true,
        compressMemory: order.options?.compressMemory == true, synchronousWrites: writesWait,
        onDeadline: order.options?.onDeadline ?? .abort),
      deadline: steering?.outlivesDeadline == true ? nil : presentDeadline, suspension: steering?.suspension?.reason)
  }

  /// What new limits change, those that stay as they are left out.
  public func changes(by limits: TransferLimits) -> [LimitChange] {
    var changes: [LimitChange] = []
    if let downtime = limits.maxDowntimeMs, downtime != maxDowntimeMs {
      changes.append(LimitChange(.maxDowntimeMs, from: maxDowntimeMs, to: downtime))
    }
    if let cap = limits.memoryBandwidthMiBps, cap != steering?.limits.memoryBandwidthMiBps {
      changes.append(LimitChange(.memoryBandwidthMiBps, from: steering?.limits.memoryBandwidthMiBps, to: cap))
    }
    if let budget = limits.bandwidthMiBps, budget != bandwidthMiBps {
      changes.append(LimitChange(.bandwidthMiBps, from: bandwidthMiBps, to: budget))
    }
    if let seconds = limits.deadlineSeconds, seconds != deadlineSeconds {
      changes.append(LimitChange(.deadlineSeconds, from: UInt64(max(0, deadlineSeconds)), to: UInt64(max(0, seconds))))
    }
    return changes
  }

  /// Seconds that the migration may take in all, from acceptance.
  var deadlineSeconds: Int64 { steering?.limits.deadlineSeconds ?? deadline.allowance / 1000 }
}

extension LimitChange {
  /// The change as people read it: "the longest pause 300 → 800 ms".
  public var words: String {
    switch limit {
    case .maxDowntimeMs: "the longest pause for the switch \(from.map { "\($0)" } ?? "as QEMU has it") → \(to) ms"
    case .bandwidthMiBps: "the bandwidth budget \(from.map { "\($0)" } ?? "none") → \(to) MiB/s"
    case .memoryBandwidthMiBps: "the cap on memory \(from.map { "\($0)" } ?? "none") → \(to) MiB/s"
    case .deadlineSeconds: "the deadline \(from.map { "\($0)" } ?? "none") → \(to) s"
    }
  }
}
