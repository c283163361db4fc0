import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

extension FourHostTests {
  /// Guests that change their memory or their disks faster than the link carries.
  @Suite(.serialized) struct Convergence {
    /// The link in these tests, which carries about 24 MiB/s.
    private static let rate = "200mbit"
    /// A guest that rewrites more of its memory than that.
    private static let hot = Guest.Form(options: ["--disks", "1", "--memory", "256", "--dirty", "40"])

    /// A guest that rewrites as much of its memory as it can, also where the machine is busy, and a link that takes a pass over it in little
    /// more than a second: QEMU slows it further after every second pass.
    private static let (hottest, fastRate) = (Guest.Form(options: ["--disks", "1", "--dirty", "400"]), "400mbit")

    /// What the events that tell of the transfer say was done.
    private func deeds(of id: MigrationID, by orchestrator: Orchestrator) async throws -> [Reason.Code] {
      try await orchestrator.history(of: id).filter { $0.data.kind == .transferring }.flatMap { $0.data.reasons ?? [] }.map(\.code)
    }

    private func expectArrived(_ guest: Guest) async throws {
      #expect(try await guest.state(on: .beta) == "running")
      #expect(try await guest.state(on: .alpha) == nil)
      try await guest.waitForWrite(on: .beta)
      try await guest.verify(.alpha, .beta).expectGood()
    }

    @Test("a guest that changes its memory too fast is told so, and completes when it may stand still for longer")
    func toldAndTuned() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(guest, from: .alpha)
            let told = try await orchestrator.progress(of: id) { $0.reasons?.contains { $0.code == .notConverging } == true }
            #expect(told.remainingSeconds == nil)
            #expect(told.reasons?.first?.message.contains("`tune`") == true)

            let again = try await orchestrator.tune(id, TransferLimits(memoryBandwidthMiBps: 500, deadlineSeconds: 3600), on: .alpha)
            #expect(
              again.body
                == .tuned([
                  LimitChange(.memoryBandwidthMiBps, from: nil, to: 500), LimitChange(.deadlineSeconds, from: 86_400, to: 3600),
                ]))
            let reply = try await orchestrator.tune(id, TransferLimits(maxDowntimeMs: 20_000), on: .alpha)
            #expect(reply.body == .tuned([LimitChange(.maxDowntimeMs, from: nil, to: 20_000)]))
            #expect(try await orchestrator.tune(id, TransferLimits(maxDowntimeMs: 20_000), on: .alpha).body == .tuned([]))

            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(try #require(end.downtimeMs) > 300)
            let deeds = try await deeds(of: id, by: orchestrator)
            #expect(Array(deeds.prefix(3)) == [.limitsChanged, .limitsChanged, .downtimeRaised], "\(deeds)")
            #expect(rejection(try await orchestrator.tune(id, TransferLimits(maxDowntimeMs: 1), on: .alpha)) == [.tooLate])
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test("a guest that changes its memory too fast gets the pause that it needs, where the order allows it", arguments: [true, false])
    func allowed(dies: Bool) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(
              guest, from: .alpha, options: MigrationOptions(maxDowntimeMs: 20_000, handover: dies ? .fenced : .direct))
            try await orchestrator.event(.transferring, for: .downtimeRaised, of: id)
            // What was permitted is permitted again by the next agent.
            if dies { try await lab.restartAgent(on: .alpha) }
            #expect(try await orchestrator.end(of: id).kind == .completed)
            let deeds = try await deeds(of: id, by: orchestrator)
            #expect(deeds.allSatisfy { $0 == .downtimeRaised }, "\(deeds)")
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test("a guest that is suspended until it has moved arrives running", arguments: [MigrationOptions.Handover.fenced, .direct])
    func forced(handover: MigrationOptions.Handover) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(handover: handover))
            try await orchestrator.progress(of: id) { $0.reasons?.contains { $0.code == .notConverging } == true }
            guard case .forced(let reason) = try await orchestrator.force(id, on: .alpha).body else {
              Issue.record("it is refused")
              return
            }
            #expect(reason.code == .guestSuspended)
            #expect(reason.message.contains("left, copied at"))
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(try #require(end.downtimeMs) > 300)
            #expect(try await deeds(of: id, by: orchestrator) == [.guestSuspended])
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test("a suspended guest whose source's agent dies, and comes back before the end or after it", arguments: [true, false])
    func forcedWithoutAgent(isBackBefore: Bool) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            try await lab.restartAgent(on: .alpha, dyingAt: .guestSuspended)
            let id = try await orchestrator.migrate(guest, from: .alpha)
            try await orchestrator.progress(of: id) { $0.memory != nil }
            _ = try await orchestrator.force(id, on: .alpha)
            try await lab.command("agent", "wait", "alpha")
            if !isBackBefore { try await lab.waitForNoGuest(on: .alpha) }
            try await lab.startAgent(on: .alpha)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(try #require(end.downtimeMs) > 300)
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test("a suspended guest goes on at the source when its migration is cancelled, or libvirt dies", arguments: [true, false])
    func forcedInVain(isCancelled: Bool) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: "20mbit") {
            try await lab.withTemplateAtDestination {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              try await lab.waitForLog(of: .alpha, "The guest is suspended") { _ = try await orchestrator.force(id, on: .alpha) }
              #expect(try await guest.state(on: .alpha) == "paused")
              if isCancelled {
                #expect(try await orchestrator.cancel(id, on: .alpha).body == .accepted)
              } else {
                try await lab.endLibvirt(on: .alpha, with: "KILL")
                try await lab.startLibvirt(on: .alpha)
              }
              #expect(try await orchestrator.end(of: id).kind == (isCancelled ? .cancelled : .failed))
              #expect(try await guest.state(on: .alpha) == "running")
              #expect(try await guest.state(on: .beta) == nil)
              try await guest.waitForWrite(on: .alpha)
              try await guest.verify(.alpha).expectGood()
            }
          }
        }
      }
    }

    @Test("at the deadline the guest is suspended, where the order says so")
    func forcedByDeadline() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(onDeadline: .force))
            let passed = try await orchestrator.progress(of: id) { $0.memory != nil }.elapsedSeconds
            _ = try await orchestrator.tune(id, TransferLimits(deadlineSeconds: Int64(passed) + 10), on: .alpha)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(try await deeds(of: id, by: orchestrator) == [.limitsChanged, .guestSuspended])
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test("a transfer goes on after its deadline, where the order says so, and completes by what it is allowed then")
    func outlivingDeadline() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(onDeadline: .wait))
            let passed = try await orchestrator.progress(of: id) { $0.memory != nil }.elapsedSeconds
            _ = try await orchestrator.tune(id, TransferLimits(deadlineSeconds: Int64(passed) + 5), on: .alpha)
            let told = try await orchestrator.event(.transferring, for: .deadlinePassed, of: id)
            #expect(told.data.reasons?.first?.message.hasSuffix("the order says not to end it: it goes on") == true, "\(told)")
            _ = try await orchestrator.progress(of: id, madeAfter: told.time)
            _ = try await orchestrator.tune(id, TransferLimits(maxDowntimeMs: 20_000), on: .alpha)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            let deeds = try await deeds(of: id, by: orchestrator)
            #expect(Array(deeds.prefix(3)) == [.limitsChanged, .deadlinePassed, .limitsChanged], "\(deeds)")
            #expect(deeds.dropFirst(3).allSatisfy { $0 == .downtimeRaised }, "\(deeds)")
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test("a guest is slowed until its memory can be copied, where the order allows it")
    func slowed() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hottest, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.fastRate) {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(autoConverge: true))
            let slowed = try await orchestrator.progress(of: id) { $0.throttlePercent != nil }
            #expect(slowed.throttlePercent.map { (1...99).contains($0) } == true, "\(slowed)")
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(try await deeds(of: id, by: orchestrator).isEmpty, "QEMU slows it by itself")
          }
          try await expectArrived(guest)
        }
      }
    }

    @Test(
      "a guest that changes little of each page completes though it changes more of them than the link carries, where that is sent alone")
    func compressed() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.hot, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(compressMemory: true))
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(try await deeds(of: id, by: orchestrator).isEmpty, "no other means is needed")
            // A busy machine may slow the guest so far that it would converge without.
            let told = try await lab.shell(on: .beta, #"virsh domjobinfo --completed --rawstats "$1""#, guest.uuid)
            let pages = told.split(separator: "\n").first { $0.contains("compression_pages") }?.split(separator: " ").last
            #expect(pages.flatMap { UInt64($0) }.map { $0 > 0 } == true, "\(told)")
          }
          try await expectArrived(guest)
        }
      }
    }

    /// A guest that writes far more than a MiB a second to a disk, also where the machine is busy.
    private static let writer = Guest.Form(options: ["--disks", "2", "--rewrite", "20", "--data-size", "96M"])

    @Test("a guest that writes its disk too fast is told so, and completes suspended")
    func disk() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.writer, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            // About a MiB a second.
            let id = try await lab.withLink(of: .beta, rate: "10mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(synchronousWrites: false))
              let told = try await orchestrator.progress(of: id) { $0.reasons?.contains { $0.code == .notConverging } == true }
              #expect(told.memory == nil)
              #expect(told.reasons?.first?.message.contains("`synchronousWrites`") == true)
              guard case .forced = try await orchestrator.force(id, on: .alpha).body else {
                Issue.record("it is refused")
                return id
              }
              return id
            }
            #expect(try await orchestrator.end(of: id).kind == .completed)
            try await expectArrived(guest)
          }
        }
      }
    }

    @Test("the writes of a guest that writes as fast as its disk may be copied wait for the copy, unless the order says otherwise")
    func writesWait() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Self.writer, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          // Slow enough for the template to take as long as the guest has to be looked at.
          let id = try await lab.withLink(of: .beta, rate: Self.rate) {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(bandwidthMiBps: 1))
            try await orchestrator.event(.transferring, for: .writesWait, of: id)
            return id
          }
          _ = try await orchestrator.tune(id, TransferLimits(bandwidthMiBps: 1000), on: .alpha)
          #expect(try await orchestrator.end(of: id).kind == .completed)
          try await expectArrived(guest)
        }
      }
    }
  }
}
