import LongshoreMessages
import Testing

extension MigrationTests {
  /// Journals that cannot be written, or are lost, in the middle of a migration.
  @Suite(.serialized) struct Journals {
    @Test("a journal that cannot be written stops the start; where it can be again, the migration goes on")
    func readOnly() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.withSmallJournals {
            try await lab.withTemplateAtDestination {
              let id = try await lab.withLink(of: .beta, rate: "20mbit") {
                let id = try await orchestrator.migrate(guest, from: .alpha)
                try await orchestrator.progress(of: id, until: \.isCopyingDisks)
                try await expectNoStart(on: .alpha, in: lab)
                return id
              }
              let end = try await orchestrator.end(of: id)
              try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks, measured: false)
              try await guest.verify(.alpha, .beta).expectGood()
            }
          }
        }
      }
    }

    /// Expects that a host's agent does not start where its journal is on a file system that is read-only, and goes on where it is not.
    private func expectNoStart(on host: Lab.Host, in lab: Lab) async throws {
      try await lab.command("agent", "kill", host.rawValue)
      try await lab.on(host, "mount", "-o", "remount,ro", "/var/lib/longshore")
      try await finally {
        try await lab.waitForLog(of: host, "cannot be written: see the rights of the file and of its folder") {
          try await lab.startAgent(on: host)
          try await lab.command("agent", "wait", host.rawValue)
        }
      } do: {
        try await lab.on(host, "mount", "-o", "remount,rw", "/var/lib/longshore")
      }
      try await lab.startAgent(on: host)
    }

    @Test("the source's journal cannot be written from the switch on: the guest goes on at the destination, and the end comes when it can")
    func immutable() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          try await lab.withSmallJournals {
            try await lab.withTemplateAtDestination {
              let id = try Orchestrator.newID()
              try await lab.waitForLog(of: .alpha, "The journal cannot be written") {
                let locking = Task {
                  try await lab.command(
                    "at-switch", guest.name, "alpha", "alpha", "bash", "-c", "chattr +i /var/lib/longshore/journal.sqlite*")
                }
                try await lab.withLink(of: .beta, rate: "100mbit") {
                  let order = Request(id: id, command: .migrate(try orchestrator.order(guest, from: .alpha)))
                  #expect(try await orchestrator.ask(order, of: .alpha).body == .accepted)
                  _ = try await locking.value
                }
              }
              try await guest.waitForWrite(on: .beta)
              let told = await orchestrator.kinds(of: id)
              #expect(told.last == .transferring, "nothing is told that is not in the journal: \(told)")
              try await lab.shell(on: .alpha, "chattr -i /var/lib/longshore/journal.sqlite*")
              let end = try await orchestrator.end(of: id)
              try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks, measured: false)
              try await guest.verify(.alpha, .beta).expectGood()
            }
          }
        }
      }
    }

    @Test("the destination's journal is lost in the transfer: nothing is deleted, and the operator ends it")
    func lostAtDestination() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let before = try await lab.inventory(of: .alpha).files
          try await lab.withTemplateAtDestination {
            let id = try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              try await lab.loseJournal(of: .beta)
              return id
            }
            try await orchestrator.event(.needsAttention, for: .postCheckFailed, of: id)
            #expect(rejection(try await orchestrator.resolve(id, owner: "alpha", at: .alpha)) == [.contradicted])
            #expect(try await orchestrator.resolve(id, owner: "beta", at: .alpha).body == .accepted)
            let end = try await orchestrator.end(of: id)
            #expect(end.kind == .completed, "\(end)")
            #expect(end.runsAt?.text == "beta")
            #expect(end.reasons?.map(\.code).contains(.ownerNamed) == true, "\(end.reasons ?? [])")
            #expect(try await lab.inventory(of: .alpha).files == before)
            #expect(try await guest.state(on: .alpha) == "shut off")
            try await guest.waitForWrite(on: .beta)
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }

    @Test("the source's journal is lost in the transfer: the guest arrives and waits, nothing is deleted, and the operator lets it go on")
    func lostAtSource() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let before = try await lab.inventory(of: .alpha).files
          try await lab.withTemplateAtDestination {
            let id = try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              try await lab.loseJournal(of: .alpha)
              await orchestrator.expectNoEnd(of: id)
              return id
            }
            try await lab.waitForNoGuest(on: .alpha)
            #expect(rejection(try await orchestrator.resolve(id, owner: "beta", at: .alpha)) == [.unknownMigration])
            #expect(rejection(try await orchestrator.ask(orchestrator.order(guest, from: .beta), of: .beta)) == [.guestBusy])
            #expect(try await guest.state(on: .beta) == "paused")
            #expect(try await orchestrator.resolve(id, owner: "beta", at: .beta).body == .accepted)
            try await guest.waitForWrite(on: .beta)
            try await orchestrator.waitForRest(of: .beta)
            #expect(try await guest.state(on: .beta) == "running")
            try await lab.expectNoLeftovers(on: [.beta])
            #expect(try await lab.inventory(of: .alpha).files == before)
            #expect(try await guest.state(on: .alpha) == "shut off")
            try await guest.verify(.alpha, .beta).expectGood()
          }
        }
      }
    }
  }
}

extension Lab {
  /// Runs the body while the hosts have new journals, on small file systems of their own.
  fileprivate func withSmallJournals<Value>(_ body: () async throws -> Value) async throws -> Value {
    for host in Host.allCases {
      try await withoutAgent(on: host) {
        // Of ext4, which heeds immutable files also where they are open.
        _ = try await shell(
          on: host,
          """
          truncate -s 16M /run/journal.img
          mkfs.ext4 -q /run/journal.img
          mount -o loop /run/journal.img /var/lib/longshore
          """)
      }
    }
    return try await finally {
      try await body()
    } do: {
      for host in Host.allCases {
        try await withoutAgent(on: host) { _ = try await shell(on: host, "umount /var/lib/longshore; rm /run/journal.img") }
      }
    }
  }
}

extension Orchestrator {
  /// Names the owner of a migration's guest.
  fileprivate func resolve(_ id: MigrationID, owner: String, at host: Lab.Host) async throws -> Reply {
    try await ask(Request(id: Self.newID(), command: .resolve(migration: id, owner: try #require(NodeName(owner)))), of: host)
  }

  /// Orders a migration under a new id, and returns the reply.
  fileprivate func ask(_ order: MigrateCommand, of host: Lab.Host) async throws -> Reply {
    try await ask(Request(id: Self.newID(), command: .migrate(order)), of: host)
  }
}
