import LongshoreMessages
import Testing

@testable import LongshoreAgent

extension SlowLinkTests {
  /// Disks that are compared as they were at the switch, of guests that go on writing.
  @Suite(.serialized) struct Verifications {
    // How long the guest may stand still is also for how long a view of its disks is waited for.
    private static let verify = MigrationOptions(maxDowntimeMs: 5000, verify: true)

    @Test(
      "what the copied disks hold is proven, of linked, full and raw ones, and the guest's definition arrives as it was",
      arguments: [
        Guest.Form.mixed, .fullAndRaw,
      ])
    func equal(_ form: Guest.Form) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(form, in: lab) { guest in
        try await Self.describe(guest)
        let description = try await Self.description(of: guest, on: .alpha)
        try #require(description.contains("<title>"))
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let id = try await orchestrator.migrate(guest, from: .alpha, options: Self.verify)
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
          #expect(end.verification == Verification(.equal, bytes: 128 << 20), "\(end)")
          #expect(end.faults.isEmpty, "\(end)")
          try await Self.expectNoView(of: guest, on: .beta)
          let arrived = try await Self.description(of: guest, on: .beta)
          #expect(arrived == description, "\(arrived), not \(description)")
          try await guest.waitForWrite(on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
          // Only when nobody has them open any more do their tables have to be in order.
          let files = try await guest.disks(on: .beta)
          try await lab.on(.beta, "virsh", "--quiet", "destroy", guest.uuid)
          for path in files where path.hasSuffix(".qcow2") { try await lab.on(.beta, "qemu-img", "check", path) }
        }
      }
    }

    @Test("disks of many kinds are compared, beside some that are not copied")
    func kinds() async throws {
      let kinds = [
        "chain", "names", "clusters", "extended", "old", "metadata", "odd", "holes", "rawfull", "large", "readonly", "empty",
        "iso",
      ]
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Guest.Form(options: ["--kinds", kinds.joined(separator: ",")]), in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let id = try await orchestrator.migrate(
            guest, from: .alpha, options: MigrationOptions(maxDowntimeMs: 5000, missingMedia: .copy, verify: true))
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .completed, "\(end)")
          #expect(end.verification?.outcome == .equal, "\(end)")
          #expect(end.verification?.bytes == end.disks?.reduce(0) { $0 + ($1.virtualSize + 511) / 512 * 512 }, "\(end)")
          try await Self.expectNoView(of: guest, on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a block of the source that is not the destination's is found, told, and the source's disks are kept")
    func differs() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.restartAgent(on: .alpha, dyingAt: .afterSourceConfirming)
          let id = try await orchestrator.migrate(guest, from: .alpha, options: Self.verify)
          try await lab.command("agent", "wait", "alpha")
          try await lab.waitForNoGuest(on: .alpha)
          // The guest has left it: nothing but this changes it.
          try await lab.on(.alpha, "qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 33M 512", disks.files[1].path)
          try await lab.startAgent(on: .alpha)

          try await orchestrator.event(.needsAttention, for: .contentDiffers, of: id)
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks, measured: false)
          let vdb = try #require(ResourceName("vdb"))
          #expect(
            end.verification
              == Verification(
                .differs, bytes: 128 << 20, differences: [Verification.Difference(target: vdb, offset: 33 << 20, length: 1 << 20)]))
          #expect(end.faults == [.contentDiffers], "\(end)")
          try await Self.expectNoView(of: guest, on: .beta)
          let kept = try await orchestrator.grace(on: .alpha).filter { $0.migration == id }
          #expect(kept.count == 2)
          #expect(kept.allSatisfy { $0.deleteAt > Timestamp.now.adding(milliseconds: 10 * 365 * 86_400_000) }, "\(kept)")
          try await guest.waitForWrite(on: .beta)
        }
      }
    }

    @Test("a view that is lost leaves the outcome open, and the migration completes")
    func lost() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.restartAgent(on: .beta, dyingAt: .afterDestinationComparing)
          let id = try await orchestrator.migrate(guest, from: .alpha, options: Self.verify)
          try await lab.command("agent", "wait", "beta")
          try await lab.on(.beta, "virsh", "--quiet", "domjobabort", guest.uuid)
          try await lab.startAgent(on: .beta)
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
          #expect(end.verification == Verification(.unknown))
          #expect(end.faults == [.notVerified], "\(end)")
          try await Self.expectNoView(of: guest, on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a view that cannot be begun does not hold the guest up")
    func notBegun() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          // Slow enough for what follows to come before the switch.
          let id = try await lab.withLink(of: .beta, rate: "100mbit") {
            let id = try await orchestrator.migrate(guest, from: .alpha, options: Self.verify)
            try await orchestrator.event(.transferring, of: id)
            // QEMU finds no place for its socket.
            try await lab.shell(on: .beta, "rm -r /run/longshore/views/*")
            return id
          }
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
          #expect(end.verification == Verification(.unknown))
          #expect(end.faults == [.notVerified], "\(end)")
          try await Self.expectNoView(of: guest, on: .beta)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("it is refused where it would prove nothing, or QEMU could not do it, before anything is changed")
    func refused() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      // QEMU serves its disk by an I/O thread.
      try await Guest.with(Guest.Form(options: ["--kinds", "tuned"]), in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let before = try await lab.inventory(of: .beta)
          let direct = try orchestrator.order(guest, from: .alpha, options: MigrationOptions(handover: .direct, verify: true))
          let reply = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(direct)), of: .alpha)
          #expect(rejection(reply) == [.unsupportedOption])
          var dry = try orchestrator.order(guest, from: .alpha, options: Self.verify)
          dry.dryRun = true
          let answer = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(dry)), of: .alpha)
          #expect(rejection(answer) == [.unsupportedOption])
          let id = try await orchestrator.migrate(guest, from: .alpha, options: Self.verify)
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .failed && end.stage == .checks && end.faults == [.unsupportedOption], "\(end)")
          #expect(try await lab.inventory(of: .beta).changes(since: before) == [])
          #expect(try await guest.state(on: .alpha) == "running")
        }
      }
    }

    /// Expects no backup job on a guest, and nothing of one on its host.
    private static func expectNoView(of guest: Guest, on host: Lab.Host) async throws {
      #expect(try await guest.lab.on(host, "virsh", "domjobinfo", guest.uuid).contains(/Job type: +None/))
      try await guest.lab.expectNoLeftovers(on: [host])
    }

    /// Gives a guest a title, a description and metadata of two namespaces, in both its definitions, and lets it start with its host.
    private static func describe(_ guest: Guest) async throws {
      try await guest.lab.shell(
        on: .alpha,
        #"""
        for where in --live --config; do
          virsh --quiet desc "$1" $where --title 'Front & back "1"'
          virsh --quiet desc "$1" $where $'Two lines,\nwith Zürich in them'
          virsh --quiet metadata "$1" $where --uri https://example.net/owner --key owner --set '<owner team="web">Ann &amp; Bob</owner>'
          virsh --quiet metadata "$1" $where --uri https://example.net/backup --key b --set '<policy><keep days="7"/></policy>'
        done
        virsh --quiet autostart "$1"
        """#, guest.uuid)
    }

    /// What a host's definitions of a guest say that is not of its hardware, the live one and the one to start by.
    private static func description(of guest: Guest, on host: Lab.Host) async throws -> String {
      try await guest.lab.shell(
        on: host,
        #"""
        for options in "" --inactive; do
          virsh --quiet dumpxml $options "$1" | sed -n -e '/<title>/p' -e '/<description>/,/<\/description>/p' \
            -e '/<metadata/,/<\/metadata>/p' | sed 's/^ *//'
        done
        virsh dominfo "$1" | grep -E '^(Persistent|Autostart):'
        """#, guest.uuid)
    }
  }
}
