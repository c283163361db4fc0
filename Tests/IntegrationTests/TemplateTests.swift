import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

extension ThreeNodeTests {
  /// Templates that are listed, verified, and put in place ahead of a move.
  @Suite(.serialized, .enabled(if: Client.longshore != nil, Client.missingLongshore)) struct Templates {
    /// Where the agent dies that gets a template, one after the other.
    static let points: [CrashPoint] = placingPoints + [.prefetchRemoving, .prefetchFailed]

    private static let placingPoints: [CrashPoint] = [
      .prefetchUnstored, .prefetchStored, .prefetchAsking, .prefetchChecking, .prefetchPlacing, .workFolderRegistered, .layerDraftNoted,
      .layerChunkNoted, .layerVerified, .layerPublished, .prefetchFinishing, .fileForgotten, .prefetchPlaced,
    ]

    @Test("a template is listed, put in place by an agent that is killed meanwhile, and used by the guest that comes")
    func prefetch() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let commands = try TemplateCommands(lab)
          let here = try #require(try await commands.list(.alpha).first { $0.volume.text == Guest.template })
          #expect(here.images == 1 && here.copied == nil && here.format == .qcow2, "\(here)")
          #expect(try await commands.list(.beta) == [])

          let followed = try await lab.withLink(of: .beta, rate: "50mbit") {
            async let ending = commands.prefetch(to: .beta)
            _ = try await commands.work(on: .beta, by: orchestrator) { $0.bytesDone > 0 }
            try await lab.command("agent", "kill", "beta")
            try await lab.command("agent", "kill", "alpha")
            try await lab.command("agent", "start", "beta")
            try await lab.command("agent", "start", "alpha")
            return try await ending
          }
          #expect(followed.code == 0, "\(followed)")
          #expect(followed.output.hasPrefix("In place on beta: "), "\(followed)")
          try await expectInPlace(lab)

          let there = try #require(try await commands.list(.beta).first)
          #expect(there.images == 0 && there.isReadOnly && there.copied?.from.text == "alpha" && there.digest != nil, "\(there)")
          let before = try await lab.inventory(of: .beta)
          let again = try await commands.prefetch(to: .beta)
          #expect(again.code == 0 && again.output.hasPrefix("On beta already: "), "\(again)")
          #expect(try await lab.inventory(of: .beta).changes(since: before) == [])

          let id = try await orchestrator.migrate(guest, from: .alpha)
          let end = try await orchestrator.end(of: id)
          #expect(end.kind == .completed && end.bytes?.template == 0, "\(end)")
          #expect(try await commands.list(.beta).first?.images == 1)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("a template that was written to is told by verifying it, and is not overwritten")
    func verify() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { _ in
        try await Orchestrator.with(lab) { _ in
          let commands = try TemplateCommands(lab)
          #expect(try await commands.prefetch(to: .beta).code == 0)
          let good = try await commands.verify("--host", "beta", "--against", "alpha")
          #expect(good.code == 0 && good.output.contains("as remembered"), "\(good)")

          let path = "\(try lab.folder(.primary, on: .beta))/\(Guest.template)"
          try await lab.shell(
            on: .beta, #"chmod u+w "$1"; printf other | dd of="$1" bs=1 seek=40000000 conv=notrunc status=none; chmod u-w "$1""#, path)
          let before = try await lab.inventory(of: .beta)
          let bad = try await commands.verify(Guest.template, "--host", "beta", "--against", "alpha")
          #expect(bad.code == 1 && bad.output.contains("DIFFERS"), "\(bad)")
          let refused = try await commands.prefetch(to: .beta)
          #expect(refused.code == 1 && refused.error.contains(Reason.Code.templateDiffers.text), "\(refused)")
          #expect(try await lab.inventory(of: .beta).changes(since: before) == [])
          try await lab.expectNoLeftovers()
        }
      }
    }

    @Test("a prefetch that is cancelled leaves nothing, and one that must not be leaves nothing either")
    func refused() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let commands = try TemplateCommands(lab)
          let cancelled = try await lab.withLink(of: .beta, rate: "20mbit") {
            async let ending = commands.prefetch(to: .beta)
            let work = try await commands.work(on: .beta, by: orchestrator) { $0.bytesDone > 0 }
            let stopped = try await commands.run("cancel", work.id.text, "--host", "beta")
            #expect(stopped.code == 0, "\(stopped)")
            return try await ending
          }
          #expect(cancelled.code == 2, "\(cancelled)")

          // A guest's disk is no template.
          let disk = try await commands.run("prefetch", "\(guest.name)-root.qcow2", "--from", "alpha", "--to", "beta")
          #expect(disk.code == 1 && disk.error.contains(Reason.Code.guestBusy.text), "\(disk)")

          try await lab.restartAgent(on: .beta, with: ["LONGSHORED_INCOMING_ALLOWED": "false"])
          let maintained = try await commands.prefetch(to: .beta)
          #expect(maintained.code == 1 && maintained.error.contains(Reason.Code.maintenance.text), "\(maintained)")
          try await lab.restartAgent(on: .beta, with: ["LONGSHORED_REQUESTS_USERS": "nobody"])
          let forbidden = try await commands.prefetch(to: .beta)
          #expect(forbidden.code == 3 && forbidden.error.contains(Reason.Code.notPermitted.text), "\(forbidden)")
          try await lab.restartAgent(on: .beta)
          #expect(try await commands.list(.beta) == [])
          #expect(try await lab.inventory(of: .beta).files == [])
          try await lab.expectNoLeftovers()
        }
      }
    }

    @Test(
      "an agent that dies at any point of a prefetch brings it to its end",
      arguments: [placingPoints, [.prefetchRemoving, .prefetchFailed]])
    func crashes(points: [CrashPoint]) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { _ in
        try await Orchestrator.with(lab) { _ in
          let commands = try TemplateCommands(lab)
          let fails = points.contains(.prefetchFailed)
          let there = "\(try lab.folder(.primary, on: .beta))/\(Guest.template)"
          if fails { try await lab.on(.beta, "touch", there) }
          try await lab.restartAgent(on: .beta, dyingAt: points[0])
          async let ending = commands.prefetch(to: .beta)
          for next in points.dropFirst().map({ Optional($0) }) + [nil] {
            try await lab.command("agent", "wait", "beta")
            try await lab.startAgent(on: .beta, dyingAt: next)
          }
          let followed = try await ending
          #expect(followed.code == (fails ? 1 : 0), "\(followed)")
          if fails { try await lab.on(.beta, "rm", there) } else { try await expectInPlace(lab) }
          try await lab.expectNoLeftovers()
        }
      }
    }

    @Test("a template beside another file of its name: refused, or brought once for all guests by the order's word")
    func renamed() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { first in
        try await Guest.with(.linked, in: lab) { second in
          try await Orchestrator.with(lab) { orchestrator in
            let folder = try lab.folder(.primary, on: .beta)
            let taken = "\(folder)/\(Guest.template)"
            try await lab.shell(
              on: .beta, #"cp "$1" "$2"; printf other >>"$2""#,
              "\(try lab.folder(.primary, on: .alpha))/\(Guest.template)", taken)
            let before = try await lab.on(.beta, "sha256sum", taken)
            let refused = try await orchestrator.migrate(first, from: .alpha)
            let end = try await orchestrator.end(of: refused)
            #expect(end.kind == .failed && end.stage == .checks && end.reasons?.map(\.code) == [.templateDiffers], "\(end)")

            // What the source has read it can tell, so that the check names the file that will be.
            let read = try await TemplateCommands(lab).verify("--host", "alpha")
            #expect(read.code == 0, "\(read)")
            var order = try orchestrator.order(first, from: .alpha, options: MigrationOptions(templateConflict: .rename))
            order.dryRun = true
            let dryRun = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .migrate(order)), of: .alpha)
            guard case .checked(let checks, _, let estimate) = dryRun.body else { throw Orchestrator.UnexpectedReply(reply: dryRun) }
            let check = try #require(checks.first { $0.code == .templateDiffers })
            #expect(check.outcome == .warning, "\(check)")
            #expect(estimate?.bytes.template ?? 0 > 0, "it will be copied")

            for guest in [first, second] {
              let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(templateConflict: .rename))
              let end = try await orchestrator.end(of: id)
              #expect(end.kind == .completed, "\(end)")
              #expect((end.bytes?.template ?? 0 > 0) == (guest.name == first.name), "\(end)")
              let chain = try #require(try await DiskImages(of: guest, on: .beta).disks["vda"]?.chain.map(\.filename))
              let beside = try #require(chain.last)
              #expect(
                chain.count == 2 && beside.hasPrefix("\(folder)/debian-template-")
                  && check.message.contains(beside.dropFirst(folder.count + 1)))
              #expect(
                try await lab.shell(
                  on: .beta, #"cmp "$1" "$2" && stat --format %a "$2""#, "\(lab.folder(.primary, on: .alpha))/\(Guest.template)", beside)
                  == "444\n")
            }
            #expect(try await lab.on(.beta, "sha256sum", taken) == before)
            try await first.verify(.alpha, .beta).expectGood()
            try await second.verify(.alpha, .beta).expectGood()
            try await lab.shell(on: .beta, #"rm -f "$1"/debian-template*"#, folder)
          }
        }
      }
    }

    /// Expects that the template is on beta as it is on alpha, and that nothing else is.
    private func expectInPlace(_ lab: Lab) async throws {
      let here = "\(try lab.folder(.primary, on: .alpha))/\(Guest.template)"
      let there = "\(try lab.folder(.primary, on: .beta))/\(Guest.template)"
      #expect(try await lab.shell(on: .beta, #"cmp "$1" "$2" && stat --format %a "$2""#, here, there) == "444\n")
      try await lab.expectNoLeftovers()
    }
  }
}

/// `longshore templates` in a lab.
private struct TemplateCommands: Sendable {
  private let lab: Lab
  private let longshore: Client

  init(_ lab: Lab) throws {
    self.lab = lab
    longshore = try #require(Client.longshore)
  }

  func run(_ words: String...) async throws -> Client.Ending { try await run(words) }

  private func run(_ words: [String]) async throws -> Client.Ending {
    try await longshore.run(["templates"] + words + ["--broker", lab.brokerURL, "--cluster", Lab.cluster])
  }

  /// Has the guests' template of the other host put in place.
  func prefetch(to host: Lab.Host) async throws -> Client.Ending {
    try await run(["prefetch", Guest.template, "--from", host.other.rawValue, "--to", host.rawValue])
  }

  func verify(_ words: String...) async throws -> Client.Ending { try await run(["verify"] + words) }

  /// The templates of a host.
  func list(_ host: Lab.Host) async throws -> [TemplateFile] {
    let ending = try await run(["list", "--host", host.rawValue, "--format", "json"])
    #expect(ending.code == 0, "\(ending)")
    let replies = try MessageCoding.decode([Reply].self, from: Array(ending.output.utf8))
    guard case .templates(let templates)? = replies.first?.body else {
      throw Orchestrator.UnexpectedReply(reply: try #require(replies.first))
    }
    return templates
  }

  /// The prefetch that a host does now, as soon as it is as it should be.
  func work(
    on host: Lab.Host, by orchestrator: Orchestrator, until isThere: (TemplateWork) -> Bool
  ) async throws -> TemplateWork {
    // Another order for the same is answered with what is under way, whichever came first.
    let order = PrefetchOrder(
      template: try #require(ResourceName(Guest.template)), from: try #require(NodeName(host.other.rawValue)))
    while true {
      try Task.checkCancellation()
      let reply = try await orchestrator.ask(Request(id: Orchestrator.newID(), command: .prefetchTemplate(order)), of: host)
      guard case .templateWork(let work) = reply.body else { throw Orchestrator.UnexpectedReply(reply: reply) }
      if isThere(work) { return work }
    }
  }
}
