import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Subprocess
import Testing

@testable import LongshoreAgent

extension MigrationTests {
  /// What migrations leave: disks in their time of grace, orphans, and the room that is promised to others.
  @Suite(.serialized) struct Leftovers {
    /// Where an agent dies that deletes disks.
    static let point = CrashPoint.longOrderBegun

    @Test(
      "a set-aside disk is listed, kept longer, deleted on time across a restart, and purged",
      .enabled(if: Client.longshore != nil, Client.missingLongshore))
    func grace() async throws {
      let longshore = try #require(Client.longshore)
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          func run(_ words: String...) async throws -> Client.Ending {
            try await longshore.run(words + ["--broker", lab.brokerURL, "--cluster", Lab.cluster])
          }
          let before = try await SourceDisks(of: guest, on: .alpha)
          let there = try await orchestrator.migrate(guest, from: .alpha)
          try await expectMoved(guest, from: .alpha, id: there, end: orchestrator.end(of: there), disks: before)

          let disk = try #require(try await orchestrator.grace(on: .alpha).first { $0.migration == there })
          #expect(disk.guest?.name == guest.name)
          #expect(disk.originalPath == before.files.first?.path)
          #expect(try #require(disk.size) > 0)
          let pool = try #require(try await orchestrator.description(of: .alpha).pools.first { $0.name == "primary" })
          #expect(pool.grace == disk.size)
          #expect(try await orchestrator.grace(on: .beta).filter { $0.migration == there }.isEmpty)

          // Longer, as the command does it, and so after a crash.
          let extended = try await run("grace", "extend", there.text, "--by", "24h", "--format", "json", "--timeout", "10s")
          #expect(extended.code == 0, "\(extended)")
          try await lab.command("agent", "kill", "alpha")
          try await lab.command("agent", "start", "alpha")
          let kept = try #require(try await orchestrator.grace(on: .alpha).first { $0.id == disk.id })
          #expect(abs(kept.deleteAt.milliseconds - disk.deleteAt.milliseconds - 86_400_000) < 1000)

          // Shorter, so that it ends while the agent starts again.
          let end = Timestamp.now.adding(milliseconds: 10_000)
          let selection = GraceSelection(migration: there, disks: [disk.id])
          let shortened = try await orchestrator.ask(
            Request(id: Orchestrator.newID(), command: .extendGrace(selection, until: end)), of: .alpha)
          guard case .grace = shortened.body else { throw Orchestrator.UnexpectedReply(reply: shortened) }
          try await lab.command("agent", "kill", "alpha")
          try await lab.command("agent", "start", "alpha")
          while try await !orchestrator.grace(on: .alpha).filter({ $0.id == disk.id }).isEmpty { try Task.checkCancellation() }
          #expect(Timestamp.now > end, "it was deleted before its time")
          #expect(try await lab.exists(disk.path, on: .alpha) == false)

          try await guest.setConsoleAside(on: .alpha)
          let back = try await orchestrator.migrate(guest, from: .beta)
          #expect(try await orchestrator.end(of: back).kind == .completed)
          let other = try #require(try await orchestrator.grace(on: .beta).first { $0.migration == back })
          let unasked = try await run("grace", "purge", back.text, "--timeout", "5m")
          #expect(unasked.code == 64, "\(unasked)")
          #expect(try await lab.exists(other.path, on: .beta))
          let purged = try await run("grace", "purge", back.text, "--yes", "--timeout", "5m")
          #expect(purged.code == 0, "\(purged)")
          #expect(try await lab.exists(other.path, on: .beta) == false)
          #expect(try await run("grace", "purge", back.text, "--yes", "--timeout", "5m").code == 3)
          try await guest.verify(.alpha, .beta, .alpha).expectGood()
        }
      }
    }

    @Test(
      "orphans of every kind are listed and removed, and what cannot be proven stays",
      .enabled(if: Client.longshore != nil, Client.missingLongshore))
    func orphans() async throws {
      let longshore = try #require(Client.longshore)
      let lab = try await Lab.find()
      try await lab.clear()
      for host in Lab.Host.allCases { try await lab.forgetEverything(on: host) }
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          func run(_ words: String...) async throws -> Client.Ending {
            try await longshore.run(["orphans"] + words + ["--cluster", Lab.cluster], environment: ["LONGSHORE_BROKER": try lab.brokerURL])
          }
          let nothing = try await run()
          #expect(nothing.code == 0)
          #expect(nothing.output.isEmpty)
          #expect(nothing.error == "No orphans; 2 hosts answered.\n")

          // The destination's agent dies while the template is copied, and its journal is lost: it cannot undo what it made.
          let lost = try await lab.withLink(of: .beta, rate: "20mbit") {
            let id = try await orchestrator.migrate(guest, from: .alpha)
            try await orchestrator.progress(of: id) { ($0.template?.done ?? 0) > 0 }
            try await lab.command("agent", "kill", "beta")
            #expect(try await orchestrator.cancel(id, on: .alpha).body == .accepted)
            return id
          }
          try await lab.forgetEverything(on: .beta)
          #expect(try await orchestrator.end(of: lost).kind == .cancelled)

          // A migration that completes, after which a definition comes back at its source.
          let definition = try await lab.on(.alpha, "virsh", "dumpxml", "--inactive", guest.uuid)
          let moved = try await orchestrator.migrate(guest, from: .alpha)
          #expect(try await orchestrator.end(of: moved).kind == .completed)
          try await lab.shell(on: .alpha, #"virsh --quiet define /dev/stdin <<<"$1""#, definition)
          let aside = try #require(try await orchestrator.grace(on: .alpha).first { $0.migration == moved })

          let planted = try await Planted(lab, orchestrator)
          let alpha = try await orchestrator.orphans(on: .alpha)
          #expect(
            alpha.map(\.line) == [
              "set-aside \(planted.setAside) kept", "work-folder \(planted.asideFolder) kept",
              "export \(planted.export) removable", "domain \(guest.name) removable", "registration \(planted.registration) removable",
            ])
          let beta = try await orchestrator.orphans(on: .beta)
          let copy = try #require(beta.first { $0.kind == .templateCopy })
          #expect(copy.migration == lost)
          #expect(
            beta.map(\.line) == [
              "stub \(planted.stub) removable", "draft \(planted.used) kept", "draft \(planted.draft) removable",
              "template-copy \(copy.name) removable", "work-folder \(copy.name.dropLast("/layer-0".count)) removable",
              "work-folder \(planted.usedFolder) kept", "work-folder \(planted.draftFolder) removable", "file \(planted.foreign) kept",
            ])

          let before = try await lab.inventory(of: .beta)
          let listed = try await run()
          #expect(listed.code == 0, "\(listed)")
          #expect(listed.output.contains("13 orphans on 2 hosts that answered, 8 of them removable"), "\(listed.output)")
          #expect(try await lab.inventory(of: .beta).changes(since: before) == [], "listing changes nothing")

          let removed = try await run("--remove")
          #expect(removed.code == 0, "\(removed)")
          #expect(removed.output.contains("8 of 13 orphans removed"), "\(removed.output)")
          #expect(
            try await orchestrator.orphans(on: .alpha).map(\.line) == [
              "set-aside \(planted.setAside) kept", "work-folder \(planted.asideFolder) kept",
            ])
          #expect(
            try await orchestrator.orphans(on: .beta).map(\.line) == [
              "draft \(planted.used) kept", "work-folder \(planted.usedFolder) kept", "file \(planted.foreign) kept",
            ])
          // What is not an orphan is untouched: the disk in its time of grace, the strangers, the guest.
          #expect(try await lab.exists(aside.path, on: .alpha))
          for path in planted.strangers { #expect(try await lab.exists(path, on: .beta)) }
          #expect(try await lab.on(.alpha, "virsh", "--quiet", "list", "--all", "--uuid").contains(guest.uuid) == false)
          try await planted.remove()
          #expect(try await guest.state(on: .beta) == "running")
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("disks that are to be set aside and deleted wait for a pool that somebody has unmounted")
    func unmounted() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(Guest.Form(options: ["--full", "--disks", "1"]), in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await lab.withSmallPool("small", size: "256M", kind: .fileSystem, on: .beta) {
            func mount() async throws {
              try await lab.shell(on: .beta, #"mount "$(losetup --associated /run/small.img --noheadings --output NAME)" /run/small"#)
            }
            let there = try await orchestrator.migrate(
              guest, from: .alpha, pools: MigrateCommand.Pools(default: ResourceName("small")))
            #expect(try await orchestrator.end(of: there).kind == .completed)
            try await guest.setConsoleAside(on: .alpha)

            try await lab.restartAgent(on: .beta, dyingAt: .sourceUndefined)
            let back = try await orchestrator.migrate(
              guest, from: .beta, pools: MigrateCommand.Pools(default: ResourceName("primary")))
            try await lab.command("agent", "wait", "beta")
            try await lab.on(.beta, "umount", "/run/small")
            try await lab.startAgent(on: .beta)
            _ = try await orchestrator.event(.needsAttention, for: .poolInactive, of: back)
            try await mount()
            #expect(try await orchestrator.end(of: back).kind == .completed)

            let disk = try #require(try await orchestrator.grace(on: .beta).first { $0.migration == back })
            #expect(try await lab.exists(disk.path, on: .beta))
            func purge() async throws -> [SetAsideDisk] {
              let reply = try await orchestrator.ask(
                Request(id: Orchestrator.newID(), command: .purgeGrace(GraceSelection(migration: back))), of: .beta)
              guard case .grace(let disks) = reply.body else { throw Orchestrator.UnexpectedReply(reply: reply) }
              return disks
            }
            try await lab.on(.beta, "umount", "/run/small")
            let kept = try await purge()
            #expect(kept.map(\.state) == [.kept] && kept.first?.reason?.code == .poolInactive, "\(kept)")
            try await mount()
            // Who asked is answered by the agent that comes back.
            try await lab.restartAgent(on: .beta, dyingAt: Self.point)
            async let purged = purge()
            try await lab.command("agent", "wait", "beta")
            try await lab.startAgent(on: .beta)
            #expect(try await purged.map(\.state) == [.deleted])
            #expect(try await lab.exists(disk.path, on: .beta) == false)
            try await guest.verify(.alpha, .beta, .alpha).expectGood()
          }
        }
      }
    }

    @Test("of two migrations into a pool with room for one, one completes and the other is refused")
    func room() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      let form = Guest.Form(options: ["--full", "--disks", "1"])
      try await Guest.with(form, in: lab) { first in
        try await Guest.with(form, in: lab) { second in
          try await Orchestrator.with(lab) { orchestrator in
            try await lab.withSmallPool("small", size: "112M", on: .beta) {
              let pools = MigrateCommand.Pools(default: ResourceName("small"))
              let ends = try await lab.withLink(of: .beta, rate: "100mbit") {
                async let one = orchestrator.migrate(first, from: .alpha, pools: pools)
                async let other = orchestrator.migrate(second, from: .alpha, pools: pools)
                var ends: [(guest: Guest, end: MigrationEventData)] = []
                for (guest, id) in try await [(first, one), (second, other)] { ends.append((guest, try await orchestrator.end(of: id))) }
                return ends
              }
              #expect(ends.map(\.end.kind.rawValue).sorted() == ["completed", "failed"])
              let refused = try #require(ends.first { $0.end.kind == .failed })
              #expect(refused.end.stage == .checks)
              #expect(refused.end.reasons?.map(\.code) == [.noSpace], "\(refused.end.reasons ?? [])")
              #expect(refused.end.reasons?.first?.message.contains("promised to others") == true, "\(refused.end.reasons ?? [])")
              #expect(try await refused.guest.state(on: .alpha) == "running")
              let moved = try #require(ends.first { $0.end.kind == .completed })
              try await moved.guest.verify(.alpha, .beta).expectGood()
            }
          }
        }
      }
    }
  }
}

/// Things that tests put onto hosts, as crashes, lost journals and strangers leave them.
private struct Planted {
  /// On `alpha`: a disk that was set aside and whose entry in the journal is gone, a server of a template, an entry without a file.
  let setAside, asideFolder, export, registration: String
  /// On `beta`: a stub that the journal has, drafts of which one is in use, something else.
  let stub, used, usedFolder, draft, draftFolder, foreign: String
  /// On `beta`: what is nobody's business.
  let strangers: [String]
  private let lab: Lab

  init(_ lab: Lab, _ orchestrator: Orchestrator) async throws {
    self.lab = lab
    let alpha = try lab.folder(.primary, on: .alpha)
    let beta = try lab.folder(.primary, on: .beta)
    let own = "\(beta)/.longshore/\(Lab.cluster).beta"
    asideFolder = "\(alpha)/.longshore/\(Lab.cluster).alpha/gone-1"
    setAside = "\(asideFolder)/db.qcow2"
    export = "/run/longshore/exports/gone-2-0-10870.pid"
    registration = "\(alpha)/db.qcow2"
    stub = "\(beta)/orphaned.qcow2"
    usedFolder = "\(own)/gone-3"
    used = "\(usedFolder)/stub-vda"
    draftFolder = "\(own)/gone-4"
    draft = "\(draftFolder)/stub-vdb"
    foreign = "\(own)/notes.txt"
    strangers = ["\(beta)/stranger.qcow2", "\(beta)/.longshore/\(Lab.cluster).gamma/gone-5/stub-vda"]

    try await lab.plant(on: .alpha, registering: registration) {
      try await lab.shell(on: .alpha, #"mkdir -p "$1"; truncate -s 1M "$2""#, asideFolder, setAside)
    }
    // An agent ends the servers that it finds at its start: it answers after that.
    _ = try await orchestrator.description(of: .alpha)
    try await lab.shell(
      on: .alpha, #"qemu-nbd --fork --persistent --read-only --format=raw --port=10870 --pid-file="$1" "$2""#, export,
      Repository.path("LICENSE"))
    try await lab.plant(on: .beta, registering: stub) {
      try await lab.shell(on: .beta, #"for path; do mkdir -p "${path%/*}"; truncate -s 1M "$path"; done"#, stub, used, draft, foreign)
      try await lab.shell(on: .beta, #"for path; do mkdir -p "${path%/*}"; echo stranger >"$path"; done"#, strangers[0], strangers[1])
    }
    try await lab.shell(
      on: .beta, #"qemu-nbd --fork --persistent --format=raw --socket=/run/used.sock --pid-file=/run/used.pid "$1""#, used)
  }

  /// Takes away what the agents have left alone.
  func remove() async throws {
    try await lab.shell(on: .alpha, #"rm -rf "$1""#, asideFolder)
    try await lab.shell(
      on: .beta, #"kill "$(</run/used.pid)"; rm -rf "$1" "$2" "$3" "${4%/*/*}""#, usedFolder, foreign, strangers[0], strangers[1])
  }
}

extension Lab {
  /// Makes things on a host, and enters a file into the journal of its agent, which does not run meanwhile: as a migration registers
  /// it that nobody knows any more. Of a file that is not there it enters some inode.
  fileprivate func plant(on host: Host, registering path: String, _ make: () async throws -> Void) async throws {
    try await withoutAgent(on: host) {
      try await make()
      try await shell(
        on: host,
        """
        /usr/bin/python3 - "$1" <<'END'
        import os, sqlite3, sys
        path = sys.argv[1]
        device, inode = (os.stat(path).st_dev, os.stat(path).st_ino) if os.path.exists(path) else (1, 2)
        with sqlite3.connect("/var/lib/longshore/journal.sqlite") as journal:
            journal.execute(
                "INSERT INTO file (migration, side, role, path, device, inode) VALUES ('gone-0', 'destination', 'stub', ?, ?, ?)",
                (path, device, inode))
        END
        """, path)
    }
  }

  /// Lets a host's agent lose its journal and what is in its inbox, and start again.
  fileprivate func forgetEverything(on host: Host) async throws {
    try await command("agent", "kill", host.rawValue)
    try await shell(on: host, "rm -f /var/lib/longshore/journal.sqlite*")
    try await command("broker", "ctl", "--quiet", "purge_queue", "longshore.host.\(Self.cluster).\(host)")
    try await command("agent", "start", host.rawValue)
  }

  /// Whether a host has a file.
  fileprivate func exists(_ path: String, on host: Host) async throws -> Bool {
    try await shell(on: host, #"[[ -e $1 ]] && echo there || echo missing"#, path) == "there\n"
  }
}

extension Orchestrator {
  /// The disks that are set aside on a host.
  func grace(on host: Lab.Host) async throws -> [SetAsideDisk] {
    let reply = try await ask(Request(id: Self.newID(), command: .listGrace), of: host)
    guard case .grace(let disks) = reply.body else { throw UnexpectedReply(reply: reply) }
    return disks
  }

  /// What belongs to no migration that runs on a host.
  fileprivate func orphans(on host: Lab.Host) async throws -> [Orphan] {
    let reply = try await ask(Request(id: Self.newID(), command: .listOrphans), of: host)
    guard case .orphans(let orphans) = reply.body else { throw UnexpectedReply(reply: reply) }
    return orphans
  }

  /// What a host is and has.
  fileprivate func description(of host: Lab.Host) async throws -> HostDescription {
    let reply = try await ask(Request(id: Self.newID(), command: .describe), of: host)
    guard case .host(let description) = reply.body else { throw UnexpectedReply(reply: reply) }
    return description
  }

  /// A reply of another kind than was asked for.
  struct UnexpectedReply: Error, CustomStringConvertible {
    let reply: Reply
    var description: String { String(decoding: MessageCoding.encode(reply), as: UTF8.self) }
  }
}

extension Orphan {
  /// The orphan in a line.
  fileprivate var line: String { "\(kind.rawValue) \(name) \(state.rawValue)" }
}
