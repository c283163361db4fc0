import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

extension MigrationTests {
  /// What others do between two steps of a migration, and while it runs: it ends without the guest's loss, and leaves nothing.
  @Suite(.serialized, .residentGuest) struct Interference {
    @Test("a stranger's file that takes a stub's name after the checks is not touched")
    func stranger() async throws {
      let guest = try ResidentGuest.guest
      let lab = guest.lab
      let path = try lab.folder(.primary, on: .beta) + "/\(guest.name)-root.qcow2"
      try await expectFailure(.nameTaken, whereDestinationDiesAt: .afterDestinationMakingStubs) {
        try await lab.shell(on: .beta, #"echo "of somebody else" >"$1""#, path)
      }
      #expect(try await lab.on(.beta, "cat", path) == "of somebody else\n")
      try await lab.on(.beta, "rm", path)
    }

    @Test("a template that is changed between its comparison and its use is not used")
    func changedTemplate() async throws {
      let lab = try ResidentGuest.guest.lab
      let path = try lab.folder(.primary, on: .beta) + "/" + Guest.template
      try await expectFailure(.templateDiffers, whereDestinationDiesAt: .afterDestinationMakingStubs) {
        try await lab.shell(on: .beta, #"printf other | dd of="$1" bs=1 seek=40000000 conv=notrunc status=none"#, path)
      }
    }

    @Test("a damaged journal stops the start, says how to go on, and goes on when it is put back; a second agent is refused")
    func damagedJournal() async throws {
      let guest = try ResidentGuest.guest
      let lab = guest.lab
      let journal = "/var/lib/longshore/journal.sqlite"
      try await Orchestrator.with(lab) { orchestrator in
        try await expectUnchanged(guest) {
          try await lab.restartAgent(on: .alpha, dyingAt: .afterSourcePreparing)
          let order = try orchestrator.order(guest, from: .alpha, pools: MigrateCommand.Pools(default: ResourceName("nowhere")))
          let id = try Orchestrator.newID()
          #expect(try await orchestrator.ask(Request(id: id, command: .migrate(order)), of: .alpha).body == .accepted)
          try await lab.command("agent", "wait", "alpha")
          // Damage to what the log has anew is none: all of it goes into the file before.
          try await lab.shell(
            on: .alpha,
            #"""
            /usr/bin/python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()' "$1"
            [[ ! -e $1-wal ]]
            cp "$1" "$1.good"
            dd if=/dev/zero of="$1" bs=4096 seek=1 count=4 conv=notrunc status=none
            """#, journal)
          try await lab.command("agent", "start", "alpha")
          try await lab.command("agent", "wait", "alpha")
          let log = try await lab.command("agent", "log", "alpha")
          let last = try #require(log.split(separator: "\n").last { $0.contains("The agent cannot go on") })
          #expect(last.contains("is damaged") && last.contains("move \(journal)"), "\(last)")
          try await lab.on(.alpha, "mv", "\(journal).good", journal)
          try await lab.command("agent", "start", "alpha")
          let end = try await orchestrator.end(of: id)
          #expect(end.reasons?.map(\.code) == [.unknownPool])

          let pid = try await lab.command("agent", "pid", "alpha")
          let second = try await lab.shell(
            on: .alpha, #""$(readlink "/proc/$1/exe")" --config /etc/longshore/longshored.yaml 2>&1 && exit 1 || true"#, pid)
          #expect(second.contains("is this host's agent already"), "\(second)")
        }
      }
    }

    @Test("of two orders for one guest at the same instant one is accepted; a late prepare after its rollback makes nothing")
    func twoOrders() async throws {
      let guest = try ResidentGuest.guest
      try await Orchestrator.with(guest.lab) { orchestrator in
        try await expectUnchanged(guest) {
          try await guest.lab.withLink(of: .beta, rate: "20mbit") {
            let first = Request(id: try Orchestrator.newID(), command: .migrate(try orchestrator.order(guest, from: .alpha)))
            let other = try orchestrator.order(guest, from: .alpha, deadlineSeconds: 3600)
            let second = Request(id: try Orchestrator.newID(), command: .migrate(other))
            async let toFirst = orchestrator.ask(first, of: .alpha)
            async let toSecond = orchestrator.ask(second, of: .alpha)
            let replies = try await [toFirst, toSecond]
            #expect(replies.count { $0.body == .accepted } == 1)
            #expect(replies.compactMap(rejection) == [[.guestBusy]])
            let id = replies[0].body == .accepted ? first.id : second.id
            #expect(try await orchestrator.cancel(id, on: .alpha).body == .accepted)
            #expect(try await orchestrator.end(of: id).runsAt?.text == "alpha")

            let late = PeerMessage(
              migration: id, from: MigrationSamples.source, to: MigrationSamples.destination, journal: "late",
              body: .prepare(MigrationSamples.plan))
            try await orchestrator.publish(
              MessageCoding.encode(late), to: .beta, exchange: Wire.peers, correlation: nil, user: "agent-alpha")
            // It is answered after what came before it was taken.
            _ = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .describe), of: .beta)
          }
        }
      }
    }

    /// Expects that a migration fails at its preparation, and changes nothing, when something happens while the destination's agent is dead.
    private func expectFailure(
      _ code: Reason.Code, whereDestinationDiesAt point: CrashPoint, _ interference: () async throws -> Void
    ) async throws {
      let guest = try ResidentGuest.guest
      let lab = guest.lab
      try await Orchestrator.with(lab) { orchestrator in
        let before = try await lab.inventory(of: .alpha)
        try await lab.withTemplateAtDestination {
          try await lab.restartAgent(on: .beta, dyingAt: point)
          let id = try await orchestrator.migrate(guest, from: .alpha)
          try await lab.command("agent", "wait", "beta")
          try await interference()
          try await lab.command("agent", "start", "beta")
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .failed)
          #expect(end.stage == .prepare)
          #expect(end.reasons?.map(\.code) == [code], "\(end.reasons ?? [])")
          #expect(end.runsAt?.text == "alpha")
        }
        #expect(try await lab.inventory(of: .alpha).changes(since: before) == [])
        try await lab.expectNoLeftovers()
        #expect(try await guest.state(on: .beta) == nil)
        try await guest.waitForWrite(on: .alpha)
      }
    }
  }

  /// Guests that end during their migration.
  @Suite(.serialized) struct EndingGuests {
    @Test("a guest that ends at the source leaves nothing at the destination, and starts again")
    func endsAtSource() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let before = try await lab.inventory(of: .alpha).files
          try await lab.withTemplateAtDestination {
            // QEMU reads the terminal while somebody has it open.
            let shutdown = #"""
              exec 3<>"$(virsh --quiet ttyconsole "$1")"
              cat <&3 >/dev/null &
              echo off >&3
              timeout 300 tail --pid="$(pgrep -f "^/usr/bin/qemu.* -uuid $1 ")" -f /dev/null
              """#
            for deed in [#"virsh --quiet destroy "$1""#, #"pkill -KILL -f "^/usr/bin/qemu.* -uuid $1 ""#, shutdown] {
              try await lab.withLink(of: .beta, rate: "20mbit") {
                let id = try await orchestrator.migrate(guest, from: .alpha)
                try await orchestrator.progress(of: id, until: \.isCopyingDisks)
                try await lab.shell(on: .alpha, deed, guest.uuid)
                let end = try await orchestrator.end(of: id)
                #expect(end.kind == .failed, "\(deed): \(end)")
                #expect(end.runsAt == nil, "\(deed): \(end)")
              }
              try await lab.expectNoLeftovers("\(deed)")
              #expect(try await guest.state(on: .beta) == nil, "\(deed)")
              #expect(try await lab.files(of: guest, on: .beta) == [], "\(deed)")
              #expect(try await lab.inventory(of: .alpha).files == before, "\(deed)")
              try await lab.on(.alpha, "virsh", "--quiet", "start", guest.uuid)
              try await guest.waitForWrite(on: .alpha)
            }
          }
        }
      }
    }

    @Test(
      "a guest that ends at the destination before anybody has looked there has moved, and starts there",
      arguments: [CrashPoint.beforeSourceDeciding, .beforeSourceConfirming])
    func endsAtDestination(_ point: CrashPoint) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            let disks = try await SourceDisks(of: guest, on: .alpha)
            let id = try await move(guest, untilSourceDiesAt: point, by: orchestrator)
            try await lab.startAgent(on: .alpha)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(end.runsAt?.text == "beta")
            #expect(end.faults == [.guestEnded], "\(end)")
            #expect(try await guest.state(on: .alpha) == nil)
            #expect(try await guest.state(on: .beta) == "shut off")
            try await disks.expectSetAside(by: id)
            try await lab.on(.beta, "virsh", "--quiet", "start", guest.uuid)
            try await guest.waitForWrite(on: .beta)
          }
        }
      }
    }

    @Test("of a guest that ends at the destination and whose image there is damaged nothing is taken away at the source")
    func damagedAtDestination() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withTemplateAtDestination {
            let files = try await lab.files(of: guest, on: .alpha)
            let id = try await move(guest, untilSourceDiesAt: .beforeSourceDeciding, by: orchestrator)
            // The second cluster names the blocks of reference counts.
            let image = try lab.folder(.primary, on: .beta) + "/\(guest.name)-root.qcow2"
            try await lab.on(.beta, "dd", "if=/dev/zero", "of=\(image)", "bs=64k", "seek=1", "count=1", "conv=notrunc", "status=none")
            try await lab.startAgent(on: .alpha)
            try await orchestrator.event(.needsAttention, for: .postCheckFailed, of: id)
            #expect(try await lab.files(of: guest, on: .alpha) == files)
            #expect(try await guest.state(on: .alpha) == "shut off")
            // With the tables put right, it goes on by itself.
            try await lab.shell(on: .beta, #"qemu-img check -q -f qcow2 -r all "$1" >/dev/null"#, image)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(end.faults == [.guestEnded], "\(end)")
            try await lab.on(.beta, "virsh", "--quiet", "start", guest.uuid)
            try await guest.waitForWrite(on: .beta)
          }
        }
      }
    }

    /// Moves a guest that is ended at the destination, where it has arrived when the source's agent dies.
    private func move(_ guest: Guest, untilSourceDiesAt point: CrashPoint, by orchestrator: Orchestrator) async throws -> MigrationID {
      let lab = guest.lab
      try await lab.restartAgent(on: .alpha, dyingAt: point)
      let id = try await orchestrator.migrate(guest, from: .alpha)
      try await lab.command("agent", "wait", "alpha")
      try await lab.on(.beta, "virsh", "--quiet", "destroy", guest.uuid)
      return id
    }
  }
}
