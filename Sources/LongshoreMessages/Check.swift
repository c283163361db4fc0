/// One check of a migration, made before anything is created.
public struct Check: Sendable, Hashable, Codable {
  /// What the check's outcome means for the migration.
  public enum Outcome: String, Hashable, WireWord {
    /// As expected.
    case passed
    /// The migration can run; the operator should know.
    case warning
    /// The migration is refused.
    case refused
  }

  /// The code of the reason that the check guards against.
  public var code: Reason.Code
  /// The host that made it.
  public var host: NodeName
  /// What it means.
  public var outcome: Outcome
  /// What was found, in a sentence without a full stop.
  public var message: String
  /// What was expected; nil in checks of agents that do not say it.
  public var expected: String?
  /// What to do about it; nil where nothing is to be done.
  public var advice: String?

  /// One check's result.
  public init(
    _ code: Reason.Code, on host: NodeName, _ outcome: Outcome, _ message: String, expected: String? = nil, advice: String? = nil
  ) {
    self.code = code
    self.host = host
    self.outcome = outcome
    self.message = message
    self.expected = expected
    self.advice = advice
  }
}

extension Reason {
  /// Why a check refuses, and what to do about it.
  public init(_ check: Check) { self.init(check.code, check.message + (check.advice.map { ": \($0)" } ?? "")) }
}

/// What is checked of every migration before anything is created. All rules are applied, whatever the first ones say.
public struct CheckRule: Sendable, Hashable {
  /// The host that applies a rule.
  public enum Side: String, Sendable, Hashable {
    case source, destination
    /// None of a migration: a host looks at itself, or an operator's command at all.
    case diagnosis
  }

  /// What becomes of a migration that a rule does not pass.
  public enum Severity: String, Sendable, Hashable {
    /// It is refused.
    case refuse
    /// It can run, and the operator is told.
    case warn
  }

  /// The code of the reason for which a rule is not passed.
  public let code: Reason.Code
  /// The host that applies it.
  public let side: Side
  /// What becomes of a migration that does not pass.
  public let severity: Severity
  /// What is expected, in a sentence without a full stop.
  public let expected: String
  /// What to do where it is not so, in a sentence without a full stop.
  public let advice: String

  private init(
    _ code: Reason.Code, at side: Side, severity: Severity = .refuse, _ expected: String, otherwise advice: String
  ) {
    self.code = code
    self.side = side
    self.severity = severity
    self.expected = expected
    self.advice = advice
  }

  /// The rule is passed.
  public func passed(on host: NodeName, _ found: String) -> Check { Check(code, on: host, .passed, found, expected: expected) }

  /// The rule is not passed.
  ///
  /// - Parameters:
  ///   - found: What was found instead of what is expected.
  ///   - advice: What to do about it, where that can be said better than in general.
  public func failed(on host: NodeName, _ found: String, advice: String? = nil) -> Check {
    let outcome: Check.Outcome = severity == .refuse ? .refused : .warning
    return Check(code, on: host, outcome, found, expected: expected, advice: advice ?? self.advice)
  }

  /// The rule is not passed, which is as the order wants it.
  public func waived(on host: NodeName, _ found: String) -> Check { Check(code, on: host, .warning, found, expected: expected) }

  /// The rule could not be applied, which is no reason to refuse.
  public func unknown(on host: NodeName, _ why: String) -> Check {
    Check(code, on: host, .warning, why, expected: expected, advice: "see to it yourself before you move the guest")
  }
}

extension CheckRule {
  // MARK: The guest, at the source

  /// The source has the guest.
  public static let guestIsThere = CheckRule(
    .unknownGuest, at: .source, "the guest is on the source", otherwise: "name a guest that `virsh list --all` shows there")
  /// The guest has a process that can be copied.
  public static let guestRuns = CheckRule(
    .guestNotRunning, at: .source, "the guest runs, or was paused by somebody; it arrives as it was",
    otherwise: "start it, or copy its files while it is off")
  /// Nothing else is done to the guest.
  public static let guestIsIdle = CheckRule(
    .guestBusy, at: .source, "no job of libvirt's runs on the guest or on one of its disks",
    otherwise: "wait for its end, or end it (`virsh domjobabort`, `virsh blockjob --abort`); where that hangs, restart libvirt's "
      + "daemon, which stops no guest")
  /// The guest has no snapshots.
  public static let noSnapshots = CheckRule(
    .hasSnapshots, at: .source, "neither the guest nor the images of its disks have snapshots, which cannot be carried",
    otherwise: "delete them (`virsh snapshot-delete`; those that libvirt does not list, with the guest off, `qemu-img snapshot -d`)")
  /// The guest has no checkpoints.
  public static let noCheckpoints = CheckRule(
    .hasCheckpoints, at: .source, "the guest has no checkpoints, which would be lost",
    otherwise: "delete them (`virsh checkpoint-delete`), and begin the next backup with a full one")
  /// The guest is not tied to its host.
  public static let movableDevices = CheckRule(
    .unmovableDevice, at: .source,
    "no device ties the guest to its host: no host device, shared folder, shared memory, TPM of the host, encryption of its memory, or floppy that can be written to",
    otherwise: "detach it (`virsh detach-device`) or eject the floppy (`virsh change-media --eject`)")
  /// What compressing takes fits in what QEMU's process may have.
  public static let roomToCompress = CheckRule(
    .unsupportedOption, at: .source,
    "where the order has `compressMemory`, what the guest's QEMU may have (`hard_limit`) is more than the guest's memory and the cache for it",
    otherwise: "leave `compressMemory` away, or raise the limit (`virsh memtune --hard-limit`)")
  /// The disks are such as can be copied.
  public static let supportedDisks = CheckRule(
    .unsupportedDisk, at: .source,
    "every disk is a file in qcow2 or raw, neither transient nor damaged nor encrypted but by LUKS in qcow2, on a chain that says its formats and that libvirt runs it by",
    otherwise: "change or detach the disk")
  /// The disks are known to libvirt's pools.
  public static let disksInPools = CheckRule(
    .diskOutsidePools, at: .source, "every disk's file is directly in the folder of an active pool",
    otherwise: "define a pool for the file's folder (`virsh pool-define-as`) and start it")
  /// The file systems of the disks answer.
  public static let answeringDisks = CheckRule(
    .poolNotAnswering, at: .source, "the file system of every disk answers within 5 s",
    otherwise: "see whether its server runs and can be reached; until then the guest waits for it too")
  /// The request fits the guest.
  public static let knownDisks = CheckRule(
    .unknownDisk, at: .source, "every disk that the request names is one of the guest's",
    otherwise: "name disks by their targets, as `virsh domblklist` shows them")
  /// No two files of the guest would get the same name.
  public static let distinctNames = CheckRule(
    .nameTaken, at: .source, "no two files of the guest go into one pool under one name", otherwise: "move one of them into another pool")

  // MARK: The host, at the destination

  /// The destination's agent answers.
  public static let destinationAnswers = CheckRule(
    .destinationUnreachable, at: .source, "the destination's agent answers",
    otherwise: "see whether it runs and is connected to the broker (`longshore hosts`)")
  /// Nothing is in the guest's place.
  public static let freeDomain = CheckRule(
    .domainExists, at: .destination, "no domain of the guest's name or UUID is there",
    otherwise: "undefine it if it is a left-over, or rename it")
  /// The destination takes guests.
  public static let openHost = CheckRule(
    .maintenance, at: .destination, "the host takes guests: it is not in maintenance",
    otherwise: "choose another host, or end its maintenance (`longshore maintenance off HOST`, `incoming.allowed`)")
  /// The destination has what QEMU the guest needs.
  public static let machine = CheckRule(
    .incompatibleMachine, at: .destination, "the guest's machine type, architecture and emulator are there",
    otherwise: "install the emulator there, or choose another host")
  /// The destination's QEMU can read what the source's writes.
  public static let hypervisor = CheckRule(
    .olderHypervisor, at: .destination, "its QEMU is not older than the one that runs the guest",
    otherwise: "update QEMU there, or choose another host")
  /// The hosts' versions can move the guest to each other.
  public static let knownFaults = CheckRule(
    .knownFault, at: .destination, "no fault of the hosts' versions of libvirt makes the migration fail",
    otherwise: "update libvirt at the host that is named, or choose another host")
  /// The hosts' versions are not known to fail with guests like this one.
  public static let possibleFaults = CheckRule(
    .knownFault, at: .destination, severity: .warn, "no fault of the hosts' versions of libvirt or QEMU may make the migration fail",
    otherwise: "if the migration fails for the CPU, update libvirt at the host that is named")
  /// The destination's CPU has what the guest uses.
  public static let cpu = CheckRule(
    .incompatibleCPU, at: .destination, "the CPU has all features that the guest uses",
    otherwise: "choose another host, or start the guest with a CPU model that both hosts have")
  /// The destination has memory for the guest.
  public static let memory = CheckRule(
    .noMemory, at: .destination, "as much memory is available as the guest has, beside what is promised to guests that are on their way",
    otherwise: "choose another host, or let guests come nevertheless (`incoming.overcommitMemory`)")
  /// A guest that sees the host's own processor finds the same one.
  public static let sameProcessor = CheckRule(
    .incompatibleCPU, at: .destination,
    "the processor is the source's, where the guest sees it as it is (`host-passthrough`)",
    otherwise: "choose another host, or start the guest with a CPU model that both hosts have")
  /// The guest's clock goes on as it went.
  public static let timeStampCounter = CheckRule(
    .incompatibleCPU, at: .destination, "the time stamp counter has the frequency that the guest was given, or can be scaled to it",
    otherwise: "choose another host, or start the guest without a frequency of its own (`<timer name='tsc'>`)")
  /// The destination has huge pages for the guest.
  public static let hugePages = CheckRule(
    .noHugePages, at: .destination, "as much memory is free in huge pages of the guest's size as the guest has in them",
    otherwise: "reserve more (`virsh allocpages`, `sysctl vm.nr_hugepages`), or choose another host")
  /// The destination has what the guest is bound to.
  public static let placement = CheckRule(
    .placementImpossible, at: .destination, "the NUMA nodes and processors that the guest is bound to are there",
    otherwise: "bind it to others (`virsh numatune`, `virsh vcpupin`), or choose another host")
  /// The destination has what the guest's interfaces are connected to.
  public static let networks = CheckRule(
    .missingResource, at: .destination, "every bridge and network that the guest's interfaces need is there, and active",
    otherwise: "make or start it there first")
  /// The guest's frames fit.
  public static let mtu = CheckRule(
    .mtuTooSmall, at: .destination, "every network carries frames as large as the guest may send",
    otherwise: "raise it there (`ip link set … mtu …`), or lower the guest's")
  /// The destination has the addresses that the guest's consoles listen on.
  public static let listenAddresses = CheckRule(
    .addressMissing, at: .destination, "every address that the guest's consoles and serial ports listen on is one of the host's",
    otherwise: "let them listen on 127.0.0.1 or 0.0.0.0, or give the host the address")
  /// The destination has what the guest's serial ports and consoles are connected to.
  public static let devicePaths = CheckRule(
    .missingResource, at: .destination,
    "every file, device and folder that the guest uses beside its disks is there: firmware, serial ports, consoles and their logs, random numbers, memory modules, sockets of interfaces",
    otherwise: "make it there first, or detach the device")
  /// The guest's MAC addresses are its own.
  public static let freeAddresses = CheckRule(
    .macInUse, at: .destination, "no guest there has one of the guest's MAC addresses", otherwise: "give one of the two another address")

  // MARK: The path between the hosts

  /// The destination may be reached by the addresses that it names.
  public static let allowedAddress = CheckRule(
    .addressNotAllowed, at: .source, "the addresses that the destination names are allowed there",
    otherwise: "add them to `migration.allowedAddresses`, or correct them at the destination")
  /// The destination's libvirt answers the source.
  public static let destinationLibvirt = CheckRule(
    .libvirtUnreachable, at: .source, "the destination's libvirt takes connections from the source",
    otherwise: "see whether it listens, what its log says of certificates, and whether a firewall is between (`virsh --connect URI list`)")
  /// Disks and memory get from the source to the destination.
  public static let migrationPorts = CheckRule(
    .portClosed, at: .source, "the ports on which the destination takes disks and memory can be reached from the source",
    otherwise: "open them in the firewalls between the hosts")
  /// The destination's QEMU shows the name that the source is told to expect.
  public static let tlsName = CheckRule(
    .tlsNameDiffers, at: .destination, "where disks and memory go with TLS, the certificate of its QEMU is of `migration.tlsName`",
    otherwise: "give QEMU a certificate of that name, or correct `migration.tlsName`")
  /// The source's QEMU trusts what the destination's shows.
  public static let tlsDestination = CheckRule(
    .tlsNotTrusted, at: .source, "where disks and memory go with TLS, QEMU of the source trusts the certificate of the destination's",
    otherwise: "give both certificates of one authority, whose certificate both have as `ca-cert.pem`, and renew those that have ended")
  /// The destination's QEMU trusts what the source's shows.
  public static let tlsSource = CheckRule(
    .tlsNotTrusted, at: .destination, "and QEMU of the destination trusts the certificate of the source's",
    otherwise: "give both certificates of one authority, whose certificate both have as `ca-cert.pem`, and renew those that have ended")
  /// Templates get from the source to the destination.
  public static let templatePorts = CheckRule(
    .portClosed, at: .destination, "the ports on which the source serves a template that lacks can be reached",
    otherwise: "open them in the firewalls between the hosts")

  // MARK: The pools, at the destination

  /// The destination has the pool.
  public static let knownPool = CheckRule(
    .unknownPool, at: .destination, "the pool is there, and guests may be moved into it",
    otherwise: "name another pool, or allow this one (`pools.allowed`)")
  /// The pool is active.
  public static let activePool = CheckRule(
    .poolInactive, at: .destination, "the pool is active and its folder can be read", otherwise: "start it (`virsh pool-start`)")
  /// The pool holds image files.
  public static let filePool = CheckRule(
    .unsupportedPool, at: .destination, "the pool is of the type dir, fs or netfs, which hold image files", otherwise: "name another pool")
  /// The pool's file system is there, and not the empty folder below it.
  public static let mountedPool = CheckRule(
    .poolNotMounted, at: .destination, "the file system of a pool of the type fs or netfs is mounted on its folder",
    otherwise: "stop and start the pool (`virsh pool-destroy`, which deletes nothing, then `virsh pool-start`)")
  /// The pool's file system answers.
  public static let answeringPool = CheckRule(
    .poolNotAnswering, at: .destination, "the file system of the pool's folder answers within 5 s",
    otherwise: "see whether its server runs and can be reached; until then whoever looks into the folder waits")
  /// Files can be made in the pool.
  public static let writablePool = CheckRule(
    .poolReadOnly, at: .destination, "files can be made in the pool's folder", otherwise: "mount it writable, or export it so")
  /// The pool is another storage than the one that the disks are on.
  public static let otherStorage = CheckRule(
    .samePool, at: .destination, "the pool is not the storage that the disk is on already",
    otherwise: "name a pool on other storage, or leave the disk where it is (`--in-place DISK`)")
  /// The disks that stay are seen there.
  public static let sharedDisks = CheckRule(
    .notShared, at: .destination,
    "a disk that stays where it is (`--in-place`, or `<shareable/>`) is seen in a pool there: the same file, in use, on the same chain",
    otherwise: "mount its storage there and define the pool, or let the disk be copied")
  /// The media are there.
  public static let media = CheckRule(
    .missingMedium, at: .destination, "the media in the guest's drives are in the pools of the same names",
    otherwise: "put it there, eject it, or say what to do (`--missing-media eject`, or `copy`)")
  /// The secrets are there.
  public static let secrets = CheckRule(
    .missingSecret, at: .destination, "the secret of an encrypted disk is there under the same UUID, not private, and has a value",
    otherwise: "define it there (`virsh secret-define`, `virsh secret-set-value`)")
  /// The names are free.
  public static let freeNames = CheckRule(
    .nameTaken, at: .destination, "no file has the name of one of the guest's: none is ever overwritten",
    otherwise: "remove it if it is a left-over (`longshore orphans`), or name another pool")
  /// What is there under a template's name is the template.
  public static let sameTemplate = CheckRule(
    .templateDiffers, at: .destination, "a file that has a template's name is that template",
    otherwise: "rename it, move the guest into another pool, or have the template put beside it (`--on-template-conflict rename`)")
  /// There is room for what is coming.
  public static let room = CheckRule(
    .noSpace, at: .destination,
    "the file system has room for the disks, for missing templates and for what other migrations were promised",
    otherwise: "free some, or name another pool")
  /// The file system takes files as large as the guest's.
  public static let fileSize = CheckRule(
    .fileTooLarge, at: .destination,
    "the file system takes files as large as the largest that is coming, where that can be tried (not on NFS)",
    otherwise: "name a pool on another file system")
  /// There is room for more files.
  public static let fileCount = CheckRule(
    .noInodes, at: .destination, "the file system has room for more files", otherwise: "remove small files, or name another pool")

  // MARK: A diagnosis, apart from any migration

  /// Agents answer.
  public static let agentAnswers = CheckRule(
    .noAnswer, at: .diagnosis, "every agent answers",
    otherwise: "see on the host whether it runs and what it says (`systemctl status longshored`, `journalctl --unit longshored`)")
  /// The way to the broker is protected.
  public static let brokerProtected = CheckRule(
    .unprotected, at: .diagnosis, severity: .warn, "the broker is spoken to over TLS, or is on this machine",
    otherwise: "give the broker's address as amqps://, and turn `broker.tls.enabled` on for the agents")
  /// The user of the command may do at the broker what an operator needs.
  public static let brokerPermits = CheckRule(
    .notPermitted, at: .diagnosis, "the broker lets the user of this command hear events, read their history and send requests",
    otherwise:
      "set the user up there, with `contrib/rabbitmq/setup orchestrator USER` (`/usr/share/longshore/rabbitmq/setup` of the package), or log in as one that is"
  )
  /// Nothing has gone to the dead letters.
  public static let noDeadLetters = CheckRule(
    .deadLetters, at: .diagnosis, severity: .warn, "no message is among the dead letters",
    otherwise: "see what they are (`longshore dead-letters list`), then send them again or drop them")
  /// Clocks agree so well that times can be compared.
  public static let clocksAgree = CheckRule(
    .clockDiffers, at: .diagnosis, severity: .warn, "the clocks of all hosts and of this machine agree to 2 s",
    otherwise: "let chrony or systemd-timesyncd set the clock")
  /// Clocks agree so well that requests are not taken for expired.
  public static let clocksUsable = CheckRule(
    .clockDiffers, at: .diagnosis, "the clocks of all hosts and of this machine agree to 30 s",
    otherwise: "let chrony or systemd-timesyncd set the clock: requests that carry a time are refused too early or done too late")
  /// All agents are of one version.
  public static let agentsAlike = CheckRule(
    .versionsDiffer, at: .diagnosis, severity: .warn, "all agents are of this command's version",
    otherwise: "update the older ones; until then what they do not know is refused or left out")
  /// The host's own libvirt answers.
  public static let hostLibvirt = CheckRule(
    .libvirtUnreachable, at: .diagnosis, "the host's libvirt answers the agent",
    otherwise: "start it (`systemctl start libvirtd`, or virtqemud), or correct `libvirt.uri`")
  /// There is some room in each pool.
  public static let spareRoom = CheckRule(
    .noSpace, at: .diagnosis, severity: .warn, "a twentieth of each pool is free",
    otherwise: "make room; `longshore grace list` shows what moved guests still hold there")
  /// There is room for the journal.
  public static let journalRoom = CheckRule(
    .journalSpace, at: .diagnosis, "64 MiB are free where the journal is: no message is taken while it cannot be written",
    otherwise: "make room on that file system, or give the journal another (`journal.path`)")
  /// No migration needs the operator.
  public static let noneNeedsAttention = CheckRule(
    .needsAttention, at: .diagnosis, severity: .warn, "no migration out of the host needs the operator",
    otherwise: "`longshore status ID` tells why and what to do")
  /// Nothing is left over.
  public static let nothingLeftOver = CheckRule(
    .leftOver, at: .diagnosis, severity: .warn, "nothing is in the pools or defined that is Longshore's and belongs to no migration",
    otherwise: "`longshore orphans` shows it, and with --remove removes what is proven to be unused")
  /// The host's certificates are valid.
  public static let certificatesValid = CheckRule(
    .certificateExpires, at: .diagnosis, "the certificates that the configuration uses can be read and are valid now",
    otherwise: "put a new one in its place, with its key")
  /// The host's certificates are valid for some time.
  public static let certificatesLast = CheckRule(
    .certificateExpires, at: .diagnosis, severity: .warn, "they are valid for 30 days more", otherwise: "have a new one made in time")
  /// The host's secrets are its own.
  public static let secretsKept = CheckRule(
    .readableSecret, at: .diagnosis, severity: .warn, "files with passwords and keys cannot be read by everybody",
    otherwise: "`chmod o-rwx` them")
  /// Guests can move to QEMU there.
  public static let hypervisorNotOlder = CheckRule(
    .olderHypervisor, at: .diagnosis, severity: .warn, "the QEMU of a host is not older than that of the hosts that guests come from",
    otherwise: "update it; until then guests cannot move there, only away")

  /// The rules of a diagnosis; it applies those of the way between two hosts and of the pools as well.
  public static let ofDiagnosis: [CheckRule] = [
    agentAnswers, brokerProtected, brokerPermits, noDeadLetters, clocksAgree, clocksUsable, agentsAlike, hostLibvirt, spareRoom,
    journalRoom,
    noneNeedsAttention, nothingLeftOver, certificatesValid, certificatesLast, secretsKept, hypervisorNotOlder,
  ]

  /// All rules for migrations, in the order in which they are applied.
  public static let all: [CheckRule] = [
    guestIsThere, guestRuns, guestIsIdle, noSnapshots, noCheckpoints, movableDevices, roomToCompress, supportedDisks, disksInPools,
    answeringDisks, knownDisks, distinctNames, destinationAnswers, openHost, freeDomain, machine, hypervisor, knownFaults,
    possibleFaults, cpu, sameProcessor, timeStampCounter, memory, hugePages, placement, networks, mtu, freeAddresses, listenAddresses,
    devicePaths, allowedAddress, destinationLibvirt, migrationPorts, tlsName, tlsDestination, tlsSource, templatePorts, knownPool,
    activePool, filePool, answeringPool, mountedPool, writablePool, otherStorage, sharedDisks, media, secrets, freeNames, sameTemplate,
    room, fileSize, fileCount,
  ]
}
