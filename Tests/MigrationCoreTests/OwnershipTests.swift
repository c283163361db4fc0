import LongshoreMessages
import MigrationCore
import Testing

/// Who has the guest after a transfer: every pair of sights, in both handovers, whether libvirt reported success or not.
///
/// The table is of what is known of libvirt, not of the code: a pair that no row names must stay undecided.
@Suite struct OwnershipTests {
  /// A decision without its reason.
  enum Verdict: Hashable {
    case source, sourceNotRunning, destination, destinationUnseen, wait
    case resumeDestination, destroyDestination, endSplitBrainAtDestination
    case resumeSource, destroySource, endSplitBrainAtSource

    init(_ ownership: Ownership) {
      self =
        switch ownership {
        case .source(running: true): .source
        case .source(running: false): .sourceNotRunning
        case .destination: .destination
        case .destinationUnseen: .destinationUnseen
        case .undecided: .wait
        case .settle(.resumeDestination, _): .resumeDestination
        case .settle(.destroyDestination, splitBrain: false): .destroyDestination
        case .settle(.destroyDestination, splitBrain: true): .endSplitBrainAtDestination
        case .settle(.resumeSource, _): .resumeSource
        case .settle(.destroySource, splitBrain: false): .destroySource
        case .settle(.destroySource, splitBrain: true): .endSplitBrainAtSource
        }
    }
  }

  /// What the decision depends on beside the sights.
  struct Circumstances: Hashable, CustomStringConvertible {
    var fenced = false
    var succeeded = false
    var confirmed = false
    var persistent = false

    static let all = (0..<16).map { bits in
      Circumstances(fenced: bits & 1 != 0, succeeded: bits & 2 != 0, confirmed: bits & 4 != 0, persistent: bits & 8 != 0)
    }

    var description: String {
      [
        fenced ? "fenced" : "direct", persistent ? "persistent" : "transient", succeeded ? "success" : "error",
        confirmed ? "confirmed" : "unconfirmed",
      ].joined(separator: " ")
    }
  }

  /// Every sight of a host, with a name.
  static let sights: [(name: String, sight: GuestSight)] = {
    let states: [(String, GuestState)] = [
      ("running", .running), ("running again", .runningMigrationCanceled), ("paused", .pausedByUser), ("held", .pausedForMigration),
      ("post-copy", .postcopy("running (post-copy)")), ("other", .other("paused (I/O error)")),
    ]
    return [("absent", .absent), ("off", .off), ("moved", .migratedAway), ("silent", .silent)]
      + states.map { ($0.0, .active($0.1, job: .none)) }
      + states.map { ($0.0 + ", backup", .active($0.1, job: .other)) }
      + states.map { ($0.0 + ", migrating", .active($0.1, job: .migration)) }
  }()

  /// One row: sights at the source, sights at the destination, and what is right there.
  typealias Row = (source: Set<String>, destination: Set<String>, verdict: @Sendable (Circumstances) -> Verdict)

  /// A guest with a process, with or without a backup of it.
  private static func active(_ states: String...) -> Set<String> { Set(states.flatMap { [$0, $0 + ", backup"] }) }

  private static let rules: [Row] = [
    // The guest is seen at the source, and the destination is seen not to have it.
    (active("running", "running again", "paused", "post-copy", "other"), ["absent", "off", "moved"], { _ in .source }),
    // libvirt defines the guest at the destination before it starts it: it may have run and ended there, and without a definition
    // it leaves no trace of that. Not so where it arrives paused and only the source agent resumes it, after the source's guest has
    // ended.
    (active("held"), ["absent"], { $0.fenced || $0.persistent ? .resumeSource : .wait }),
    (active("held"), ["off", "moved"], { $0.fenced ? .resumeSource : .wait }),
    // The guest ended at the source while it was copied. After a success that would be a guest that got lost.
    (["off", "moved"], ["absent"], { $0.succeeded ? .wait : .sourceNotRunning }),

    // The guest has left the source and is seen at the destination.
    (["absent", "off", "moved"], active("running", "running again"), { _ in .destination }),
    // Where it arrives paused and libvirt reported no success, the source may have taken it back and run it until it ended: what was
    // written then is nowhere else.
    (["absent", "off", "moved"], active("paused"), { $0.fenced ? ($0.succeeded ? .resumeDestination : .wait) : .destination }),
    // It has left the source for certain, as libvirt itself reported, and has ended where it arrived.
    (["moved"], ["off"], { $0.succeeded ? .destination : .wait }),

    // Both hosts have a process of the guest.
    (
      active("running", "running again"), active("running"),
      { $0.confirmed ? .endSplitBrainAtSource : .endSplitBrainAtDestination }
    ),
    (active("running", "running again"), active("paused"), { _ in .destroyDestination }),
    (active("held"), active("running"), { _ in .destroySource }),
    // The migration has ended at the source, which has the guest as its owner has left it; the destination still waits for the rest of a
    // guest that nobody but the source's agent resumes, or hangs.
    (
      active("running", "running again", "paused"), ["held, migrating"],
      { $0.fenced && !$0.succeeded ? .destroyDestination : .wait }
    ),
    // Held where libvirt died over it, and complete where it arrived paused and nobody has resumed it.
    (active("held"), active("paused"), { $0.fenced && !$0.succeeded ? .destroyDestination : .wait }),
  ]

  /// One pair of sights in one of all circumstances.
  struct Case: CustomStringConvertible {
    var here: String
    var there: String
    var observation: Observation
    var circumstances: Circumstances

    static let all = sights.flatMap { here in
      sights.flatMap { there in
        Circumstances.all.map {
          Case(
            here: here.name, there: there.name, observation: Observation(source: here.sight, destination: there.sight), circumstances: $0)
        }
      }
    }

    var description: String { "source \(here), destination \(there), \(circumstances)" }

    func decide(there namedThere: Owner? = nil, named: Owner? = nil) -> (ownership: Ownership, reason: String) {
      Ownership.decide(
        observation, fenced: circumstances.fenced, persistent: circumstances.persistent, transferSucceeded: circumstances.succeeded,
        confirmed: circumstances.confirmed, namedThere: namedThere, named: named)
    }

    /// What is right by a table; nil where no row names the pair.
    func verdict(in rows: [Row]) -> Verdict? {
      let matching = rows.filter { $0.source.contains(here) && $0.destination.contains(there) }
      #expect(matching.count <= 1, "the table names \(here) / \(there) more than once")
      return matching.first?.verdict(circumstances)
    }

    func expect(_ expected: Verdict, there namedThere: Owner? = nil, named: Owner? = nil) {
      let (ownership, reason) = decide(there: namedThere, named: named)
      #expect(Verdict(ownership) == expected, "\(self), \(named?.rawValue ?? "nobody") named: \(reason)")
      #expect(!reason.isEmpty)
    }
  }

  @Test func everyPairOfSights() {
    for it in Case.all { it.expect(it.verdict(in: Self.rules) ?? .wait) }
  }

  /// What the operator's word comes to where the states leave the owner open; everywhere else they stand.
  private static let namedSource: [Row] = [
    (["off", "moved"], ["absent", "off", "moved", "silent"], { _ in .sourceNotRunning }),
    (active("running", "running again", "paused", "post-copy", "other"), ["absent", "off", "moved", "silent"], { _ in .source }),
    (active("held"), ["absent", "off", "moved", "silent"], { _ in .resumeSource }),
    (
      active("running", "running again", "paused", "held", "post-copy", "other").union(["off", "moved"]),
      Set(["paused", "held", "other"].flatMap { [$0, "\($0), backup", "\($0), migrating"] }), { _ in .destroyDestination }
    ),
  ]
  private static let namedDestination: [Row] = [
    (["absent", "off", "moved"], ["off", "moved", "silent"], { _ in .destinationUnseen }),
    (active("paused", "held", "post-copy", "other"), Set(sights.map(\.name)).subtracting(["absent"]), { _ in .destroySource }),
    (
      ["absent", "off", "moved", "silent"], Set(["running", "running again"].flatMap { [$0, "\($0), backup", "\($0), migrating"] }),
      { _ in .destination }
    ),
    (
      ["absent", "off", "moved", "silent"],
      Set(["paused", "held", "post-copy", "other"].flatMap { [$0, "\($0), backup", "\($0), migrating"] }), { _ in .resumeDestination }
    ),
    (["silent"], ["off", "moved", "silent"], { _ in .destinationUnseen }),
  ]

  @Test(arguments: [Owner.source, .destination])
  func theOperatorsWordCountsWhereTheStatesLeaveTheOwnerOpen(_ named: Owner) {
    let rows = named == .source ? Self.namedSource : Self.namedDestination
    for it in Case.all {
      let seen = it.decide().ownership
      let word = it.verdict(in: rows) ?? .wait
      it.expect(seen == .undecided ? word : Verdict(seen), named: named)
    }
  }

  /// What is decided where the guest has gone on at the destination by the operator's word, given there.
  private static let takenOver: [Row] = [
    (["absent", "off", "moved"], active("running", "running again", "paused"), { _ in .destination }),
    (["absent", "off", "moved"], ["off", "moved"], { _ in .destination }),
    (active("running", "running again"), active("running"), { _ in .endSplitBrainAtSource }),
    (active("held"), active("running"), { _ in .destroySource }),
  ]

  /// Nothing at the destination is ended or resumed, and never is the guest the source's without another word of the operator's.
  @Test func afterATakeoverNothingIsDecidedForTheSource() {
    for it in Case.all {
      let expected = it.verdict(in: Self.takenOver) ?? .wait
      it.expect(expected, there: .destination)
      guard expected == .wait else { continue }
      it.expect(it.verdict(in: Self.namedSource) ?? .wait, there: .destination, named: .source)
      it.expect(it.verdict(in: Self.namedDestination) ?? .wait, there: .destination, named: .destination)
    }
  }

  /// The word that was given at the destination counts as the same word at the source; and a transient guest leaves no trace of itself.
  @Test func afterTheSourceWasNamedThereItIsNamed() {
    for it in Case.all {
      let isGone = it.observation == Observation(source: .absent, destination: .absent)
      it.expect(isGone ? .sourceNotRunning : Verdict(it.decide(named: .source).ownership), there: .source)
    }
  }

  @Test func anUnreachableHostIsNamedWithItsError() {
    let source = Ownership.decide(
      Observation(source: .silent, destination: .runs), fenced: false, persistent: true, transferSucceeded: true, confirmed: false)
    #expect(source.reason == "the source's libvirt does not answer: connection refused")
    let destination = Ownership.decide(
      Observation(source: .off, destination: .silent), fenced: false, persistent: true, transferSucceeded: true, confirmed: false)
    #expect(destination.reason == "the destination's libvirt does not answer: connection refused")
  }
}
