internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// What an agent remembers of transfers and of links while it runs. Nothing depends on it that must last: a transfer is judged anew, and
/// begun as its order says, where it was forgotten.
actor TransferNotes {
  private var trends: [MigrationID: Convergence] = [:]
  private var activities: [MigrationID: (activity: DomainActivity, at: Int64)] = [:]
  private var fastest: [MigrationID: (host: NodeName, rate: UInt64)] = [:]
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

  /// Takes the rate at which a transfer copies now, in bytes a second.
  func note(rate: UInt64, of id: MigrationID, to host: NodeName) {
    fastest[id] = (host, max(rate, fastest[id]?.rate ?? 0))
  }

  /// The most that the last transfer to a host has copied in a second, in bytes; nil where this run of the agent saw none from its
  /// beginning: of the others the end may be all that was seen.
  func rate(to host: NodeName) -> UInt64? { rates[host] }

  /// Forgets a migration that has ended, but for the rate that it reached.
  func remove(_ id: MigrationID) {
    if let last = fastest.removeValue(forKey: id), activities[id] != nil, last.rate > 0 { rates[last.host] = last.rate }
    trends[id] = nil
    activities[id] = nil
  }
}
