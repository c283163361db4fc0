import ArgumentParser
import LongshoreMessages

/// `longshore tune`: changes limits of a migration that runs.
struct TuneSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Change limits of a migration that runs.",
    discussion: """
      What is changed counts at once, or from the beginning of the transfer where that has not come, and stays when the agent is \
      restarted. A longer pause than 300 ms is \
      taken in steps, as much of it as the switch needs. Once the guest switches, nothing can be changed any more: that is refused.

      EXAMPLES:
        longshore tune 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --max-downtime 2000
        longshore tune 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --bandwidth 50 --deadline 6h
        longshore tune 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --memory-bandwidth 20

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.openMigration), transform: NameArgument.migration)
  var id: MigrationID

  @Option(help: ArgumentHelp("The longest pause that may be planned for the switch, in milliseconds.", valueName: "ms"))
  var maxDowntime: UInt64?

  @Option(help: ArgumentHelp("The bandwidth budget, in MiB/s: for memory, all disks and templates together.", valueName: "mib/s"))
  var bandwidth: UInt64?

  @Option(
    help: ArgumentHelp(
      "A cap on the guest's memory alone, in MiB/s, within the budget of --bandwidth: what memory does not take of the budget is left to the disks.",
      valueName: "mib/s"))
  var memoryBandwidth: UInt64?

  @Option(
    help: ArgumentHelp("How long the migration may take in all, from its acceptance, such as 90s, 2h, 1d.", valueName: "duration"),
    transform: DurationArgument.parse)
  var deadline: Duration?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func validate() throws {
    if limits.isEmpty {
      throw ValidationError("Nothing is to be changed: give --max-downtime, --bandwidth, --memory-bandwidth or --deadline.")
    }
    if let maxDowntime, !MigrationOptions.downtimeRange.contains(maxDowntime) {
      throw ValidationError("--max-downtime is 1 to 2000000.")
    }
    if let bandwidth, !MigrationOptions.bandwidthRange.contains(bandwidth) { throw ValidationError("--bandwidth is 1 to 1048576.") }
    if let memoryBandwidth, !MigrationOptions.bandwidthRange.contains(memoryBandwidth) {
      throw ValidationError("--memory-bandwidth is 1 to 1048576.")
    }
    if let deadline, !Request.deadlineRange.contains(deadline.components.seconds) { throw ValidationError("--deadline is at most 30d.") }
  }

  /// The limits as the host gets them.
  var limits: TransferLimits {
    TransferLimits(
      maxDowntimeMs: maxDowntime, memoryBandwidthMiBps: memoryBandwidth, bandwidthMiBps: bandwidth,
      deadlineSeconds: deadline?.components.seconds)
  }

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.steer(id, by: .tune(migration: id, limits), refusal: "nothing of \(id) is changed", within: timeout) {
      reply, status in
      guard case .tuned(let changes) = reply.body else { return [] }
      return ["\(status.guest.name.printable) (\(id)), on \(status.sourceHost):"] + Self.lines(changes)
    }
  }

  /// What was changed, a line each.
  static func lines(_ changes: [LimitChange]) -> [String] {
    if changes.isEmpty { return ["  nothing: it was so before"] }
    return changes.map { change in
      switch change.limit {
      case .maxDowntimeMs: "  max-downtime  \(change.from.map { "\($0) ms" } ?? "QEMU's 300 ms") -> \(change.to) ms"
      case .bandwidthMiBps: "  bandwidth     \(change.from.map { "\($0) MiB/s" } ?? "no budget") -> \(change.to) MiB/s"
      case .memoryBandwidthMiBps: "  bandwidth     \(change.from.map { "\($0) MiB/s" } ?? "no cap") -> \(change.to) MiB/s for memory"
      case .deadlineSeconds:
        "  deadline      \(change.from.map { Quantity.seconds(Double($0)) } ?? "none") -> \(Quantity.seconds(Double(change.to))) after acceptance"
      }
    }
  }
}

/// `longshore force-complete`: lets the transfer of a guest that changes too much complete.
struct ForceCompleteSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "force-complete",
    abstract: "Suspend the guest of a migration that is being transferred, so that it completes.",
    discussion: """
      The guest stands still until all that is left is copied, and then runs on at the destination. Where the migration fails or is \
      cancelled meanwhile, it runs on at the source. `longshore status ID` tells how much is left.

      EXAMPLES:
        longshore force-complete 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.openMigration), transform: NameArgument.migration)
  var id: MigrationID

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.steer(id, by: .forceComplete(migration: id), refusal: "the guest is not suspended", within: timeout) {
      reply, status in
      guard case .forced(let reason) = reply.body else { return [] }
      return [
        "\(status.guest.name.printable): \(reason.message.printable).", "`longshore watch \(id)` shows how it ends.",
      ]
    }
  }
}
