internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// What an agent remembers of transfers and of links while it runs. Nothing depends on it that must last: a transfer is judged anew, and
/// begun as its order says, where it was forgotten.
actor TransferNotes {
  private var trends: [MigrationID: Convergence] = [:]
  private var activities: [MigrationID: (activity: DomainActivity, at: Int64)] = [:]
  private var fastest: [MigrationID: (host: NodeName, rate: UInt64)] = [:]
  /// The transfers that a budget or a cap has held back.
  private var limited: Set<MigrationID> = []
  private var rates: [NodeName: UInt64] = [:]

  /// Judges a transfer by all samples of it.
  func judge(
    _ sample: Progress, of id: MigrationID, by means: Convergence.Means, secondsLeft: Double?
  ) -> Convergence.Judgement {
    trends[id, default: Convergence()].judge(sample, by: means, secondsLeft: secondsLeft)
  }

  /// Takes what a guest had done up to a time, in milliseconds of the boot clock.
  func note(_ activity: DomainActivity, of id: MigrationID, at milliseconds: Int64) {
    activities[id] = (activity, milliseconds)
  }

  /// What a guest had done when it was read, and when that was; nil where another run of this agent has read it.
  func activity(of id: MigrationID) -> (DomainActivity, Int64)? { activities[id].map { ($0.activity, $0.at) } }

  /// Takes the rate at which a transfer copies now, in bytes a second. What comes from a task that is cancelled is late: the migration
  /// may be forgotten already.
  func note(rate: UInt64, of id: MigrationID, to host: NodeName) {
    guard !Task.isCancelled else { return }
    fastest[id] = (host, max(rate, fastest[id]?.rate ?? 0))
  }

  /// Takes that a budget or a cap holds a transfer back, whose rate is not the link's then.
  func noteLimit(of id: MigrationID) {
    guard !Task.isCancelled else { return }
    limited.insert(id)
  }

  /// Takes that a transfer has succeeded, and with it the rate that it reached.
  func noteSuccess(of id: MigrationID) {
    guard let last = fastest[id], activities[id] != nil, !limited.contains(id), last.rate > 0 else { return }
    rates[last.host] = last.rate
  }

  /// The most that the last transfer to a host has copied in a second, in bytes, of those that succeeded and that nothing but the link
  /// held back; nil where this run of the agent saw none from its beginning: of the others the end may be all that was seen.
  func rate(to host: NodeName) -> UInt64? { rates[host] }

  /// Forgets a migration that has ended.
  func remove(_ id: MigrationID) {
    trends[id] = nil
    activities[id] = nil
    fastest[id] = nil
    limited.remove(id)
  }
}
