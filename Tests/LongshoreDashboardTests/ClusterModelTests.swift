import LongshoreMessages
import Testing

@testable import LongshoreClient
@testable import LongshoreDashboard

@Suite("What the dashboard knows") struct ClusterModelTests {
  @Test("A migration goes from under way to ended, with its story")
  func story() throws {
    let events = Sample.history()
    var model = ClusterModel(events: Array(events.prefix(4)))
    #expect(model.running.map(\.phase) == [.transferring])
    #expect(model.ended.rows.isEmpty)
    for event in events.suffix(2) { model.apply(.event(event), at: Sample.time(20)) }
    #expect(model.running.isEmpty)
    let row = try #require(model.ended.rows.first)
    #expect(row.phase == .completed && row.seconds == 10 && row.downtimeMs == 212 && row.bytes == 8 * Sample.gibibyte)
    let record = try #require(model.migration(Sample.id("m-1")))
    #expect(record.events.map(\.data.kind) == events.map(\.data.kind))
    #expect(record.disks.count == 2 && record.place == Sample.beta && record.bar.copied == 1)
  }

  @Test("Any order, and any repetition, of a history comes to the same", arguments: 0..<50 as Range<UInt64>)
  func order(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let events = Sample.history()
    var shuffled = (events + events.filter { _ in Bool.random(using: &generator) })
    shuffled.shuffle(using: &generator)
    let (straight, crooked) = (ClusterModel(events: events), ClusterModel(events: shuffled))
    #expect(crooked.running.isEmpty)
    #expect(crooked.ended.rows == straight.ended.rows)
    let record = try #require(crooked.migration(Sample.id("m-1")))
    #expect(record.events == events)
    #expect(record.phase == .completed && record.acceptedAt == Sample.start)
  }

  @Test("A migration is told of by its source alone")
  func strangers() throws {
    var model = ClusterModel(events: Array(Sample.history().prefix(4)))
    let before = try #require(model.migration(Sample.id("m-1")))
    model.apply(.event(Sample.event(6, .completed, at: 10, from: Sample.beta, to: Sample.alpha)), at: Sample.time(10))
    var progress = Sample.progress(at: 11, disks: [Sample.amount(1, of: 2)])
    progress.source = HostAddress(cluster: Sample.cluster, host: Sample.beta).eventSource
    model.apply(.progress(progress), at: Sample.time(11))
    #expect(model.migration(Sample.id("m-1")) == before && model.ended.rows.isEmpty)
  }

  @Test("A late event does not take a migration back")
  func late() throws {
    let events = Sample.history()
    let model = ClusterModel(events: [events[0], events[3], events[1]])
    let record = try #require(model.running.first)
    #expect(record.phase == .transferring)
    #expect(record.events.map(\.sequence) == [events[0], events[1], events[3]].map(\.sequence))
  }

  @Test("A bar never runs backwards, whatever progress comes in which order", arguments: 0..<100 as Range<UInt64>)
  func bars(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var model = ClusterModel(events: Array(Sample.history().prefix(4)))
    var furthest = 0.0
    var parts: [String: Double] = [:]
    for step in 0..<60 {
      let total = UInt64.random(in: 0...(4 << 30), using: &generator)
      let disk = Progress.Amount(
        done: .random(in: 0...total, using: &generator), remaining: .random(in: 0...(5 << 30), using: &generator), total: total)
      let memory =
        Bool.random(using: &generator) ? Sample.amount(.random(in: 0...Sample.gibibyte, using: &generator), of: Sample.gibibyte) : nil
      let late = Double.random(in: -5...0, using: &generator)
      model.apply(
        .progress(
          Sample.progress(
            at: Double(step) + late, disks: Bool.random(using: &generator) ? [disk] : [disk, disk], memory: memory,
            iteration: .random(in: 1...3, using: &generator))), at: Sample.time(Double(step)))
      let bar = try #require(model.running.first).bar
      #expect(bar.copied >= furthest && (0...1).contains(bar.copied))
      furthest = bar.copied
      for part in bar.parts {
        #expect(part.copied >= parts[part.name] ?? 0 && part.copied <= 1)
        parts[part.name] = part.copied
      }
    }
  }

  @Test("What was copied once is caught up with, and the bar waits for the memory")
  func catchingUp() throws {
    var model = ClusterModel(events: Array(Sample.history().prefix(4)))
    func bar(_ progress: ProgressEvent) throws -> CopyBar {
      model.apply(.progress(progress), at: progress.time)
      return try #require(model.running.first).bar
    }
    let all = Sample.amount(Sample.gibibyte, of: Sample.gibibyte)
    #expect(try bar(Sample.progress(at: 10, disks: [Sample.amount(Sample.gibibyte / 2, of: Sample.gibibyte)])).copied == 0.5)
    let disks = try bar(Sample.progress(at: 11, disks: [all]))
    #expect(disks.copied == 1 - CopyBar.reservedForMemory && !disks.isCatchingUp)
    let behind = Progress.Amount(done: Sample.gibibyte, remaining: 3 << 20, total: Sample.gibibyte)
    let memory = try bar(Sample.progress(at: 12, disks: [behind], memory: Sample.amount(0, of: Sample.gibibyte), iteration: 1))
    #expect(memory.copied == 1 - CopyBar.reservedForMemory && !memory.isCatchingUp)
    let second = try bar(Sample.progress(at: 13, disks: [behind], memory: Sample.amount(0, of: Sample.gibibyte), iteration: 2))
    #expect(second.copied == 1 && second.isCatchingUp && second.remaining == Sample.gibibyte + 3 << 20)
  }

  @Test("A template that is copied before its disks are known does not fill the bar")
  func templates() throws {
    var bar = CopyBar()
    func update(_ template: Progress.Amount?, _ disks: [Progress.Amount], memory: Progress.Amount? = nil) -> Double {
      var progress = Sample.progress(at: 1, disks: disks, memory: memory).data
      progress.template = template
      bar.update(progress)
      return bar.copied
    }
    let share = CopyBar.shareOfTemplates
    #expect(abs(update(Sample.amount(95, of: 100), []) - 0.95 * share) < 1e-9)
    #expect(abs(update(Sample.amount(100, of: 100), [Sample.amount(10, of: 100)]) - (share + 0.1 * (1 - share))) < 1e-9)
    #expect(abs(update(nil, [Sample.amount(50, of: 100)]) - (share + 0.5 * (1 - share))) < 1e-9, "it is in place")
    #expect(update(nil, [Sample.amount(100, of: 100)], memory: Sample.amount(100, of: 100)) == 1)
  }

  @Test("A queue has places, reasons and the expected start, by host")
  func queue() throws {
    func queued(_ migration: String, _ position: Int) -> MigrationEvent {
      Sample.event(2, .queued, at: 1, of: migration, guest: migration) {
        $0.waiting = Waiting(
          host: Sample.alpha, limit: "limits.outgoing", position: position, reason: Reason(.limitReached, "two run out of alpha already"))
      }
    }
    var model = ClusterModel(events: [queued("m-2", 2), queued("m-1", 1)])
    #expect(model.queue.map(\.id.text) == ["m-1", "m-2"])
    #expect(model.queue.first?.reasons.first?.code == .limitReached)
    var round = HostRound(askedAt: Sample.time(5))
    let waiting = try #require(model.queue.last?.waiting)
    var moved = waiting
    moved.position = 1
    round.hosts[Sample.alpha] = Sample.host()
    round.queues[Sample.alpha] = [
      QueueEntry(
        id: Sample.id("m-2"), guest: Sample.guest("m-2"), sourceHost: Sample.alpha, destinationHost: Sample.beta, priority: .normal,
        since: Sample.time(1), waiting: moved, expectedStart: Sample.time(60))
    ]
    model.apply(.round(round), at: Sample.time(6))
    let second = try #require(model.queue.first { $0.id.text == "m-2" })
    #expect(second.waiting?.position == 1 && second.expectedStart == Sample.time(60))
    model.apply(.event(Sample.event(3, .preparing, at: 7, of: "m-2")), at: Sample.time(7))
    #expect(model.queue.map(\.id.text) == ["m-1"] && model.running.map(\.id.text) == ["m-2"])
    #expect(model.running.first?.waiting == nil)
  }

  @Test("An alarm stands on top until it ends")
  func alarms() {
    let events = Sample.history()
    var model = ClusterModel(events: Array(events.prefix(5)))
    #expect(model.alarms(at: Sample.time(9)).isEmpty)
    model.apply(
      .event(Sample.event(6, .needsAttention, at: 20) { $0.reasons = [Reason(.destinationUnreachable, "beta does not answer")] }),
      at: Sample.time(20))
    let alarm = model.alarms(at: Sample.time(21)).first
    #expect(alarm?.severity == .alarm && alarm?.reasons.first?.code == .destinationUnreachable && alarm?.since == Sample.time(20))
    // Progress of before does not end it, and does not take its reasons.
    model.apply(.progress(Sample.progress(at: 19, disks: [Sample.amount(1, of: 2)])), at: Sample.time(22))
    #expect(model.alarms(at: Sample.time(22)).first?.reasons.isEmpty == false)
    model.apply(.event(Sample.event(7, .completed, at: 30)), at: Sample.time(30))
    #expect(model.alarms(at: Sample.time(31)).isEmpty)
  }

  @Test("A transfer that stands still, or does not converge, is a warning")
  func stillness() {
    var model = ClusterModel(events: Array(Sample.history().prefix(4)))
    let progress = Sample.progress(at: 10, disks: [Sample.amount(1, of: 2)])
    model.apply(.progress(progress), at: Sample.time(10))
    #expect(model.alarms(at: Sample.time(39)).isEmpty)
    #expect(model.alarms(at: Sample.time(3900)).isEmpty, "nothing is heard of it, which says nothing of its bytes")
    // Telling the same bytes again is no movement.
    model.apply(.progress(Sample.progress(at: 40, disks: [Sample.amount(1, of: 2)])), at: Sample.time(40))
    #expect(model.alarms(at: Sample.time(41)).map(\.severity) == [.warning])
    model.apply(.progress(Sample.progress(at: 42, disks: [Sample.amount(2, of: 2)])), at: Sample.time(42))
    #expect(model.alarms(at: Sample.time(43)).isEmpty)
    model.apply(
      .progress(Sample.progress(at: 44, disks: [Sample.amount(2, of: 3)], reasons: [Reason(.notConverging, "it writes faster")])),
      at: Sample.time(44))
    #expect(model.alarms(at: Sample.time(45)).first?.reasons.first?.code == .notConverging)
  }

  @Test("A host that twice stays silent while it is needed is a warning, until it answers")
  func silence() {
    var model = ClusterModel(events: Array(Sample.history().prefix(4)))
    model.apply(.brokerBack, at: Sample.time(0))
    for second in [10.0, 20] {
      var round = HostRound(askedAt: Sample.time(second))
      round.hosts[Sample.alpha] = Sample.host()
      round.migrations[Sample.alpha] = [Sample.status("m-1", .transferring, at: 6)]
      model.apply(.round(round), at: Sample.time(second + 3))
    }
    #expect(model.hosts[Sample.beta]?.isSilent == true && model.hosts[Sample.alpha]?.isSilent == false)
    #expect(model.alarms(at: Sample.time(24)).map(\.key) == ["host beta"])
    var round = HostRound(askedAt: Sample.time(30))
    round.hosts = [Sample.alpha: Sample.host(), Sample.beta: Sample.host()]
    round.migrations[Sample.alpha] = [Sample.status("m-1", .transferring, at: 6)]
    model.apply(.round(round), at: Sample.time(33))
    #expect(model.alarms(at: Sample.time(34)).isEmpty)
  }

  @Test("A migration that its source twice does not tell of is said to be unknown there; one that just began is not")
  func absence() {
    var model = ClusterModel(events: Array(Sample.history().prefix(4)))
    func tell(askedAt second: Double) {
      var round = HostRound(askedAt: Sample.time(second))
      round.hosts[Sample.alpha] = Sample.host()
      round.migrations[Sample.alpha] = []
      model.apply(.round(round), at: Sample.time(second + 1))
    }
    // Events were heard at 0; this question is of before.
    tell(askedAt: -5)
    tell(askedAt: -4)
    #expect(model.running.first?.isUnknownToSource == false)
    tell(askedAt: 10)
    tell(askedAt: 20)
    #expect(model.alarms(at: Sample.time(22)).map(\.severity) == [.warning])
    model.apply(.progress(Sample.progress(at: 23, disks: [Sample.amount(1, of: 2)])), at: Sample.time(23))
    #expect(model.alarms(at: Sample.time(24)).isEmpty)
  }

  @Test("Hosts tell migrations whose events are not in the history")
  func answers() throws {
    var model = ClusterModel(cluster: Sample.cluster)
    var round = HostRound(askedAt: Sample.time(0))
    round.hosts[Sample.alpha] = Sample.host()
    round.migrations[Sample.alpha] = [Sample.status("m-9", .transferring, at: 6)]
    model.apply(.round(round), at: Sample.time(10))
    let record = try #require(model.running.first)
    #expect(record.id.text == "m-9" && record.acceptedAt == Sample.start && record.events.isEmpty)
  }

  @Test("Links carry what their migrations move, and remember the most")
  func links() {
    var model = ClusterModel(
      events: ["m-1", "m-2"].flatMap { id in [Sample.event(1, .accepted, at: 0, of: id), Sample.event(4, .transferring, at: 1, of: id)] })
    for id in ["m-1", "m-2"] {
      model.apply(.progress(Sample.progress(at: 2, of: id, disks: [Sample.amount(1, of: 9)], rate: 50 << 20)), at: Sample.time(2))
    }
    #expect(model.links.map(\.rate) == [100 << 20] && model.links.first?.moving == 2)
    model.apply(.progress(Sample.progress(at: 3, of: "m-1", disks: [Sample.amount(2, of: 9)], rate: 10 << 20)), at: Sample.time(3))
    #expect(model.links.first?.rate == 60 << 20 && model.links.first?.highest == 100 << 20)
    model.apply(.event(Sample.event(6, .cancelled, at: 4, of: "m-1")), at: Sample.time(4))
    #expect(model.links.first?.rate == 50 << 20 && model.links.first?.moving == 1)
  }

  @Test("A drain is one bar that does not run backwards")
  func drains() {
    func drain(_ sequence: Int, _ kind: DrainEventData.Kind, _ counts: (Int, Int, Int, Int, Int), at second: Double) -> DrainEvent {
      let (total, waiting, moving, done, left) = counts
      return DrainEvent(
        drain: Sample.id("d-1"), host: HostAddress(cluster: Sample.cluster, host: Sample.alpha), sequence: sequence,
        time: Sample.time(second),
        data: DrainEventData(
          kind, host: Sample.alpha, phase: kind == .finished ? .completed : .moving,
          counts: DrainEventData.Counts(total: total, waiting: waiting, moving: moving, done: done, left: left)))
    }
    var model = ClusterModel([.drain(drain(1, .accepted, (4, 4, 0, 0, 0), at: 0)), .drain(drain(2, .guest, (4, 1, 1, 2, 0), at: 5))])
    #expect(model.allDrains.map(\.furthest) == [0.5])
    // Four more guests were started, and an event of before comes late.
    model.apply(.drain(drain(3, .planned, (8, 5, 1, 2, 0), at: 6)), at: Sample.time(6))
    model.apply(.drain(drain(1, .accepted, (4, 4, 0, 0, 0), at: 0)), at: Sample.time(7))
    #expect(model.allDrains.map(\.furthest) == [0.5] && model.allDrains.first?.counts.total == 8)
    model.apply(.drain(drain(9, .finished, (8, 0, 0, 8, 0), at: 60)), at: Sample.time(60))
    #expect(model.allDrains.map(\.furthest) == [1] && model.allDrains.first?.phase == .completed)
  }

  @Test("The ended are bounded, and an old history that comes again brings nobody back")
  func bounds() {
    let limits = ClusterModel.Limits(live: 10, ended: 100, stories: 20, drains: 5, hosts: 5, links: 5)
    let histories = (0..<500).map { Sample.history("m-\($0)", from: Double($0) * 100) }
    var model = ClusterModel(events: histories.flatMap(\.self), limits: limits)
    #expect((100...110).contains(model.ended.rows.count))
    #expect(model.running.isEmpty)
    let rows = model.ended.rows
    #expect(rows.last?.id.text == "m-499" && rows.map(\.at) == rows.map(\.at).sorted())
    #expect((0..<500).filter { model.migration(Sample.id("m-\($0)")) != nil }.count == 20)
    for event in histories.flatMap(\.self) {
      model.apply(.event(event), at: Sample.time(1e6))
      #expect(model.running.isEmpty)
    }
    #expect(model.ended.rows == rows)
  }

  @Test("Those that go on, and hosts, are bounded too")
  func liveBounds() {
    let limits = ClusterModel.Limits(live: 10, ended: 10, stories: 5, drains: 5, hosts: 5, links: 5)
    var model = ClusterModel(cluster: Sample.cluster, limits: limits)
    for number in 0..<200 {
      model.apply(
        .event(Sample.event(1, .accepted, at: 0, of: "m-\(number)", from: Sample.node("h-\(number)"))), at: Sample.time(Double(number)))
    }
    #expect(model.running.count == 10 && model.hosts.count == 5)
    #expect(model.running.contains { $0.id.text == "m-199" })
  }

  @Test("Rates are kept in a bounded number of samples, the first and the last among them")
  func rates() {
    var history = RateHistory()
    for second in 0..<5_000 {
      history.add(RateHistory.Sample(time: Sample.time(Double(second)), rate: UInt64(second), dirtyRate: second % 7 == 0 ? 9 : nil))
    }
    #expect(history.samples.count <= RateHistory.most && history.samples.count > RateHistory.most / 3)
    #expect(history.samples.last?.rate == 4_999)
    #expect(history.samples.map(\.time) == history.samples.map(\.time).sorted())
  }

  @Test("Pages of the list are the newest first, and a filter takes host, state and name")
  func pages() {
    var events = (0..<120).flatMap { Sample.history("m-\($0)", from: Double($0) * 100, guest: "guest-\($0)") }
    events.append(Sample.event(2, .failed, at: 50_000, of: "x-1", guest: "Database", from: Sample.node("gamma")))
    let list = ClusterModel(events: events).ended
    let first = list.page(1, of: 50, .all)
    #expect(first.pages == 3 && first.count == 121 && first.rows.count == 50 && first.rows.first?.id.text == "x-1")
    #expect(list.page(99, of: 50, .all).rows.count == 21 && list.page(-3, of: 50, .all).number == 1)
    #expect(list.page(1, of: 50, EndedList.Filter(phase: .failed)).rows.map(\.id.text) == ["x-1"])
    #expect(list.page(1, of: 50, EndedList.Filter(host: Sample.node("gamma"))).count == 1)
    #expect(list.page(1, of: 50, EndedList.Filter(text: "DATA")).count == 1)
    #expect(list.page(1, of: 50, EndedList.Filter(text: "nobody")).rows.isEmpty)
  }

  @Test("The broker is away until it is back")
  func broker() {
    var model = ClusterModel(cluster: Sample.cluster)
    #expect(model.broker.awayBecause != nil && model.broker.awaySince == nil)
    model.apply(.brokerBack, at: Sample.time(1))
    model.apply(.replayed, at: Sample.time(2))
    model.apply(.brokerLost(reason: "reset"), at: Sample.time(3))
    model.apply(.brokerLost(reason: "refused"), at: Sample.time(9))
    #expect(model.broker.awaySince == Sample.time(3) && model.broker.awayBecause == "refused" && model.broker.isReplayed)
    model.apply(.brokerBack, at: Sample.time(10))
    #expect(model.broker.awayBecause == nil && model.broker.awaySince == nil)
  }

  @Test("All is known when the history is read to its end and the hosts were asked, until the broker is away")
  func complete() {
    var model = ClusterModel(cluster: Sample.cluster)
    func apply(_ inputs: ClusterModel.Input...) -> Bool {
      for input in inputs { model.apply(input, at: Sample.time(100)) }
      return model.isComplete
    }
    #expect(!apply(.brokerBack) && !apply(.replaying(since: Sample.time(-60))) && !apply(.askedInVain))
    #expect(model.broker.history?.read == nil)
    #expect(!apply(.event(Sample.event(1, .accepted, at: -50)), .event(Sample.event(2, .preparing, at: 20))))
    // Out of their order, as two hosts' events are.
    #expect(!apply(.event(Sample.event(1, .accepted, at: 10, of: "m-2"))))
    #expect(model.broker.history?.read == Sample.time(-50)...Sample.time(20))
    #expect(apply(.replayed))
    #expect(apply(.event(Sample.event(3, .prepared, at: 99))) && model.broker.history?.read?.upperBound == Sample.time(20))
    #expect(!apply(.brokerLost(reason: "reset")) && apply(.brokerBack))
    #expect(!apply(.replaying(since: Sample.time(-20))) && model.broker.isReplayed && apply(.replayed))
  }
}
