import LongshoreMessages
import Testing

@testable import LongshoreAgent

extension MigrationTests {
  /// Migrations that succeed.
  @Suite(.serialized) struct Completion {
    @Test("a linked and a full clone move with their template, and back again without it")
    func thereAndBack() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await lab.on(.alpha, "virsh", "--quiet", "autostart", guest.uuid)
        try await Orchestrator.with(lab) { orchestrator in
          let templates = try await TemplatePair(lab)
          let there = try await move(guest, from: .alpha, by: orchestrator)
          #expect(try #require(there.bytes).template == UInt64(templates.size))
          try await templates.expectCopied()

          try await guest.setConsoleAside(on: .alpha)
          let back = try await move(guest, from: .beta, by: orchestrator)
          #expect(try #require(back.bytes).template == 0)
          #expect(try await lab.on(.alpha, "virsh", "--quiet", "dominfo", guest.uuid).contains(/Autostart: +enable/))
          try await guest.verify(.alpha, .beta, .alpha).expectGood()
        }
      }
    }

    @Test("a guest that is ordered back as soon as it arrives is refused until it is released, and then moves")
    func backAtOnce() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            let disks = try await SourceDisks(of: guest, on: .alpha)
            try await lab.restartAgent(on: .alpha, dyingAt: .beforeSourceReleasing)
            let there = try await orchestrator.migrate(guest, from: .alpha)
            try await lab.command("agent", "wait", "alpha")
            try await guest.setConsoleAside(on: .alpha)
            func orderBack() async throws -> (id: MigrationID, refusal: [Reason.Code]?) {
              let id = try Orchestrator.newID()
              let order = try orchestrator.order(guest, from: .beta)
              return (id, rejection(try await orchestrator.ask(Request(id: id, command: .migrate(order)), of: .beta)))
            }
            #expect(try await orderBack().refusal == [.guestBusy])
            try await lab.startAgent(on: .alpha)
            var order = try await orderBack()
            while let refusal = order.refusal {
              try #require(refusal == [.guestBusy])
              order = try await orderBack()
            }
            let back = order.id
            #expect(try await orchestrator.end(of: there).kind == .completed)
            let end = try await orchestrator.end(of: back)
            #expect(end.kind == .completed, "\(end)")
            try await disks.expectSetAside(by: there, isBack: true)
            #expect(try await guest.state(on: .alpha) == "running")
            #expect(try await guest.state(on: .beta) == nil)
            try await guest.waitForWrite(on: .alpha)
            try await guest.verify(.alpha, .beta, .alpha).expectGood()
          }
        }
      }
    }

    @Test("a fenced handover that leaves the source's disks in place")
    func fencedAndKept() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let before = try await lab.inventory(of: .alpha).files
          let options = MigrationOptions(maxDowntimeMs: 1000, handover: .fenced, keepSource: true)
          let id = try await orchestrator.migrate(guest, from: .alpha, options: options)
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .completed, "\(end)")
          #expect(try await guest.state(on: .alpha) == nil)
          #expect(try await guest.state(on: .beta) == "running")
          #expect(try await lab.inventory(of: .alpha).files == before)
          try await guest.waitForWrite(on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a guest that somebody has paused arrives paused")
    func paused() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await lab.on(.alpha, "virsh", "--quiet", "suspend", guest.uuid)
        let disks = try await SourceDisks(of: guest, on: .alpha)
        try await Orchestrator.with(lab) { orchestrator in
          let id = try await orchestrator.migrate(guest, from: .alpha)
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .completed, "\(end)")
          #expect(try await guest.state(on: .beta) == "paused")
          #expect(try await guest.state(on: .alpha) == nil)
          try await disks.expectSetAside(by: id)
          try await lab.on(.beta, "virsh", "--quiet", "resume", guest.uuid)
          try await guest.waitForWrite(on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a guest without a definition arrives without one")
    func transient() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        // What runs goes on without its definition, until it ends.
        try await lab.on(.alpha, "virsh", "--quiet", "undefine", guest.uuid)
        try await Orchestrator.with(lab) { orchestrator in
          try await move(guest, from: .alpha, by: orchestrator)
          #expect(try await lab.on(.beta, "virsh", "--quiet", "dominfo", guest.uuid).contains(/Persistent: +no/))
          try await guest.waitForWrite(on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a guest without a definition, whose source's agent dies before the switch and is away until the guest is gone there")
    func transientWithoutAgent() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await lab.on(.alpha, "virsh", "--quiet", "undefine", guest.uuid)
        let disks = try await SourceDisks(of: guest, on: .alpha)
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.restartAgent(on: .alpha, dyingAt: .migrateCalled)
          // A transfer that is over within one look at its statistics would not be seen to run.
          let id = try await lab.withLink(of: .beta, rate: "100mbit") {
            let id = try await orchestrator.migrate(guest, from: .alpha)
            try await lab.command("agent", "wait", "alpha")
            try await lab.waitForNoGuest(on: .alpha)
            return id
          }
          #expect(try await guest.state(on: .beta) == "paused")
          try await lab.startAgent(on: .alpha)
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .completed, "\(end)")
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks, measured: false)
          try await guest.waitForWrite(on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("full clones, one of them raw, move into other pools")
    func otherPools() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.fullAndRaw, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let vdb = try #require(ResourceName("vdb"))
          let secondary = try #require(ResourceName("secondary"))
          let end = try await move(
            guest, from: .alpha, pools: MigrateCommand.Pools(disks: [vdb: secondary]), by: orchestrator)
          #expect(end.bytes?.template == 0)
          #expect(end.disks?.map(\.to.pool.text) == ["primary", "secondary"])
          #expect(end.disks?.map(\.to.format) == [.qcow2, .raw])
          #expect(end.disks?.map(\.linkedClone) == [false, false])
          #expect(
            try await guest.disks(on: .beta) == [
              lab.folder(.primary, on: .beta) + "/\(guest.name)-root.qcow2",
              lab.folder(.secondary, on: .beta) + "/\(guest.name)-data.raw",
            ])
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }
  }
}

/// Moves a guest to the other host and expects everything that holds of every migration that succeeds.
@discardableResult
func move(
  _ guest: Guest, from source: Lab.Host, pools: MigrateCommand.Pools? = nil, by orchestrator: Orchestrator,
  sourceLocation: SourceLocation = #_sourceLocation
) async throws -> MigrationEventData {
  let before = try await SourceDisks(of: guest, on: source)
  let id = try await orchestrator.migrate(guest, from: source, pools: pools)
  let history = try await orchestrator.history(of: id)
  let end = try #require(history.last).data
  #expect(
    history.map(\.data.kind) == [
      .accepted, .preparing, .prepared, .transferring, .switching, .confirming, .completed,
    ], "\(end)", sourceLocation: sourceLocation)
  try await expectMoved(guest, from: source, id: id, end: end, disks: before, sourceLocation: sourceLocation)
  return end
}

extension MigrationEventData {
  /// Its reasons, but for that the fence has waited for the machine, which takes nothing from what it did.
  var faults: [Reason.Code] { reasons?.map(\.code).filter { $0 != .fenceWaited } ?? [] }
}

/// Expects a guest at the other host as a migration's end says, and nothing at the source but its disks, set aside.
///
/// - Parameter measured: Whether the source's agent was there to get libvirt's statistics.
func expectMoved(
  _ guest: Guest, from source: Lab.Host, id: MigrationID, end: MigrationEventData, disks before: SourceDisks, measured: Bool = true,
  sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  #expect(end.kind == .completed, "\(end)", sourceLocation: sourceLocation)
  #expect(end.runsAt?.text == source.other.rawValue, sourceLocation: sourceLocation)
  #expect(end.disks?.count == before.files.count, sourceLocation: sourceLocation)
  if measured {
    #expect((end.bytes?.disks ?? 0) > 0, sourceLocation: sourceLocation)
    #expect((end.bytes?.memory ?? 0) > 0, sourceLocation: sourceLocation)
    #expect((end.downtimeMs ?? 0) > 0, sourceLocation: sourceLocation)
  }
  #expect(try await guest.state(on: source.other) == "running", sourceLocation: sourceLocation)
  #expect(try await guest.state(on: source) == nil, sourceLocation: sourceLocation)
  try await before.expectSetAside(by: id, sourceLocation: sourceLocation)
  try await expectChains(of: guest, on: source.other, end: end, sourceLocation: sourceLocation)
  try await guest.waitForWrite(on: source.other)
}
