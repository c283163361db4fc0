import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import MigrationCore

@Suite("A drain")
struct DrainTests {
  private static let id = MessageSamples.migrationID("d-1")
  private static let alpha = MessageSamples.source.host
  private static let reason = Reason(.cancelled, "enough")
  private static let failure = Reason(.transferFailed, "the link broke")

  private static func now(_ seconds: Int64 = 0) -> Now {
    Now(wall: Timestamp(milliseconds: 1_000_000 + seconds * 1000), bootID: "boot", bootMilliseconds: 500_000 + seconds * 1000)
  }

  private static func drain(_ order: DrainOrder = DrainOrder()) -> Drain {
    Drain.accept(id: id, order: order, host: alpha, at: now()).drain
  }

  private static func moving(_ survey: DrainSurvey, _ order: DrainOrder = DrainOrder()) -> Drain {
    var drain = drain(order)
    _ = drain.apply(.surveyed(survey, round: 1), at: now(1))
    return drain
  }

  private static func moves(_ drain: Drain) -> [DrainMove] {
    drain.outstanding(at: now()).compactMap { if case .move(let move) = $0 { move } else { nil } }
  }

  private static func states(_ drain: Drain) -> [String: DrainGuest.State] {
    Dictionary(uniqueKeysWithValues: drain.guests.map { ($0.guest.name, $0.state) })
  }

  @Test("surveys, moves as many guests at once as planned, looks again and ends")
  func complete() {
    var (drain, events) = Drain.accept(id: Self.id, order: DrainOrder(parallel: 2), host: Self.alpha, at: Self.now())
    #expect(events.map(\.kind) == [.accepted] && drain.sequence == 1)
    #expect(drain.outstanding(at: Self.now()) == [.survey(round: 1, only: nil)])
    events = drain.apply(.surveyed(DrainSamples.survey([1, 2, 3], hosts: 2), round: 1), at: Self.now(1))
    #expect(events.map(\.kind) == [.planned] && events[0].guests?.count == 3 && events[0].expectedSeconds != nil)
    #expect(Self.moves(drain).count == 2)
    #expect(drain.publicPhase == .moving)
    let first = Self.moves(drain)[0]
    #expect(drain.order(of: first)?.destination.host == first.destination)
    events = drain.apply(.ended(first.migration, .moved), at: Self.now(20))
    #expect(events.map(\.kind) == [.guest] && events[0].guest?.state == .moved)
    #expect(Self.moves(drain).count == 2)
    for move in Self.moves(drain) { _ = drain.apply(.ended(move.migration, .moved), at: Self.now(60)) }
    #expect(drain.outstanding(at: Self.now()) == [.look(round: 1)])
    events = drain.apply(.looked([]), at: Self.now(61))
    #expect(events.map(\.kind) == [.finished] && events[0].phase == .completed && events[0].seconds == 61)
    #expect(drain.isTerminal && drain.outstanding(at: Self.now()).isEmpty)
    #expect(drain.sequence == 6)
    #expect(drain.apply(.cancel(Self.reason, running: true), at: Self.now(62)) == [])
  }

  @Test("orders the same migrations again after a restart")
  func restart() throws {
    let drain = Self.moving(DrainSamples.survey([1, 2], hosts: 2))
    let stored = try JSONDecoder().decode(Drain.self, from: JSONEncoder().encode(drain))
    #expect(stored == drain)
    #expect(stored.outstanding(at: Self.now(5)) == drain.outstanding(at: Self.now(5)))
    let move = try #require(Self.moves(drain).first)
    #expect(DrainMove.id(Self.id, guest: move.guest, round: 1, attempt: 1) == move.migration)
    #expect(DrainMove.id(Self.id, guest: move.guest, round: 1, attempt: 2) != move.migration)
    #expect(DrainMove.id(Self.id, guest: move.guest, round: 2, attempt: 1) != move.migration)
    #expect(UUID(uuidString: move.migration.text) != nil)
    #expect(Set((0..<2000).map { DrainMove.id(Self.id, guest: "g-\($0)", round: 1, attempt: 1) }).count == 2000)
  }

  @Test("tries another host where one fails, each once, and then lets the guest stay")
  func retry() {
    var drain = Self.moving(DrainSamples.survey([1], hosts: 2))
    let first = Self.moves(drain)[0]
    let events = drain.apply(.ended(first.migration, .failed([Self.failure], runsHere: true)), at: Self.now(5))
    #expect(events.map(\.kind) == [.guest])
    let second = Self.moves(drain)[0]
    #expect(second.destination != first.destination && second.attempt == 2 && second.migration != first.migration)
    _ = drain.apply(.ended(first.migration, .moved), at: Self.now(6))
    #expect(Self.states(drain) == ["guest-0": .moving], "the end of an earlier try is no news")
    _ = drain.apply(.refused(second.migration, [Self.failure]), at: Self.now(7))
    #expect(Self.states(drain) == ["guest-0": .failed])
    #expect(drain.guests[0].refusals.map(\.host) == [first.destination, second.destination])
    _ = drain.apply(.looked([DrainSamples.guest(0)]), at: Self.now(8))
    #expect(drain.isTerminal && drain.publicPhase == .incomplete)
  }

  @Test("goes on without a guest that fails, or stops, as the order says")
  func rules() {
    let survey = DrainSamples.survey([3, 2, 1], hosts: 2)
    var skipping = Self.moving(survey, DrainOrder(parallel: 1, onFailure: .skip))
    _ = skipping.apply(.ended(Self.moves(skipping)[0].migration, .failed([Self.failure], runsHere: true)), at: Self.now(5))
    #expect(skipping.counts.left == 1 && Self.moves(skipping).count == 1)
    var stopping = Self.moving(survey, DrainOrder(parallel: 2, onFailure: .stop))
    let events = stopping.apply(
      .ended(Self.moves(stopping)[0].migration, .failed([Self.failure], runsHere: true)), at: Self.now(5))
    #expect(events.map(\.kind) == [.guest, .paused])
    #expect(stopping.publicPhase == .ending && Self.moves(stopping).count == 1)
    #expect(stopping.counts == DrainEventData.Counts(total: 3, waiting: 0, moving: 1, done: 0, left: 2))
    let last = stopping.apply(.ended(Self.moves(stopping)[0].migration, .moved), at: Self.now(9))
    #expect(last.map(\.kind) == [.guest, .finished] && last[1].reasons?.first?.code == .drainStopped)
    var blocked = survey
    blocked.guests[0].refusals = [Reason(.unmovableDevice, "a host device")]
    #expect(Self.moving(blocked, DrainOrder(onFailure: .stop)).isTerminal, "a blocker stops it before anything moves")
    #expect(!Self.moving(blocked, DrainOrder()).isTerminal)
  }

  @Test("begins nothing while it is paused, and goes on")
  func paused() {
    var drain = Self.moving(DrainSamples.survey([2, 1], hosts: 1), DrainOrder(parallel: 1))
    let first = Self.moves(drain)[0]
    #expect(drain.apply(.pause(Self.reason), at: Self.now(2)).map(\.kind) == [.paused])
    #expect(drain.apply(.pause(Self.reason), at: Self.now(2)) == [])
    #expect(Self.moves(drain) == [first])
    _ = drain.apply(.ended(first.migration, .moved), at: Self.now(9))
    #expect(Self.moves(drain) == [] && drain.publicPhase == .paused)
    #expect(drain.apply(.resume(Self.reason), at: Self.now(10)).map(\.kind) == [.resumed])
    #expect(Self.moves(drain).count == 1)
  }

  @Test("drops what waits when it is cancelled, and cancels what runs only if that is wanted")
  func cancelled() {
    var drain = Self.moving(DrainSamples.survey([2, 1], hosts: 1), DrainOrder(parallel: 1))
    let first = Self.moves(drain)[0]
    _ = drain.apply(.pause(Self.reason), at: Self.now(2))
    _ = drain.apply(.cancel(Self.reason, running: false), at: Self.now(2))
    #expect(Self.states(drain) == ["guest-0": .moving, "guest-1": .skipped])
    #expect(!drain.outstanding(at: Self.now()).contains(.cancelMove(first.migration)))
    #expect(drain.refusal(of: .resume)?.code == .tooLate && drain.refusal(of: .cancel) == nil)
    _ = drain.apply(.cancel(Self.reason, running: true), at: Self.now(3))
    #expect(drain.outstanding(at: Self.now()).contains(.cancelMove(first.migration)))
    let events = drain.apply(.ended(first.migration, .cancelled([Self.reason], runsHere: true)), at: Self.now(4))
    #expect(events.map(\.kind) == [.guest, .finished])
    #expect(drain.publicPhase == .cancelled && Self.states(drain)["guest-0"] == .cancelled)
    var early = Self.drain()
    #expect(early.apply(.cancel(Self.reason, running: false), at: Self.now(1)).map(\.kind) == [.finished])
  }

  @Test("begins nothing after its deadline, and follows what runs")
  func deadline() {
    var drain = Self.moving(DrainSamples.survey([2, 1], hosts: 1), DrainOrder(parallel: 1, deadlineSeconds: 60))
    #expect(drain.outstanding(at: Self.now(10)).contains(.awaitDeadline(milliseconds: 50_000)))
    _ = drain.apply(.deadlinePassed, at: Self.now(60))
    #expect(drain.publicPhase == .ending && Self.moves(drain).count == 1)
    let events = drain.apply(.ended(Self.moves(drain)[0].migration, .moved), at: Self.now(70))
    #expect(events.last?.kind == .finished && events.last?.reasons?.first?.code == .deadlinePassed)
    #expect(events.last?.guests?.map(\.state) == [.moved, .skipped])
  }

  @Test("finds guests that were started meanwhile, and notes those that stopped")
  func startedAndStopped() throws {
    var drain = Self.moving(DrainSamples.survey([2, 1], hosts: 1))
    let moves = Self.moves(drain)
    try #require(moves.count == 2)
    _ = drain.apply(.refused(moves[0].migration, [Reason(.guestNotRunning, "it is off")]), at: Self.now(2))
    _ = drain.apply(.ended(moves[1].migration, .failed([Self.failure], runsHere: false)), at: Self.now(3))
    #expect(Set(Self.states(drain).values) == [.gone])
    #expect(drain.guests.allSatisfy { $0.reasons.first?.code == .guestGone })
    _ = drain.apply(.looked([DrainSamples.guest(7)]), at: Self.now(4))
    #expect(drain.outstanding(at: Self.now()) == [.survey(round: 2, only: [DrainSamples.guest(7).uuid])])
    var later = DrainSamples.survey([1], hosts: 1)
    later.guests[0].guest = DrainSamples.guest(7)
    _ = drain.apply(.surveyed(later, round: 1), at: Self.now(5))
    #expect(drain.guests.count == 2, "the survey of another round is late")
    _ = drain.apply(.surveyed(later, round: 2), at: Self.now(5))
    _ = drain.apply(.ended(Self.moves(drain)[0].migration, .moved), at: Self.now(9))
    _ = drain.apply(.looked([]), at: Self.now(10))
    #expect(drain.publicPhase == .completed && drain.guests.count == 3)
  }

  @Test("lets go of guests that no host could take, or that failed, and that were stopped meanwhile", arguments: [true, false])
  func stoppedMeanwhile(isStopped: Bool) throws {
    var survey = DrainSamples.survey([2, 1], hosts: 1)
    survey.guests[0].ways = []
    var drain = Self.moving(survey, DrainOrder(onFailure: .skip))
    _ = drain.apply(.ended(try #require(Self.moves(drain).first).migration, .failed([Self.failure], runsHere: true)), at: Self.now(2))
    #expect(Self.states(drain) == ["guest-0": .blocked, "guest-1": .failed])
    let events = drain.apply(.looked(isStopped ? [] : drain.guests.map(\.guest)), at: Self.now(3))
    #expect(events.map(\.kind) == (isStopped ? [.guest, .guest, .finished] : [.finished]))
    #expect(Set(Self.states(drain).values) == (isStopped ? [.gone] : [.blocked, .failed]))
    #expect(drain.publicPhase == (isStopped ? .completed : .incomplete))
    #expect(drain.guests.allSatisfy { ($0.reasons.first?.code == .guestGone) == isStopped })
  }

  @Test("moves a guest that is started again by a migration of its own, and not by the one that has ended")
  func startedAgain() throws {
    var drain = Self.moving(DrainSamples.survey([1], hosts: 1), DrainOrder(onFailure: .skip))
    let first = try #require(Self.moves(drain).first)
    _ = drain.apply(.ended(first.migration, .failed([Self.failure], runsHere: false)), at: Self.now(2))
    #expect(Self.states(drain) == ["guest-0": .gone])
    _ = drain.apply(.looked([DrainSamples.guest(0)]), at: Self.now(3))
    _ = drain.apply(.surveyed(DrainSamples.survey([1], hosts: 1), round: 2), at: Self.now(4))
    let second = try #require(Self.moves(drain).first)
    #expect(second.migration != first.migration && second.attempt == 1)
    _ = drain.apply(.ended(first.migration, .failed([Self.failure], runsHere: true)), at: Self.now(5))
    #expect(Self.states(drain) == ["guest-0": .moving])
    _ = drain.apply(.ended(second.migration, .moved), at: Self.now(6))
    _ = drain.apply(.looked([]), at: Self.now(7))
    #expect(drain.publicPhase == .completed)
  }

  @Test("follows a migration that somebody else has ordered, and takes the guest over where that fails")
  func foreign() {
    var survey = DrainSamples.survey([1], hosts: 1)
    survey.guests[0].migration = DrainSurvey.Guest.Foreign(id: MessageSamples.migrationID("m-9"), destination: DrainSamples.host(3))
    var drain = Self.moving(survey, DrainOrder(onFailure: .skip))
    #expect(Self.moves(drain).map(\.isOwn) == [false])
    _ = drain.apply(.cancel(Self.reason, running: true), at: Self.now(2))
    #expect(!drain.outstanding(at: Self.now()).contains(.cancelMove(MessageSamples.migrationID("m-9"))))
    drain = Self.moving(survey, DrainOrder(onFailure: .skip))
    _ = drain.apply(.ended(MessageSamples.migrationID("m-9"), .failed([Self.failure], runsHere: true)), at: Self.now(3))
    #expect(Self.moves(drain).map(\.destination) == [DrainSamples.host(1)])
  }

  @Test(
    "surveys a guest again whose migration somebody else has ordered and which no known host can take instead",
    arguments: [
      DrainFailureRule.retry, .skip, .stop,
    ])
  func foreignWithoutWays(rule: DrainFailureRule) {
    var survey = DrainSamples.survey([1], hosts: 1)
    survey.guests[0].migration = DrainSurvey.Guest.Foreign(id: MessageSamples.migrationID("m-9"), destination: DrainSamples.host(3))
    survey.guests[0].ways = []
    var drain = Self.moving(survey, DrainOrder(onFailure: rule))
    _ = drain.apply(.ended(MessageSamples.migrationID("m-9"), .failed([Self.failure], runsHere: true)), at: Self.now(3))
    #expect(drain.outstanding(at: Self.now(3)).contains(.look(round: 1)))
    _ = drain.apply(.looked([DrainSamples.guest(0)]), at: Self.now(4))
    #expect(drain.outstanding(at: Self.now(4)).contains(.survey(round: 2, only: [DrainSamples.guest(0).uuid])))
    _ = drain.apply(.surveyed(DrainSamples.survey([1], hosts: 1), round: 2), at: Self.now(5))
    #expect(Self.moves(drain).map(\.destination) == [DrainSamples.host(1)])
    #expect(Self.moves(drain).map(\.isOwn) == [true])
  }

  @Test("begins as many of its own as planned beside those that somebody else has ordered")
  func besideForeign() {
    var survey = DrainSamples.survey([1, 1], hosts: 1)
    survey.guests[0].migration = DrainSurvey.Guest.Foreign(id: MessageSamples.migrationID("m-9"), destination: DrainSamples.host(3))
    let drain = Self.moving(survey, DrainOrder(parallel: 1))
    #expect(Self.moves(drain).map(\.isOwn) == [false, true])
  }

  @Test("ends with the guests that are started again and again named, and not as completed")
  func startedForEver() throws {
    var drain = Self.moving(DrainSamples.survey([1], hosts: 1))
    for round in 2...Drain.roundLimit {
      let now = Self.now(Int64(round))
      _ = drain.apply(.ended(try #require(Self.moves(drain).last).migration, .moved), at: now)
      _ = drain.apply(.looked([DrainSamples.guest(0)]), at: now)
      _ = drain.apply(.surveyed(DrainSamples.survey([1], hosts: 1), round: round), at: now)
    }
    _ = drain.apply(.ended(try #require(Self.moves(drain).last).migration, .moved), at: Self.now(30))
    _ = drain.apply(.looked([DrainSamples.guest(0)]), at: Self.now(31))
    #expect(drain.publicPhase == .incomplete)
    #expect(Self.states(drain) == [DrainSamples.guest(0).name: .blocked])
  }

  @Test("ends without a guest whose migration needs attention")
  func attention() throws {
    var drain = Self.moving(DrainSamples.survey([2, 1], hosts: 1))
    let moves = Self.moves(drain)
    try #require(moves.count == 2)
    _ = drain.apply(.attention(moves[0].migration, [Reason(.undecided, "nobody knows")]), at: Self.now(2))
    #expect(Self.moves(drain).count == 2, "it may still go on by itself")
    let events = drain.apply(.ended(moves[1].migration, .moved), at: Self.now(3))
    #expect(events.map(\.kind) == [.guest, .guest])
    #expect(Set(Self.states(drain).values) == [.unsettled, .moved])
    _ = drain.apply(.looked([drain.guests.first { $0.state == .unsettled }?.guest].compactMap(\.self)), at: Self.now(4))
    #expect(drain.publicPhase == .incomplete)
  }

  @Test("corrects its forecast by what migrations have taken")
  func forecast() throws {
    var drain = Self.moving(DrainSamples.survey([2, 2, 2], hosts: 1), DrainOrder(parallel: 1))
    let first = try #require(drain.status(at: Self.now(1)).expectedSeconds)
    #expect((60...75).contains(first), "\(first)")
    let half = try #require(drain.status(left: [Self.moves(drain)[0].migration: 0.5], at: Self.now(10)).expectedSeconds)
    #expect(half < first - 8)
    _ = drain.apply(.ended(Self.moves(drain)[0].migration, .moved), at: Self.now(45))
    let slower = try #require(drain.status(at: Self.now(45)).expectedSeconds)
    #expect((80...100).contains(slower), "\(slower)")
  }

  @Test("plans dry without a drain")
  func dryRun() {
    var survey = DrainSamples.survey([2, 1], hosts: 2)
    survey.guests[1].refusals = [Reason(.unmovableDevice, "a host device")]
    let plan = Drain.plan(
      id: Self.id, order: DrainOrder(onFailure: .stop, dryRun: true), host: Self.alpha, survey: survey, at: Self.now())
    #expect(plan.phase == .planned && plan.guests.map(\.state) == [.waiting, .blocked])
    #expect(plan.expectedSeconds != nil && plan.boundSeconds != nil && plan.candidates.count == 2)
    #expect(plan.guests[0].expectedStart == 0)
  }

  /// All that can come to a drain, in drawn orders, twice and late: it ends once all that it waits for has come, with an outcome for every
  /// guest, its events numbered, and never more under way than allowed.
  @Test("ends whatever comes, with an outcome for each guest", arguments: 0..<300)
  func walk(seed: Int) throws {
    var random = SeededRandom(UInt64(seed))
    let survey = DrainSamples.drawn(&random)
    let order = DrainOrder(
      parallel: [nil, 1, 3].randomElement(using: &random) ?? nil, deadlineSeconds: [nil, 600].randomElement(using: &random) ?? nil,
      onFailure: [.skip, .stop, .retry, nil].randomElement(using: &random) ?? nil)
    var drain = Self.drain(order)
    var told = 1
    var seconds: Int64 = 0
    var old: [MigrationID] = []
    var begun: Set<MigrationID> = []
    var steps = 0
    while !drain.isTerminal, steps < 3000 {
      steps += 1
      seconds += 3
      let before = drain
      let effects = drain.outstanding(at: Self.now(seconds))
      try #require(!effects.isEmpty)
      let occurrence: DrainOccurrence
      switch Int.random(in: 0..<40, using: &random) {
      case 0: occurrence = .pause(Self.reason)
      case 1, 2, 3: occurrence = .resume(Self.reason)
      case 4 where steps > 100: occurrence = .cancel(Self.reason, running: Bool.random(using: &random))
      case 5: occurrence = .reportDue(expectedSeconds: nil)
      case 6: occurrence = old.randomElement(using: &random).map { .ended($0, .moved) } ?? .looked([])
      default:
        switch effects.randomElement(using: &random) {
        case .survey(let round, let only)?:
          var found = survey
          if let only {
            found.guests = only.enumerated().map { index, uuid in
              var guest = survey.guests[index % survey.guests.count]
              guest.guest.uuid = uuid
              return guest
            }
          }
          occurrence = .surveyed(found, round: round)
        case .move(let move)?:
          old.append(move.migration)
          let ends: [DrainOccurrence] = [
            .ended(move.migration, .moved), .ended(move.migration, .failed([Self.failure], runsHere: true)),
            .ended(move.migration, .failed([Self.failure], runsHere: false)), .refused(move.migration, [Self.failure]),
            .refused(move.migration, [Reason(.guestBusy, "busy")]), .attention(move.migration, [Self.failure]),
            .ended(move.migration, .cancelled([Self.reason], runsHere: true)),
          ]
          occurrence = (Bool.random(using: &random) ? ends.first : ends.randomElement(using: &random)) ?? .looked([])
        case .cancelMove(let id)?: occurrence = .ended(id, .cancelled([Self.reason], runsHere: true))
        case .look?:
          occurrence = .looked(Int.random(in: 0..<3, using: &random) == 0 ? [DrainSamples.guest(500 + steps)] : [])
        case .awaitDeadline?: occurrence = seconds > 600 ? .deadlinePassed : .reportDue(expectedSeconds: 1)
        case .report?, nil: occurrence = .reportDue(expectedSeconds: 1)
        }
      }
      let events = drain.apply(occurrence, at: Self.now(seconds))
      told += events.count
      #expect(drain.sequence == told)
      #expect(drain.revision == before.revision + (drain == before && events.isEmpty ? 0 : 1))
      #expect(events.count { $0.kind == .finished } == (drain.isTerminal ? 1 : 0))
      let running = drain.guests.count { $0.state == .moving && !$0.needsAttention && $0.move?.isOwn == true }
      #expect(running <= drain.parallel)
      let isMoving = Set(before.guests.filter { $0.state == .moving }.compactMap(\.move))
      for move in drain.guests.filter({ $0.state == .moving }).compactMap(\.move) where !isMoving.contains(move) {
        #expect(begun.insert(move.migration).inserted, "a migration begins once")
      }
      if Int.random(in: 0..<10, using: &random) == 0 {
        drain = try JSONDecoder().decode(Drain.self, from: JSONEncoder().encode(drain))
      }
    }
    #expect(drain.isTerminal, "\(drain.phase) after \(steps) steps")
    #expect(drain.guests.allSatisfy { $0.state.isFinal && ($0.state == .moved || !$0.reasons.isEmpty) })
  }
}
