/// Why something was refused or failed: a code for programs and a sentence for people.
public struct Reason: Sendable, Hashable, Codable, CustomStringConvertible {
  /// A machine-readable reason. The set is open: a reader treats a code that it does not know as a plain failure.
  public struct Code: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The code's text: words in lower case, joined by `-`.
    public let text: String

    /// A code of this text.
    public init(_ text: String) { self.text = text }

    public init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      try container.encode(text)
    }

    public var description: String { text }
  }

  /// The machine-readable code.
  public var code: Code
  /// What happened and what to do about it, in a sentence.
  public var message: String

  /// A reason of a code and a sentence.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { "\(message) [\(code)]" }
}

extension Reason.Code {
  // The message itself.

  /// The body is not JSON, or a field is missing or has the wrong type or an impossible value.
  public static let malformed = Reason.Code("malformed")
  /// The message is larger than ``Wire/maximumMessageSize``.
  public static let tooLarge = Reason.Code("too-large")
  /// The schema's version is not one that this agent speaks.
  public static let unknownSchema = Reason.Code("unknown-schema")
  /// The message's type is not one that this agent knows.
  public static let unknownType = Reason.Code("unknown-type")
  /// The message names another host than the one that received it.
  public static let wrongHost = Reason.Code("wrong-host")
  /// The request's `notAfter` has passed.
  public static let expired = Reason.Code("expired")
  /// The id was used before by a request with another content.
  public static let idReused = Reason.Code("id-reused")
  /// A message on the peers' exchange does not come from an agent's address, or the reverse.
  public static let notAuthorised = Reason.Code("not-authorised")

  /// The broker's user who sent the request may not order anything of the host.
  public static let notPermitted = Reason.Code("not-permitted")

  // The request.

  /// Source and destination are the same host.
  public static let sameHost = Reason.Code("same-host")
  /// The destination is in another cluster.
  public static let otherCluster = Reason.Code("other-cluster")
  /// No guest of that name or UUID is on the host.
  public static let unknownGuest = Reason.Code("unknown-guest")
  /// The guest does not run.
  public static let guestNotRunning = Reason.Code("guest-not-running")
  /// Another migration moves the guest, or a job of libvirt runs on it.
  public static let guestBusy = Reason.Code("guest-busy")
  /// No migration of that id is known.
  public static let unknownMigration = Reason.Code("unknown-migration")
  /// The migration has not come to the point where this can be done.
  public static let tooEarly = Reason.Code("too-early")
  /// The migration is past the point where this can be done, or has ended.
  public static let tooLate = Reason.Code("too-late")
  /// What is asked for is contradicted by what a host shows.
  public static let contradicted = Reason.Code("contradicted")
  /// The migration goes on by itself and needs nobody.
  public static let notNeeded = Reason.Code("not-needed")
  /// No drain of that id is known.
  public static let unknownDrain = Reason.Code("unknown-drain")
  /// The host is being drained already, or what is asked for is not to be done while it is.
  public static let drainRuns = Reason.Code("drain-runs")
  /// As many migrations as may run out of the host run already: the migration waits for its turn.
  public static let limitReached = Reason.Code("limit-reached")
  /// An option that this version does not offer.
  public static let unsupportedOption = Reason.Code("unsupported-option")
  /// The host cannot take requests at present: its journal or its libvirt is away.
  public static let unavailable = Reason.Code("unavailable")

  // The checks.

  /// The guest has snapshots, which libvirt cannot carry.
  public static let hasSnapshots = Reason.Code("has-snapshots")
  /// The guest has checkpoints, which would be lost.
  public static let hasCheckpoints = Reason.Code("has-checkpoints")
  /// The guest has a device that cannot move.
  public static let unmovableDevice = Reason.Code("unmovable-device")
  /// A disk is not a file, or of a format other than qcow2 and raw, or in a state that cannot be copied.
  public static let unsupportedDisk = Reason.Code("unsupported-disk")
  /// A disk's file is in no active pool of the source.
  public static let diskOutsidePools = Reason.Code("disk-outside-pools")
  /// The request names a disk that the guest does not have.
  public static let unknownDisk = Reason.Code("unknown-disk")
  /// The destination has no such pool, or it is not allowed there.
  public static let unknownPool = Reason.Code("unknown-pool")
  /// The destination's pool is not active.
  public static let poolInactive = Reason.Code("pool-inactive")
  /// The destination's pool is of a type that holds no files.
  public static let unsupportedPool = Reason.Code("unsupported-pool")
  /// The file system of a pool does not answer, as where an NFS server is away.
  public static let poolNotAnswering = Reason.Code("pool-not-answering")
  /// The destination's pool is of a type that is mounted, and nothing is mounted on its folder.
  public static let poolNotMounted = Reason.Code("pool-not-mounted")
  /// Files cannot be made in the destination's pool.
  public static let poolReadOnly = Reason.Code("pool-read-only")
  /// The file system of the destination's pool does not take files as large as one that is coming.
  public static let fileTooLarge = Reason.Code("file-too-large")
  /// The file system of the destination's pool has no room for more files.
  public static let noInodes = Reason.Code("no-inodes")
  /// The destination's pool is the one that the disk is in.
  public static let samePool = Reason.Code("same-pool")
  /// A disk that is to stay where it is is not at the destination.
  public static let notShared = Reason.Code("not-shared")
  /// A medium in one of the guest's drives is not at the destination.
  public static let missingMedium = Reason.Code("missing-medium")
  /// The destination lacks the secret of an encrypted disk, or its value.
  public static let missingSecret = Reason.Code("missing-secret")
  /// The destination's pool has too little room.
  public static let noSpace = Reason.Code("no-space")
  /// A file of the same name is in the destination's pool.
  public static let nameTaken = Reason.Code("name-taken")
  /// The destination has a file of the template's name with another content.
  public static let templateDiffers = Reason.Code("template-differs")
  /// The destination has a domain of the guest's name or UUID.
  public static let domainExists = Reason.Code("domain-exists")
  /// The destination's CPU cannot run the guest.
  public static let incompatibleCPU = Reason.Code("incompatible-cpu")
  /// The destination lacks the guest's machine type or emulator.
  public static let incompatibleMachine = Reason.Code("incompatible-machine")
  /// The destination's QEMU is older than the one that runs the guest.
  public static let olderHypervisor = Reason.Code("older-hypervisor")
  /// A fault of libvirt's version at one of the hosts makes the migration fail.
  public static let knownFault = Reason.Code("known-fault")
  /// The destination has too few free huge pages.
  public static let noHugePages = Reason.Code("no-huge-pages")
  /// The destination lacks a NUMA node or a processor that the guest is bound to.
  public static let placementImpossible = Reason.Code("placement-impossible")
  /// A network of the destination carries smaller frames than the guest may send.
  public static let mtuTooSmall = Reason.Code("mtu-too-small")
  /// The destination has no such address as one of the guest's consoles or ports listens on.
  public static let addressMissing = Reason.Code("address-missing")
  /// The destination takes no guests at present.
  public static let maintenance = Reason.Code("maintenance")
  /// A guest of the destination has an interface with the same MAC address.
  public static let macInUse = Reason.Code("mac-in-use")
  /// The destination has too little free memory.
  public static let noMemory = Reason.Code("no-memory")
  /// The destination's agent did not answer.
  public static let destinationUnreachable = Reason.Code("destination-unreachable")
  /// The destination wants to be reached by an address that the source's configuration does not allow.
  public static let addressNotAllowed = Reason.Code("address-not-allowed")
  /// The destination's libvirt cannot be reached from the source.
  public static let libvirtUnreachable = Reason.Code("libvirt-unreachable")
  /// A port that the transfer needs cannot be reached from the other host.
  public static let portClosed = Reason.Code("port-closed")
  /// The certificate that the destination's QEMU shows is not of the name that the source is to expect.
  public static let tlsNameDiffers = Reason.Code("tls-name-differs")
  /// The certificate that one host's QEMU shows is not trusted by the other's, or is not valid now.
  public static let tlsNotTrusted = Reason.Code("tls-not-trusted")
  /// A network, bridge or other resource that the guest uses is not at the destination.
  public static let missingResource = Reason.Code("missing-resource")

  // The run.

  /// The operator or orchestrator cancelled the migration.
  public static let cancelled = Reason.Code("cancelled")
  /// No host can take a guest that is to leave its own.
  public static let noHost = Reason.Code("no-host")
  /// A drain begins nothing more because a guest could not be moved.
  public static let drainStopped = Reason.Code("drain-stopped")
  /// Somebody has paused a drain.
  public static let drainPaused = Reason.Code("drain-paused")
  /// Somebody lets a paused drain go on.
  public static let drainResumed = Reason.Code("drain-resumed")
  /// The guest does not run at the host any more.
  public static let guestGone = Reason.Code("guest-gone")
  /// The migration's deadline passed.
  public static let deadlinePassed = Reason.Code("deadline-passed")
  /// The guest changes its disks or its memory faster than they can be copied.
  public static let notConverging = Reason.Code("not-converging")
  /// A longer pause may be planned for the switch than before.
  public static let downtimeRaised = Reason.Code("downtime-raised")
  /// The guest is suspended until it has moved.
  public static let guestSuspended = Reason.Code("guest-suspended")
  /// Somebody has changed the migration's limits.
  public static let limitsChanged = Reason.Code("limits-changed")
  /// The bandwidth budgets do not hold for the migration as they should: the host does not let the agent pace its connections.
  public static let bandwidthNotPaced = Reason.Code("bandwidth-not-paced")
  /// QEMU slows the guest's CPUs down.
  public static let guestSlowed = Reason.Code("guest-slowed")
  /// The guest's writes wait for the copy of its disks.
  public static let writesWait = Reason.Code("writes-wait")
  /// The host has no such template, or several of the name.
  public static let unknownTemplate = Reason.Code("unknown-template")
  /// A template could not be copied or did not arrive whole.
  public static let templateCopyFailed = Reason.Code("template-copy-failed")
  /// A stub could not be made.
  public static let stubFailed = Reason.Code("stub-failed")
  /// libvirt's migration failed; the guest runs at the source.
  public static let transferFailed = Reason.Code("transfer-failed")
  /// The guest stands still for the switch, or its copy does, and libvirt neither goes on nor gives up.
  public static let transferStalled = Reason.Code("transfer-stalled")
  /// Fenced handover: the source's QEMU could not be ended at once, so that the guest stood still until it had ended by itself.
  public static let fenceWaited = Reason.Code("fence-waited")
  /// The guest arrived, but not as planned.
  public static let postCheckFailed = Reason.Code("post-check-failed")
  /// The guest has moved, and has ended since it arrived: somebody shut it down or ended it, or it crashed.
  public static let guestEnded = Reason.Code("guest-ended")
  /// The guest has moved, and a disk does not hold what it held at the source at the switch.
  public static let contentDiffers = Reason.Code("content-differs")
  /// The guest has moved, and whether its disks hold what they held could not be found out.
  public static let notVerified = Reason.Code("not-verified")
  /// Two hosts run, or may run, the guest.
  public static let splitBrain = Reason.Code("split-brain")
  /// The operator named the owner of the guest.
  public static let ownerNamed = Reason.Code("owner-named")
  /// The state of the two hosts is not one that can be decided by rule.
  public static let undecided = Reason.Code("undecided")
  /// A call to libvirt, to the file system or to a tool failed.
  public static let operationFailed = Reason.Code("operation-failed")
  // What a diagnosis finds.

  /// A certificate is not valid, will not be for long, or cannot be read.
  public static let certificateExpires = Reason.Code("certificate-expires")
  /// A file with a password or a key can be read by everybody.
  public static let readableSecret = Reason.Code("readable-secret")
  /// The file system of the journal is almost full.
  public static let journalSpace = Reason.Code("journal-space")
  /// A migration needs the operator.
  public static let needsAttention = Reason.Code("needs-attention")
  /// Something is left over in a pool that belongs to no migration.
  public static let leftOver = Reason.Code("left-over")
  /// The connection to the broker is not protected.
  public static let unprotected = Reason.Code("unprotected")
  /// An agent does not answer.
  public static let noAnswer = Reason.Code("no-answer")
  /// Clocks of two machines differ.
  public static let clockDiffers = Reason.Code("clock-differs")
  /// Agents are of different versions.
  public static let versionsDiffer = Reason.Code("versions-differ")
  /// There are messages that nobody could use.
  public static let deadLetters = Reason.Code("dead-letters")

  /// The journal of a host was made anew, so that its past is unknown.
  public static let journalChanged = Reason.Code("journal-changed")
}
