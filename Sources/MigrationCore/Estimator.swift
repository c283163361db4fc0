public import LongshoreMessages

/// What an estimate is made from: the plan, and what both hosts and the running guest showed.
public struct EstimateFacts: Sendable, Hashable {
  /// What the guest writes to a disk.
  public struct Writes: Sendable, Hashable {
    /// Bytes a second.
    public var bytesPerSecond: Double
    /// Requests a second.
    public var requestsPerSecond: Double

    /// A rate of writes.
    public init(bytesPerSecond: Double, requestsPerSecond: Double) {
      self.bytesPerSecond = bytesPerSecond
      self.requestsPerSecond = requestsPerSecond
    }
  }

  /// A file system at the source that disks of the guest are in, by one of its pools.
  public struct SourcePool: Sendable, Hashable {
    /// The pool.
    public var pool: ResourceName
    /// The file system's size, in bytes.
    public var capacity: UInt64
    /// What is free in it, in bytes.
    public var available: UInt64
    /// What the guest's disks take in it, in bytes.
    public var held: UInt64

    /// A pool.
    public init(pool: ResourceName, capacity: UInt64, available: UInt64, held: UInt64) {
      self.pool = pool
      self.capacity = capacity
      self.available = available
      self.held = held
    }
  }

  /// The migration.
  public var plan: MigrationPlan
  /// The source host.
  public var source: NodeName
  /// The destination host.
  public var destination: NodeName
  /// How the guest is to be moved.
  public var options: MigrationOptions?
  /// What the bandwidth budgets leave; nil where none holds for it.
  public var outlook: BandwidthOutlook?
  /// What the destination knows.
  public var there: DestinationFacts
  /// The layers whose content the source has not read since they last changed, by their ids in the plan.
  public var unreadLayers: [Int]
  /// The pools at the source.
  public var sourcePools: [SourcePool]
  /// What of the guest's memory holds anything, in bytes; nil where it is not known.
  public var usedMemory: UInt64?
  /// What the guest changes of its memory, each page counted once, in bytes a second; nil where it could not be sampled.
  public var dirtyBps: UInt64?
  /// What the guest writes, by the disks' targets; those that could not be sampled are not in it.
  public var writes: [ResourceName: Writes]

  /// Facts.
  public init(
    plan: MigrationPlan, source: NodeName, destination: NodeName, options: MigrationOptions? = nil, outlook: BandwidthOutlook? = nil,
    there: DestinationFacts,
    unreadLayers: [Int] = [], sourcePools: [SourcePool] = [], usedMemory: UInt64? = nil, dirtyBps: UInt64? = nil,
    writes: [ResourceName: Writes] = [:]
  ) {
    self.plan = plan
    self.source = source
    self.destination = destination
    self.options = options
    self.outlook = outlook
    self.there = there
    self.unreadLayers = unreadLayers
    self.sourcePools = sourcePools
    self.usedMemory = usedMemory
    self.dirtyBps = dirtyBps
    self.writes = writes
  }
}

/// Tells what a migration will take.
///
/// A migration is templates, then disks, then memory, each as fast as the link carries it:
///
///     time     = preparation + templates / link + D / (link - w) + memory + handover
///     D        = allocation of the disks' top layers; w = what is written to them meanwhile and copied again
///     memory   = rounds: the first sends what is used, each next what was changed during the one before,
///                until what is left fits into the pause that is allowed
///     downtime = what is left / memory rate + the pause of the handover itself
///
/// A bandwidth budget is as good as a slower link: its mean over the time that the bytes take.
///
/// The link's rate is that of one TCP connection's payload as it was measured, so that headers need no place in the formula.
public enum Estimator {
  /// What QEMU's mirror copies where anything was written, in bytes: the granularity of its bitmap is the cluster size within 4 to
  /// 64 KiB, of raw images 64 KiB (QEMU, `bdrv_get_default_bitmap_granularity` in block/dirty-bitmap.c).
  static let mirrorGranularity = 65_536.0
  /// How often in a second a mirror that has caught up looks for what was written: every 100 ms (QEMU, `BLOCK_JOB_SLICE_TIME` in
  /// include/block/blockjob.h). What was written to the same cluster meanwhile is copied once.
  static let mirrorSlices = 10.0
  /// A page of memory, in bytes, and what it is sent with: 8 bytes of address and flags; a page of zeros is these and one byte (QEMU,
  /// `save_page_header` and `save_zero_page` in migration/ram.c).
  static let page = 4096.0
  static let pageHeader = 8.0
  static let zeroPage = 9.0
  /// The pause that QEMU plans for unless it is told otherwise, in seconds (QEMU, `DEFAULT_MIGRATE_SET_DOWNTIME` in
  /// migration/options.c and, before, migration.c).
  static let defaultDowntime = 0.3
  /// The rounds after which memory that has not become less is taken not to. libvirt and QEMU have no such limit.
  static let roundLimit = 100
  /// Checks, stubs, and the begin of libvirt's migration up to the first byte, in seconds: `contrib/bench-estimate`.
  static let preparation = 1.2
  /// Each template that lacks: its export, the digests that are not done when the copy is, and its publication, in seconds:
  /// `contrib/bench-estimate`.
  static let templateOverhead = 0.5
  /// How fast a template that is there is read to be compared, in bytes a second: SHA-256 by OpenSSL with the processor's own
  /// instructions, from the page cache or a fast disk (`contrib/bench-estimate`).
  static let comparison = 400.0 * 1_048_576
  /// What comes after the last byte: the switch, the end of the source's QEMU, the post-checks and the clean-up, in seconds:
  /// `contrib/bench-estimate`.
  static let handover = 0.4
  /// The pause of the handover itself, in seconds: devices, the switch of libvirt, and the fence (`contrib/bench`).
  static let switchPause = 0.19
  /// What of a rate is left at least to what is copied for the first time, whatever the guest writes: writes that wait for their
  /// copy take from the guest, and not all of the link.
  static let leastPart = 0.1
  /// How near what changes may come to what the link carries before help is advised.
  static let nearness = 0.8

  /// Makes an estimate.
  public static func estimate(_ facts: EstimateFacts) -> MigrationEstimate {
    var reasons: [String] = []
    var advice: [String] = []
    let present = facts.plan.layers.filter { facts.there.presentLayers.contains($0.id) }
    // A medium that lacks there and may be ejected is not copied.
    let missing = facts.plan.layers.filter { !present.contains($0) && !facts.plan.isEjected($0) }
    let templateBytes = missing.reduce(0) { $0 + $1.fileSize }
    let diskBytes = facts.plan.disks.reduce(0) { $0 + $1.allocation }
    let total = facts.plan.guest.memoryKiB << 10
    let used = min(facts.usedMemory ?? total, total)
    let memory = MigrationEstimate.Memory(total: total, used: facts.usedMemory.map { min($0, total) }, dirtyBps: facts.dirtyBps)
    var estimate = MigrationEstimate(
      disks: disks(of: facts),
      templates: facts.plan.layers.filter { present.contains($0) || missing.contains($0) }.map { template($0, in: facts) },
      pools: pools(of: facts), memory: memory,
      link: .init(toDestinationBps: facts.there.toDestinationBps, fromDestinationBps: facts.there.fromDestinationBps),
      bytes: .init(template: templateBytes, disks: diskBytes, memory: onWire(used: used, of: total)), reasons: [])
    guard let linkBps = facts.there.toDestinationBps, linkBps > 0 else {
      estimate.reasons = ["the link was not measured, so that times cannot be told"]
      return estimate
    }

    reasons.append("the link carries \(rate(Double(linkBps))) to \(facts.destination), as measured")
    var link = Double(linkBps)
    // Templates, disks and memory share one budget, so that it is as good as a slower link.
    let own = facts.options?.bandwidthMiBps.map { BandwidthOutlook(now: Timestamp(milliseconds: 0), fixed: $0 << 20) }
    if let outlook = facts.outlook ?? own {
      let all = Double(sum(sum(templateBytes, diskBytes), onWire(used: used, of: total)))
      let budget = outlook.meanRate(of: all, link: link)
      if budget < link {
        let change = outlook.isSteady(for: all, link: link) ? "" : ", as it changes with the time of day"
        reasons.append("the bandwidth budget leaves \(rate(budget)) of it\(change)")
        link = budget
      }
    }
    if templateBytes > 0 {
      reasons.append(
        "\(missing.count == 1 ? "a template lacks" : "\(missing.count) templates lack") there: \(bytes(Double(templateBytes))) are copied first"
      )
    }

    // Both hosts read at once. Those that are copied are read meanwhile.
    let unread = [facts.unreadLayers, facts.there.unreadLayers].map { ids in
      present.filter { ids.contains($0.id) }.reduce(0) { $0 + Double($1.fileSize) }
    }
    let comparing = (unread.max() ?? 0) / comparison
    if comparing > 0 { reasons.append("\(bytes(unread.max() ?? 0)) of templates that are there are read to be compared") }

    let rewritten = facts.writes.values.reduce(0) { $0 + copiedAgain($1) }
    let scattered = facts.writes.values.reduce(0) { $0 + $1.requestsPerSecond * mirrorGranularity }
    let waits = facts.options?.synchronousWrites == true
    let disksConverge = waits || rewritten < link
    reasons.append(
      "\(bytes(Double(diskBytes))) of disks, to which the guest writes \(rate(facts.writes.values.reduce(0) { $0 + $1.bytesPerSecond }))")
    if !waits {
      if rewritten >= nearness * link {
        advice.append("let writes wait for the copy (`--synchronous-writes`): they come about as fast as disks are copied")
      } else if scattered >= nearness * link {
        advice.append(
          "let writes wait for the copy (`--synchronous-writes`) if they are scattered: each then costs \(bytes(mirrorGranularity)) of copying"
        )
      }
    }
    let diskSeconds = Double(diskBytes) / max(link - rewritten, link * leastPart)

    // The mirrors go on while memory is copied.
    let left = max(link - rewritten, link * leastPart)
    let dirty = Double(facts.dirtyBps ?? 0)
    let allowed = facts.options?.maxDowntimeMs.map { Double($0) / 1000 } ?? defaultDowntime
    let rounds = precopy(used: used, total: total, dirty: dirty, rate: left, pause: allowed)
    if let known = facts.usedMemory {
      reasons.append("\(bytes(Double(min(known, total)))) of \(bytes(Double(total))) of memory are in use")
    } else {
      reasons.append("the guest has \(bytes(Double(total))) of memory, all of which is taken to be in use")
    }
    if let dirtyBps = facts.dirtyBps {
      reasons.append("the guest changes \(rate(Double(dirtyBps))) of its memory")
    } else {
      reasons.append("how fast the guest changes its memory could not be sampled, and is taken for nothing")
    }
    if dirty >= nearness * left, facts.options?.autoConverge != true {
      advice.append("slow the guest down if need be (`--auto-converge`): it changes memory about as fast as it is copied")
    }
    if dirty >= nearness * left, facts.options?.compressMemory != true {
      advice.append("send only what changes in its memory (`--compress-memory`): that helps where it changes little of each page")
    }
    let memoryConverges = rounds.last != nil || facts.options?.autoConverge == true

    estimate.converges = disksConverge && memoryConverges
    if !disksConverge { reasons.append("the guest writes faster than disks are copied") }
    if rounds.last == nil {
      reasons.append(
        facts.options?.autoConverge == true
          ? "memory changes faster than it is copied: the guest is slowed down until it does not, which takes a time that cannot be told"
          : "memory changes faster than it is copied")
    }
    if disksConverge, let last = rounds.last {
      estimate.parts = MigrationEstimate.Seconds(
        preparation: preparation,
        templates: Double(templateBytes) / link + Double(missing.count) * templateOverhead + comparing, disks: diskSeconds,
        memory: rounds.seconds, handover: handover)
      estimate.seconds = estimate.parts?.total
      estimate.bytes.disks = sum(diskBytes, whole(rewritten * (diskSeconds + rounds.seconds)))
      estimate.bytes.memory = whole(rounds.bytes)
      estimate.downtimeMs = whole((last / left + switchPause) * 1000)
      reasons.append("\(bytes(last)) of memory are left for the switch, whose own pause is about \(Int(switchPause * 1000)) ms")
    }
    estimate.reasons = reasons
    estimate.advice = advice.isEmpty ? nil : advice
    return estimate
  }

  // MARK: - Disks

  /// What a mirror copies again in a second of what is written to its disk: what is written, or where that is little the clusters
  /// that it touches, of which each is copied once a slice. Writes are taken to follow one another.
  static func copiedAgain(_ writes: EstimateFacts.Writes) -> Double {
    max(writes.bytesPerSecond, min(writes.requestsPerSecond, mirrorSlices) * mirrorGranularity)
  }

  private static func disks(of facts: EstimateFacts) -> [MigrationEstimate.Disk] {
    facts.plan.disks.map { disk in
      MigrationEstimate.Disk(
        target: disk.target, kind: disk.backing == nil ? .fullClone : .linkedClone, format: disk.format,
        chain: [disk.volume] + facts.plan.chain(below: disk.backing).map(\.volume), bytes: disk.allocation,
        writeBps: facts.writes[disk.target].map { whole($0.bytesPerSecond) })
    }
  }

  private static func template(_ layer: TemplateLayer, in facts: EstimateFacts) -> MigrationEstimate.Template {
    MigrationEstimate.Template(
      pool: layer.pool, volume: layer.volume, bytes: layer.fileSize, isPresent: facts.there.presentLayers.contains(layer.id))
  }

  private static func pools(of facts: EstimateFacts) -> [MigrationEstimate.Pool] {
    let keeps = facts.options?.keepSource == true
    return facts.sourcePools.map {
      MigrationEstimate.Pool(
        host: facts.source, pool: $0.pool, capacity: $0.capacity, availableBefore: $0.available, availableAfter: $0.available,
        availableAfterGrace: keeps ? $0.available : sum($0.available, $0.held))
    }
      + facts.there.pools.map {
        MigrationEstimate.Pool(
          host: facts.destination, pool: $0.pool, capacity: $0.capacity, availableBefore: $0.available,
          availableAfter: $0.available > $0.coming ? $0.available - $0.coming : 0)
      }
  }

  // MARK: - Memory

  /// The rounds of a copy of memory.
  struct Rounds: Equatable {
    /// Their time up to the switch, in seconds.
    var seconds: Double
    /// What they send, with the switch, in bytes.
    var bytes: Double
    /// What is left for the switch, in bytes; nil where it never fits into the pause.
    var last: Double?
  }

  /// Copies memory in rounds until what is left fits into the pause.
  static func precopy(used: UInt64, total: UInt64, dirty: Double, rate: Double, pause: Double) -> Rounds {
    var rounds = Rounds(seconds: 0, bytes: 0, last: nil)
    var next = Double(onWire(used: used, of: total))
    for _ in 0..<roundLimit {
      rounds.bytes += next
      // What is left fits into the pause from the start: all of it is sent there.
      let seconds = next / max(rate, 1)
      rounds.seconds += seconds
      // More than is in use cannot have changed.
      let changed = min(dirty * seconds, Double(used))
      guard changed > rate * pause else {
        rounds.bytes += changed
        rounds.last = changed
        return rounds
      }
      // It becomes no less: it never will.
      if changed >= next { return rounds }
      next = changed
    }
    return rounds
  }

  /// What memory takes on the wire: pages that hold anything, and a word for each that does not.
  static func onWire(used: UInt64, of total: UInt64) -> UInt64 {
    let usedPages = Double(min(used, total)) / page
    let emptyPages = Double(total - min(used, total)) / page
    return whole(usedPages * (page + pageHeader) + emptyPages * zeroPage)
  }

  // MARK: - Numbers and words

  /// A number as a whole one; what another host says may be too large for any.
  private static func whole(_ value: Double) -> UInt64 { UInt64(exactly: min(max(value.rounded(), 0), 0x1p63)) ?? 0 }

  private static func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
    let (sum, overflow) = one.addingReportingOverflow(other)
    return overflow ? .max : sum
  }

  private static func rate(_ bytesPerSecond: Double) -> String { bytes(bytesPerSecond) + "/s" }

  private static func bytes(_ count: Double) -> String {
    ByteCount(UInt64(count.isNaN ? 0 : min(max(count, 0), 0x1p63).rounded())).description
  }
}
