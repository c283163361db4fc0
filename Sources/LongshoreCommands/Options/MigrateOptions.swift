import ArgumentParser
import LongshoreMessages

/// The options of `longshore migrate` that say what is to be moved whereto, and how.
struct MigrateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The host that runs the guest now.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var from: NodeName

  @Option(
    help: ArgumentHelp("The host to move it to.", valueName: "host"),
    completion: BusCompletion.of(.host), transform: NameArgument.node)
  var to: NodeName

  @Option(
    help: ArgumentHelp(
      "The pool at the destination for all disks (default: pools of the same names).", valueName: "pool"),
    completion: BusCompletion.of(.pool), transform: NameArgument.resource)
  var pool: ResourceName?

  @Option(
    name: .customLong("disk"), help: ArgumentHelp("The pool for one disk; can be repeated.", valueName: "disk=pool"),
    transform: NameArgument.diskPool)
  var disks: [DiskPool] = []

  @Option(
    help: ArgumentHelp(
      "The pool for the layers below disks that are in another pool than their disk (default: pools of the same names).",
      valueName: "pool"),
    completion: BusCompletion.of(.pool), transform: NameArgument.resource)
  var templatePool: ResourceName?

  @Option(
    help: ArgumentHelp("Leave a disk where it is, because both hosts see its pool; can be repeated.", valueName: "disk"),
    transform: NameArgument.resource)
  var inPlace: [ResourceName] = []

  @Option(
    help: ArgumentHelp(
      "What to do with a CD-ROM or floppy that the destination does not have: refuse (default), eject or copy.", valueName: "what"))
  var missingMedia: MissingMediaArgument?

  @Option(
    help: ArgumentHelp(
      "What to do with a file at the destination that has a template's name and is another one: refuse (default), or rename, which leaves it alone and puts the template beside it under a name made of its content.",
      valueName: "what"))
  var onTemplateConflict: TemplateConflictArgument?

  @Option(
    help: ArgumentHelp("How long the migration may take in all, such as 90s, 2h, 1d.", valueName: "duration"),
    transform: DurationArgument.parse)
  var deadline: Duration?

  @Option(
    help: ArgumentHelp("The migration's id; the same id is the same order (default: a new UUID).", valueName: "id"),
    transform: NameArgument.migration)
  var id: MigrationID?

  @Option(help: ArgumentHelp("The bandwidth budget, in MiB/s: for memory, all disks and templates together.", valueName: "mib/s"))
  var bandwidth: UInt64?

  @Option(
    help: ArgumentHelp(
      "The longest pause that may be planned for the switch, in milliseconds (default: 300); more than 300 is taken as it is needed.",
      valueName: "ms"))
  var maxDowntime: UInt64?

  @Flag(help: "Slow the guest's CPUs where its memory changes faster than it can be copied.")
  var autoConverge = false

  @Flag(help: "Send of memory that is copied again only what has changed, where that is less.")
  var compressMemory = false

  @Flag(
    inversion: .prefixedNo,
    help: "Let the guest's writes wait for the copy, so that the disks are sure to converge (default: where it writes about as fast).")
  var synchronousWrites: Bool?

  @Option(
    help: ArgumentHelp(
      "What to do when the deadline passes during the transfer: abort (default), wait, or force, which suspends the guest until it has moved.",
      valueName: "what"))
  var onDeadline: DeadlineActionArgument?

  @Option(help: ArgumentHelp("Who starts the guest at the destination: fenced (default) or direct.", valueName: "how"))
  var handover: HandoverArgument?

  @Flag(help: "Keep the source's disks under their names.")
  var keepSource = false

  @Flag(help: "Prove that the copied disks hold the same on both hosts at the switch; takes time afterwards, not with --handover direct.")
  var verify = false

  @Option(
    help: ArgumentHelp(
      "How urgent it is among the migrations that wait: lowest, low, normal (default), high or highest; a level counts as a quarter of an hour of waiting.",
      valueName: "level"))
  var priority: PriorityArgument?

  @Flag(name: .shortAndLong, help: "Print the id as soon as the host has accepted the order, and do not follow.")
  var detach = false

  @Flag(help: "Make all checks, print their table, and move nothing.")
  var dryRun = false

  @Option(
    help: ArgumentHelp(
      "How long to wait for the host's answer (default: 30s, with --dry-run 2m).", valueName: "duration"),
    transform: DurationArgument.parse)
  var timeout: Duration?

  func validate() throws {
    if from == to { throw ValidationError("--from and --to name the same host, \(from).") }
    if let deadline, !Request.deadlineRange.contains(deadline.components.seconds) {
      throw ValidationError("--deadline is at most 30d.")
    }
    if bandwidth == 0 { throw ValidationError("--bandwidth is at least 1; leave it out for no cap.") }
    if maxDowntime == 0 { throw ValidationError("--max-downtime is at least 1.") }
    if verify, handover == .direct { throw ValidationError("--verify needs the fenced handover: leave --handover direct out.") }
    if detach, dryRun { throw ValidationError("--detach and --dry-run exclude each other.") }
    var named: Set<ResourceName> = []
    for disk in disks where !named.insert(disk.disk).inserted {
      throw ValidationError("--disk names \(disk.disk) twice.")
    }
  }

  /// The order as the source host gets it.
  func order(for guest: ResourceName) -> MigrateCommand {
    let options = MigrationOptions(
      bandwidthMiBps: bandwidth, maxDowntimeMs: maxDowntime, autoConverge: autoConverge ? true : nil,
      compressMemory: compressMemory ? true : nil,
      synchronousWrites: synchronousWrites, onDeadline: onDeadline?.action, handover: handover?.handover,
      keepSource: keepSource ? true : nil,
      missingMedia: missingMedia?.missingMedium, templateConflict: onTemplateConflict?.templateConflict, verify: verify ? true : nil)
    let pools = MigrateCommand.Pools(
      default: pool,
      disks: disks.isEmpty ? nil : Dictionary(disks.map { ($0.disk, $0.pool) }, uniquingKeysWith: { _, last in last }),
      templates: templatePool, inPlace: inPlace.isEmpty ? nil : inPlace)
    return MigrateCommand(
      guest: guest, destination: MigrateCommand.Destination(host: to),
      pools: pools == MigrateCommand.Pools() ? nil : pools, deadlineSeconds: deadline?.components.seconds,
      options: options == MigrationOptions() ? nil : options, priority: priority?.priority, dryRun: dryRun ? true : nil)
  }
}

/// The values of `--missing-media`.
enum MissingMediaArgument: String, CaseIterable, ExpressibleByArgument {
  case refuse, eject, copy

  /// The same on the wire.
  var missingMedium: MissingMedium {
    switch self {
    case .refuse: .refuse
    case .eject: .eject
    case .copy: .copy
    }
  }
}

/// The values of `--on-template-conflict`.
enum TemplateConflictArgument: String, CaseIterable, ExpressibleByArgument {
  case refuse, rename

  /// The same on the wire.
  var templateConflict: TemplateConflict {
    switch self {
    case .refuse: .refuse
    case .rename: .rename
    }
  }
}

/// The values of `--on-deadline`.
enum DeadlineActionArgument: String, CaseIterable, ExpressibleByArgument {
  case abort, wait, force

  /// The same on the wire.
  var action: DeadlineAction {
    switch self {
    case .abort: .abort
    case .wait: .wait
    case .force: .force
    }
  }
}

/// The values of `--handover`.
enum HandoverArgument: String, CaseIterable, ExpressibleByArgument {
  case direct, fenced

  /// The same on the wire.
  var handover: MigrationOptions.Handover {
    switch self {
    case .direct: .direct
    case .fenced: .fenced
    }
  }
}
