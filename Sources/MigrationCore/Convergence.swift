public import LongshoreMessages

/// Judges whether a transfer converges, and what is to be done where it does not.
///
/// libvirt copies all disks until each has caught up with the guest, then memory in passes until what is left fits into the pause that is
/// permitted for the switch. Either may go on for ever. Disks are judged by the trend of what is left to copy; memory by the pause that
/// the switch would need, as QEMU computes it after each pass (`expected-downtime`): within a pass what is left only falls.
///
/// A value: samples go in, a judgement with its reason comes out. What was seen lasts when the means are changed.
public struct Convergence: Sendable, Hashable {
  /// What the request allows, and what is set now.
  public struct Means: Sendable, Hashable, Codable {
    /// The pause that is permitted for the switch now, in milliseconds.
    public var downtimeMs: UInt64
    /// The longest pause that may be permitted, in milliseconds.
    public var maxDowntimeMs: UInt64
    /// Whether QEMU may slow the guest's CPUs down.
    public var autoConverge: Bool
    /// Whether of pages that are copied again only what has changed is sent.
    public var compressMemory: Bool
    /// Whether the guest's writes wait for the copy of its disks.
    public var synchronousWrites: Bool
    /// What is done when the deadline passes.
    public var onDeadline: DeadlineAction

    /// Means.
    public init(
      downtimeMs: UInt64, maxDowntimeMs: UInt64, autoConverge: Bool, compressMemory: Bool = false, synchronousWrites: Bool,
      onDeadline: DeadlineAction
    ) {
      self.downtimeMs = downtimeMs
      self.maxDowntimeMs = maxDowntimeMs
      self.autoConverge = autoConverge
      self.compressMemory = compressMemory
      self.synchronousWrites = synchronousWrites
      self.onDeadline = onDeadline
    }
  }

  /// What is to be done.
  public enum Action: Sendable, Hashable {
    /// Permit a longer pause for the switch, in milliseconds.
    case raiseDowntime(toMs: UInt64)
  }

  /// What the samples up to now say.
  public struct Judgement: Sendable, Hashable {
    /// What is to be done now, and why; nil where nothing is.
    public var action: (Action, reason: Reason)? {
      guard let deed, let why else { return nil }
      return (deed, why)
    }
    /// What keeps the transfer from its end, and what can be done about it; empty while it converges or that is not known yet.
    public var notices: [Reason]
    /// Whether the transfer does not come nearer to its end, so that the end cannot be predicted.
    public var isStuck: Bool

    private var deed: Action?
    private var why: Reason?

    init(action: Action? = nil, reason: Reason? = nil, notices: [Reason] = [], isStuck: Bool = false) {
      deed = action
      why = reason
      self.notices = notices
      self.isStuck = isStuck
    }
  }

  /// Over how long what is left of the disks is looked at, in seconds: guests write in bursts.
  static let diskWindow = 60.0
  /// How much of that must have been seen before anything is concluded, in seconds.
  static let diskPatience = 40.0
  /// How much of what is copied must make what is left less, as a part of one, for a trend to be called one: the rest is copied again.
  static let leastFall = 0.03
  /// How many bytes left of all disks are as good as none while memory is copied: what a busy mirror that has caught up shows.
  static let caughtUp: UInt64 = 64 << 20
  /// How many passes over memory, and for how many seconds, are looked at.
  static let memoryPasses = 3
  static let memoryPatience = 3.0
  /// By how much the needed pause must shrink over those passes, as a part of one, to be left alone.
  static let leastShrinking = 0.8
  /// What is permitted beyond the pause that is needed now, as a factor: the next pass needs a little more or less.
  static let margin = 1.15
  /// Pauses are permitted in steps of this factor from where they are.
  static let step = 1.5

  private struct DiskPoint: Sendable, Hashable {
    var seconds: Double
    var remaining: UInt64
    var rate: UInt64?
    var budget: UInt64?
  }

  private struct MemoryPoint: Sendable, Hashable {
    var seconds: Double
    var pass: UInt64
    var neededMs: UInt64
    var dirtyBps: UInt64
    var rateBps: UInt64?
    var budgetBps: UInt64?
  }

  private var disks: [DiskPoint] = []
  private var passes: [MemoryPoint] = []
  private var last = -Double.infinity

  /// Nothing was seen yet.
  public init() {}

  /// Takes in a sample.
  ///
  /// - Parameters:
  ///   - sample: The transfer's progress.
  ///   - means: What the request allows, and what is set now.
  ///   - secondsLeft: The time to the deadline; nil where it is not known.
  public mutating func judge(_ sample: Progress, by means: Means, secondsLeft: Double? = nil) -> Judgement {
    // The same sample again, or one of an earlier look, says nothing new.
    if sample.elapsedSeconds > last {
      last = sample.elapsedSeconds
      note(sample)
    }
    let slowed = sample.throttlePercent.flatMap { $0 > 0 ? [Self.slowed(by: $0)] : nil } ?? []
    // Disks that have caught up can fall behind again while memory is copied, and the guest stands still for them at the switch.
    let ofDisks = judgeDisks(by: means, secondsLeft, haveCaughtUp: sample.memory != nil)
    guard sample.memory != nil else {
      return Judgement(notices: ofDisks.notices + slowed, isStuck: ofDisks.isStuck)
    }
    let ofMemory = judgeMemory(by: means)
    return Judgement(
      action: ofMemory.action?.0, reason: ofMemory.action?.reason, notices: ofDisks.notices + ofMemory.notices + slowed,
      isStuck: ofDisks.isStuck || ofMemory.isStuck)
  }

  private mutating func note(_ sample: Progress) {
    let remaining = sample.disks.reduce(UInt64(0)) { sum, disk in
      let (more, overflow) = sum.addingReportingOverflow(disk.bytes.remaining)
      return overflow ? .max : more
    }
    disks.append(DiskPoint(seconds: sample.elapsedSeconds, remaining: remaining, rate: sample.rateBps, budget: sample.budgetBps))
    disks.removeAll { $0.seconds < sample.elapsedSeconds - Self.diskWindow }
    guard sample.memory != nil, let pass = sample.iteration, pass > 1, let needed = sample.expectedDowntimeMs else { return }
    let point = MemoryPoint(
      seconds: sample.elapsedSeconds, pass: pass, neededMs: needed, dirtyBps: sample.dirtyRateBps ?? 0, rateBps: sample.rateBps,
      budgetBps: sample.budgetBps)
    // Of each pass the first word counts with its time, and the last one with what it says.
    if passes.last?.pass == pass {
      let since = passes.last?.seconds ?? point.seconds
      passes[passes.count - 1] = point
      passes[passes.count - 1].seconds = since
    } else {
      passes.append(point)
      if passes.count > 16 { passes.removeFirst() }
    }
  }

  // MARK: - Disks

  /// Judges the disks.
  ///
  /// - Parameter haveCaughtUp: Whether each has caught up with the guest once, after which memory is copied. Until then libvirt waits for
  ///   it, and shows at least a byte that is left.
  private func judgeDisks(by means: Means, _ secondsLeft: Double?, haveCaughtUp: Bool) -> Judgement {
    guard let first = disks.first, let last = disks.last, last.seconds - first.seconds >= Self.diskPatience,
      last.remaining > (haveCaughtUp ? Self.caughtUp : 0)
    else { return Judgement() }
    // The least that was left in each half of the window: what a burst adds is copied until the next one, or it is not.
    let middle = (first.seconds + last.seconds) / 2
    guard let before = disks.filter({ $0.seconds < middle }).map(\.remaining).min(),
      let after = disks.filter({ $0.seconds >= middle }).map(\.remaining).min(), let most = disks.map(\.remaining).max()
    else { return Judgement() }
    let span = (last.seconds - first.seconds) / 2
    let fall = (Double(before) - Double(after)) / span
    let rate = last.rate.map { ", copied at \(Self.rate(Double($0)))" } ?? ""
    let left = Self.bytes(Double(last.remaining))
    if fall <= Double(last.rate ?? 0) * Self.leastFall {
      let trend = fall < 0 ? "growing by \(Self.rate(-fall))" : "not getting less"
      let allowed =
        means.synchronousWrites
        ? "the guest's writes wait for the copy already"
        : "allow `synchronousWrites` in the next order"
      return Judgement(
        notices: [
          Reason(
            .notConverging,
            "the disks do not converge: up to \(Self.bytes(Double(most))) left, \(trend)\(rate); \(Self.budget(last.budget))\(allowed), or \(Self.force(means))"
          )
        ], isStuck: true)
    }
    let finish = Double(last.remaining) / fall
    if let secondsLeft, finish > secondsLeft, means.onDeadline != .wait {
      return Judgement(
        notices: [
          Reason(
            .notConverging,
            "the disks need about \(Int64(min(finish, 1e9))) s more, \(left) left\(rate), and the deadline is in \(Int64(max(0, min(secondsLeft, 1e9)))) s: allow a later one (`tune`), or \(Self.force(means))"
          )
        ])
    }
    return Judgement()
  }

  // MARK: - Memory

  /// Judges the passes over memory; disks that are busy still take their part of the rate, and so are in what QEMU computes.
  private func judgeMemory(by means: Means) -> Judgement {
    let seen = passes.suffix(Self.memoryPasses)
    guard seen.count == Self.memoryPasses, let first = seen.first, let now = seen.last, last - first.seconds >= Self.memoryPatience,
      seen.allSatisfy({ $0.neededMs > means.downtimeMs })
    else { return Judgement() }
    // It comes down by itself, pass by pass.
    if Double(now.neededMs) < Double(first.neededMs) * Self.leastShrinking { return Judgement() }
    let needed = seen.map(\.neededMs).min() ?? now.neededMs
    let rates = "\(Self.rate(Double(now.dirtyBps))) of memory changed" + (now.rateBps.map { ", \(Self.rate(Double($0))) copied" } ?? "")
    if means.downtimeMs < means.maxDowntimeMs {
      let target = Self.next(from: means.downtimeMs, toward: needed, within: means.maxDowntimeMs)
      return Judgement(
        action: .raiseDowntime(toMs: target),
        reason: Reason(
          .downtimeRaised,
          "permitted downtime raised from \(means.downtimeMs) to \(target) ms: \(rates), the switch would need \(needed) ms now"))
    }
    let further = [means.autoConverge ? nil : "`autoConverge`", means.compressMemory ? nil : "`compressMemory`"].compactMap(\.self)
    let slowed = means.autoConverge ? "QEMU slows the guest down as far as it does" : nil
    let help = [slowed, further.isEmpty ? nil : "allow \(further.joined(separator: " or ")) in the next order"].compactMap(\.self)
    return Judgement(
      notices: [
        Reason(
          .notConverging,
          "the memory does not converge: \(rates), the switch would need \(needed) ms and \(means.maxDowntimeMs) are allowed; \(Self.budget(now.budgetBps))\((["allow a longer pause (`tune`)"] + help).joined(separator: ", ")), or \(Self.force(means))"
        )
      ], isStuck: true)
  }

  /// The next step from the present pause: the smallest that is enough, or the longest allowed.
  static func next(from present: UInt64, toward needed: UInt64, within longest: UInt64) -> UInt64 {
    var next = Double(max(1, present))
    let enough = min(Double(needed) * margin, Double(longest))
    while next < enough { next *= step }
    return max(present, next >= Double(longest) ? longest : UInt64(next.rounded()))
  }

  private static func force(_ means: Means) -> String {
    means.onDeadline == .force
      ? "wait: the guest is suspended at the deadline" : "suspend the guest until it has moved (`force-complete`)"
  }

  private static func budget(_ rate: UInt64?) -> String {
    rate.map { "give it more than the \(Self.rate(Double($0))) that the bandwidth budgets leave (`tune`), " } ?? ""
  }

  private static func rate(_ bytesPerSecond: Double) -> String { bytes(bytesPerSecond) + "/s" }

  private static func bytes(_ count: Double) -> String { ByteCount(UInt64(max(0, min(count, 0x1p62)).rounded())).description }

  private static func slowed(by percent: UInt64) -> Reason {
    Reason(.guestSlowed, "QEMU slows the guest's CPUs down by \(percent) %, so that its memory can be copied")
  }
}
