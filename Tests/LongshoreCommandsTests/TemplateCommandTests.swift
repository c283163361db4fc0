import ArgumentParser
import LongshoreClient
import LongshoreMessages
import Synchronization
import Testing

@testable import LongshoreCommands

/// `longshore templates`, from the command line to the exit code, with hosts that are played.
@Suite(.timeLimit(.minutes(10))) struct TemplateCommandTests {
  private static let pool = name("primary")
  private static let debian = name("debian-12.qcow2")
  private static let digest = LayerDigest(fileSize: 256 << 20, header: "qcow2", sha256: String(repeating: "3f2a", count: 16))
  private static let otherDigest = LayerDigest(fileSize: 256 << 20, header: "qcow2", sha256: String(repeating: "9b01", count: 16))

  private static func name(_ text: String) -> ResourceName {
    guard let name = ResourceName(text) else { preconditionFailure(text) }
    return name
  }

  private static func file(_ state: TemplateWork.File.State, _ digest: LayerDigest? = nil, reason: Reason? = nil) -> TemplateWork.File {
    TemplateWork.File(pool: pool, volume: debian, fileSize: 256 << 20, state: state, digest: digest, reason: reason)
  }

  private static func work(
    _ kind: TemplateWork.Kind, _ phase: TemplateWork.Phase, _ files: [TemplateWork.File] = [], done: UInt64 = 0, reason: Reason? = nil
  ) -> TemplateWork {
    TemplateWork(
      id: Sample.id("w-1"), kind: kind, phase: phase, source: kind == .prefetch ? Sample.alpha.host : nil, bytesDone: done,
      bytesTotal: files.isEmpty ? 0 : 256 << 20, files: files, reason: reason)
  }

  /// A harness whose hosts answer one question after the other with these, and the last one ever again.
  private func harness(_ bodies: [Reply.Body], signals: [FollowSignal] = []) -> CommandHarness {
    let next = Mutex(0)
    var harness = CommandHarness()
    harness.signals = signals
    harness.link = FakeLink(
      answer: { _, request in
        let body = next.withLock { number in
          defer { number += 1 }
          return bodies[min(number, bodies.count - 1)]
        }
        return .success(Reply(to: request.id, from: Sample.beta, body: body))
      },
      answers: { _, _ in .success(bodies.map { Sample.reply($0) }) })
    return harness
  }

  private func commands(_ harness: CommandHarness) -> [Request.Command] { harness.link.asked.map(\.request.command) }

  // MARK: - list

  @Test func templatesAreListedWithWhatIsKnownOfThem() async throws {
    let harness = harness([
      .templates([
        TemplateFile(
          pool: Self.pool, volume: Self.debian, format: .qcow2, fileSize: 256 << 20, digest: Self.digest, images: 12,
          copied: .init(from: Sample.beta.host, at: Sample.start), isReadOnly: true),
        TemplateFile(pool: Self.pool, volume: Self.name("old.img"), format: .raw, fileSize: 1 << 30, images: 1, isReadOnly: false),
      ])
    ])
    #expect(try await harness.run("templates", "list", "--pool", "primary") == .done)
    #expect(commands(harness) == [.listTemplates(pool: Self.pool)])
    #expect(
      harness.output.text
        == """
        HOST   POOL     TEMPLATE         SIZE     FORMAT  IMAGES  DIGEST        ORIGIN
        alpha  primary  debian-12.qcow2  256 MiB  qcow2   12      3f2a3f2a3f2a  copied from beta 2026-01-31 18:30:00, read-only
        alpha  primary  old.img          1.0 GiB  raw     1       unknown       writable

        2 templates of 1.3 GiB.

        """)
    let quiet = self.harness([.templates([])])
    #expect(try await quiet.run("templates", "list", "--host", "beta") == .done)
    #expect(quiet.output.text == "" && quiet.error.text == "No templates; 1 host answered.\n")
  }

  // MARK: - prefetch

  @Test func aPrefetchIsFollowedToItsEnd() async throws {
    let harness = harness(
      [
        .templateWork(Self.work(.prefetch, .queued)), .templateWork(Self.work(.prefetch, .working, [Self.file(.working)], done: 64 << 20)),
        .templateWork(Self.work(.prefetch, .done, [Self.file(.copied)], done: 256 << 20)),
      ], signals: [.second, .second])
    #expect(
      try await harness.run(
        "templates", "prefetch", "primary/debian-12.qcow2", "--from", "alpha", "--to", "beta", "--pool", "fast", "--template-pool", "slow")
        == .done)
    #expect(
      commands(harness) == [
        .prefetchTemplate(
          PrefetchOrder(
            template: Self.debian, from: Sample.alpha.host, pool: Self.pool, destinationPool: Self.name("fast"),
            layerPool: Self.name("slow"))),
        .templateWork(id: Sample.id("w-1")), .templateWork(id: Sample.id("w-1")),
      ])
    #expect(
      harness.output.text == "In place on beta: debian-12.qcow2\n  primary/debian-12.qcow2  256 MiB  copied\n")
    #expect(
      harness.error.text == """
        18:30:00 alpha -> beta: waits for its turn
        18:30:00 alpha -> beta: copying primary/debian-12.qcow2: 25 %, 64 of 256 MiB

        """)
  }

  @Test func aTemplateThatIsThereIsSaidToBe() async throws {
    let harness = harness([.templateWork(Self.work(.prefetch, .done, [Self.file(.present)]))])
    #expect(try await harness.run("templates", "prefetch", "debian-12.qcow2", "--from", "alpha", "--to", "beta") == .done)
    #expect(harness.output.text.hasPrefix("On beta already: debian-12.qcow2\n"))
  }

  @Test func aPrefetchGoesOnAfterCtrlC() async throws {
    let harness = harness([.templateWork(Self.work(.prefetch, .working, [Self.file(.working)]))], signals: [.second, .interrupt])
    #expect(try await harness.run("templates", "prefetch", "debian-12.qcow2", "--from", "alpha", "--to", "beta") == .interrupted)
    #expect(harness.error.text.contains("The copying goes on at beta."))
    #expect(harness.error.text.contains("`longshore templates cancel w-1 --host beta` stops it."))
    #expect(!commands(harness).contains { if case .cancel = $0 { true } else { false } })
  }

  @Test func aPrefetchThatFailsSaysWhy() async throws {
    let reason = Reason(.templateDiffers, "the file is not the template at the source")
    let harness = harness([.templateWork(Self.work(.prefetch, .failed, reason: reason))])
    #expect(try await harness.run("templates", "prefetch", "debian-12.qcow2", "--from", "alpha", "--to", "beta") == .failed)
    #expect(
      harness.error.text
        == "Failed: debian-12.qcow2 is not on beta.\n  - the file is not the template at the source [template-differs]\n")
    let refused = self.harness([.rejected([Reason(.notPermitted, "ask another user")])])
    #expect(try await refused.run("templates", "prefetch", "debian-12.qcow2", "--from", "alpha", "--to", "beta") == .refused)
    #expect(refused.error.text == "Refused by beta:\n  - ask another user [not-permitted]\n")
  }

  @Test(arguments: [
    ["templates", "prefetch", "a/b/c", "--from", "alpha", "--to", "beta"],
    ["templates", "prefetch", "/a", "--from", "alpha", "--to", "beta"],
    ["templates", "prefetch", "a", "--from", "beta", "--to", "beta"], ["templates", "verify", "a/b", "--pool", "c", "--host", "beta"],
    ["templates", "verify", "a", "--host", "beta", "--against", "beta"],
  ])
  func wrongWordsAreRefused(_ words: [String]) {
    #expect(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(words) }
  }

  // MARK: - verify

  @Test func whatIsReadIsComparedWithWhatWasRememberedAndWithTheOtherHost() async throws {
    let reason = Reason(.templateDiffers, "its content is not the same: it was written to or exchanged since")
    let harness = harness([
      .templateWork(Self.work(.verify, .done, [Self.file(.differs, Self.digest, reason: reason)])),
      .templateWork(Self.work(.verify, .done, [Self.file(.same, Self.otherDigest)])),
    ])
    #expect(try await harness.run("templates", "verify", "debian-12.qcow2", "--host", "beta", "--against", "alpha") == .failed)
    #expect(commands(harness) == Array(repeating: .verifyTemplates(TemplateSelection(template: Self.debian)), count: 2))
    #expect(harness.link.asked.map(\.routingKey) == ["lab.beta", "lab.alpha"])
    #expect(
      harness.output.text
        == """
        POOL     TEMPLATE         SIZE     CONTENT  ON ALPHA  DIGEST
        primary  debian-12.qcow2  256 MiB  DIFFERS  differs   3f2a3f2a3f2a
          its content is not the same: it was written to or exchanged since [template-differs]
          on alpha it has 256 MiB and the digest 9b019b019b01

        """)
    let good = self.harness([.templateWork(Self.work(.verify, .done, [Self.file(.new, Self.digest)]))])
    #expect(try await good.run("templates", "verify", "--host", "beta") == .done)
    #expect(good.output.text.contains("remembered now"))
  }

  @Test func aVerificationEndsWithCtrlC() async throws {
    let harness = harness([.templateWork(Self.work(.verify, .working, [Self.file(.working)]))], signals: [.interrupt])
    #expect(try await harness.run("templates", "verify", "--host", "beta") == .interrupted)
    #expect(commands(harness).last == .cancel(migration: Sample.id("w-1")))
  }

  @Test func ctrlCIsHeardBeforeAHostIsTold() async throws {
    let isListening = Atomic(false)
    var harness = CommandHarness(signals: [.interrupt])
    harness.listening = { isListening.store(true, ordering: .relaxed) }
    harness.link = FakeLink(answer: { _, request in
      if case .verifyTemplates = request.command, !isListening.load(ordering: .relaxed) { return .failure(.silence) }
      return .success(Reply(to: request.id, from: Sample.beta, body: .templateWork(Self.work(.verify, .working))))
    })
    #expect(try await harness.run("templates", "verify", "--host", "beta", "--against", "alpha") == .interrupted)
    #expect(commands(harness).suffix(2) == [.cancel(migration: Sample.id("w-1")), .cancel(migration: Sample.id("w-1"))])
  }

  @Test func whatWasBegunIsStoppedWhereTheOtherHostDoesNotAnswer() async throws {
    for cancels in [true, false] {
      var harness = CommandHarness()
      harness.link = FakeLink(answer: { _, request in
        switch request.command {
        case .verifyTemplates where request.host?.host == Sample.beta.host:
          .success(Reply(to: request.id, from: Sample.beta, body: .templateWork(Self.work(.verify, .working))))
        case .cancel where cancels: .success(Reply(to: request.id, from: Sample.beta, body: .accepted))
        default: .failure(.silence)
        }
      })
      #expect(try await harness.run("templates", "verify", "--host", "beta", "--against", "alpha") == .noAnswer)
      // The one that has not answered may still begin.
      #expect(commands(harness).suffix(2) == [.cancel(migration: Sample.id("w-1")), .cancel(migration: Sample.id("new"))])
      #expect(harness.link.asked.suffix(2).map(\.routingKey) == ["lab.beta", "lab.alpha"])
      let advice = ["beta may read on; `longshore templates cancel w-1 --host beta` stops it.", "alpha may read on; "]
      #expect(advice.allSatisfy { harness.error.text.contains($0) == !cancels })
    }
  }

  @Test func anOrderOfACopyWithoutAnAnswerMayStillBeTaken() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink()
    #expect(try await harness.run("templates", "prefetch", "debian-12.qcow2", "--from", "alpha", "--to", "beta") == .noAnswer)
    #expect(harness.error.text.contains("the order may still be taken for a minute"))
    #expect(harness.error.text.contains("`longshore templates cancel new --host beta` stops it"))
  }

  // MARK: - cancel

  @Test func workIsCancelledAtItsHost() async throws {
    let harness = harness([.templateWork(Self.work(.prefetch, .working)), .accepted])
    #expect(try await harness.run("templates", "cancel", "w-1", "--host", "beta") == .done)
    #expect(commands(harness) == [.templateWork(id: Sample.id("w-1")), .cancel(migration: Sample.id("w-1"))])
    let unknown = self.harness([.rejected([Reason(.unknownMigration, "no work w-2 is known")])])
    #expect(try await unknown.run("templates", "cancel", "w-2", "--host", "beta") == .refused)
    #expect(commands(unknown).count == 1, "what is no work on templates is not cancelled")
  }
}
