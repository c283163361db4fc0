import Logging
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import MigrationJournal
import Synchronization
import Testing

@testable import LongshoreAgent

@Suite("Layers that several need", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing), .timeLimit(.minutes(10)))
struct LayerProviderTests {
  private static let pool = MigrationSamples.plan.layers[0].pool
  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  /// A source and a destination that hear each other, with a folder each, and what they did.
  private struct Pair {
    let folder: TemporaryFolder
    let provider: LayerProvider
    let offers: LayerOffers
    let asked: ScriptedPeers
    let journal: Journal
    /// The files that were read for their digests, on both hosts.
    let readings: Recorder<String>
    /// The template at the source.
    let template: String
    var layer: TemplateLayer

    init(_ folder: TemporaryFolder, size: Int, outgoing: Int = 2, incoming: Int = 2) async throws {
      self.folder = folder
      try await folder.run("mkdir", "source", "destination", "exports")
      let raw = try folder.write(noise(size), to: "source/content.raw")
      template = folder.file("source/template.qcow2")
      try await folder.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, template)
      layer = TemplateLayer(
        id: 0, pool: LayerProviderTests.pool, volume: try #require(ResourceName("template.qcow2")), format: .qcow2,
        fileSize: try #require(FileProbe.size(of: template)), virtualSize: UInt64(size), backing: nil)
      let mailbox = OfferMailbox()
      let readings = Recorder<String>()
      self.readings = readings
      let ports = ExportFixture.exporter(in: folder).ports
      let answering = ScriptedPeers { sent in
        if case .layerOffered(let offer) = sent.body { await mailbox.deliver(offer, of: sent.migration) }
      }
      let offers = LayerOffers(
        here: MigrationSamples.source.host, limit: outgoing,
        identities: LayerIdentities(journal: try Journal(path: Journal.inMemory), settlingTime: 0) { readings.record($0) },
        exporter: NBDExporter(address: "127.0.0.1", ports: ports, directory: folder.file("exports")), peers: answering,
        pacer: BandwidthPacer(schedules: .init(), clock: SystemHostClock(), logger: LayerProviderTests.logger), clock: SystemHostClock(),
        logger: LayerProviderTests.logger)
      self.offers = offers
      asked = ScriptedPeers { sent in
        guard case .offerLayer(let layer, let export) = sent.body else { return }
        await offers.answer(layer: layer, export: export, migration: sent.migration, to: MigrationSamples.destination)
      }
      let destination = folder.file("destination")
      journal = try Journal(path: Journal.inMemory)
      provider = LayerProvider(
        here: MigrationSamples.destination, folder: { _ in destination }, journal: journal,
        identities: LayerIdentities(journal: journal, settlingTime: 0) { readings.record($0) },
        images: QemuImg(), credentials: nil, offers: mailbox, turns: PathTurns(), places: CopyPlaces(limit: incoming), peers: asked,
        clock: SystemHostClock(),
        logger: LayerProviderTests.logger)
    }

    /// Puts the layer in place for a migration of this number, as the destination's runner does it.
    ///
    /// - Parameter beside: Whether the order says to put it beside another file of its name.
    func provide(_ number: Int, beside: Bool = false) async throws -> UInt64 {
      let id = try #require(MigrationID("migration-\(number)"))
      await offers.offer([layer], at: [0: template], for: id)
      var plan = MigrationSamples.plan
      plan.layers = [layer]
      plan.templateConflict = beside ? .rename : nil
      let (migration, _) = DestinationMigration.prepare(
        id: id, source: MigrationSamples.source, plan: plan, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now())
      let (path, copied) = try await provider.provide(layer, of: LayerDemand(migration)) { _ in }
      #expect((path == folder.file("destination/template.qcow2")) != beside)
      try await RegisteredFiles.handOver(of: id, journal: journal)
      await offers.withdraw(id)
      return copied
    }
  }

  @Test("two, ten or fifty that need one at the same instant share one copy, and the template is read once", arguments: [2, 10, 50])
  func shared(takers: Int) async throws {
    try await withTemporaryFolder { folder in
      let pair = try await Pair(folder, size: 3 << 20)
      let copied = try await withThrowingTaskGroup(of: UInt64.self) { group in
        for number in 0..<takers { group.addTask { try await pair.provide(number) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(copied.sorted() == [UInt64](repeating: 0, count: takers - 1) + [pair.layer.fileSize])
      #expect(pair.readings.elements == [pair.template], "the copy was digested while it was copied")
      // One alone asked for the bytes, and for no other file.
      let exports = Set(pair.asked.sent.elements.filter { $0.body == .offerLayer(0, export: true) }.map(\.migration))
      #expect(exports.count == 1)
      let copy = folder.file("destination/template.qcow2")
      #expect(try folder.read(copy) == folder.read(pair.template))
      #expect(try FileStatus(ofPath: copy, operation: "look").permissions == 0o444)
      #expect(try pair.journal.files() == [] && !folder.exists(folder.file("destination/.longshore")))
      let noted = try #require(try pair.journal.copiedTemplate(at: copy))
      #expect(noted.isThere && noted.source == MigrationSamples.source.host)
      #expect(try await ExportFixture.exporter(in: folder).pidFiles() == [], "no server is left")
    }
  }

  @Test("a file that has the name and is another one is left alone; by the order's word all others share one beside it")
  func renamed() async throws {
    try await withTemporaryFolder { folder in
      let pair = try await Pair(folder, size: 1 << 20)
      let taken = folder.file("destination/template.qcow2")
      try await folder.run("cp", pair.template, taken)
      try folder.overwrite(taken, at: Int(pair.layer.fileSize) - 100, with: [1, 2, 3])
      let before = try folder.read(taken)
      await #expect(throws: Reason.Failure.self) { _ = try await pair.provide(0) }
      let copied = try await withThrowingTaskGroup(of: UInt64.self) { group in
        for number in 1..<4 { group.addTask { try await pair.provide(number, beside: true) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(copied.sorted() == [0, 0, pair.layer.fileSize])
      #expect(try folder.read(taken) == before)
      let digest = try await pair.provider.identities.digest(of: pair.template, format: .qcow2)
      let beside = folder.file("destination/template-\(digest.sha256.prefix(12)).qcow2")
      #expect(try folder.read(beside) == folder.read(pair.template))
    }
  }

  @Test("a file that has the layer below read in another format is not the layer", arguments: ["qcow2", nil])
  func otherBackingFormat(format: String?) async throws {
    try await withTemporaryFolder { folder in
      var pair = try await Pair(folder, size: 1 << 20)
      let base = folder.file("source/content.raw")
      let top = folder.file("source/top.qcow2")
      try await folder.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top)
      pair.layer.format = .raw
      pair.layer.fileSize = 1 << 20
      var above = pair.layer
      (above.id, above.volume, above.format, above.backing) = (1, try #require(ResourceName("top.qcow2")), .qcow2, 0)
      above.fileSize = try #require(FileProbe.size(of: top))
      let layers = [pair.layer, above]
      let id = try #require(MigrationID("migration"))
      await pair.offers.offer(layers, at: [0: base, 1: top], for: id)
      var plan = MigrationSamples.plan
      plan.layers = layers
      var (migration, _) = DestinationMigration.prepare(
        id: id, source: MigrationSamples.source, plan: plan, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now())
      for event in [.admitted, .checked([])] as [DestinationEvent] { _ = migration.apply(event, at: MigrationSamples.now()) }
      for layer in layers {
        let (path, copied) = try await pair.provider.provide(layer, of: LayerDemand(migration)) { _ in }
        _ = migration.apply(.layerProvided(layer.id, path: path, copied: copied), at: MigrationSamples.now())
      }
      try await pair.provider.verify(of: LayerDemand(migration))

      let (below, copy) = (folder.file("destination/template.qcow2"), folder.file("destination/top.qcow2"))
      if let format {
        try await folder.run("qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-b", below, "-F", format, copy)
      } else {
        // QEMU's tool does not leave the format out any more, as older ones did: its header extension, which is the first, gets a type
        // that nobody knows (QEMU's docs/interop/qcow2.txt).
        let header = Int(try folder.read(copy)[103])
        try folder.overwrite(copy, at: header, with: [0x4C, 0x53, 0x48, 0x52])
      }
      let error = await #expect(throws: Reason.Failure.self) { try await pair.provider.verify(of: LayerDemand(migration)) }
      #expect(error?.reason.code == .templateDiffers)
      #expect(error?.reason.message.contains("which is raw") == true)
      await pair.offers.withdraw(id)
    }
  }

  @Test("the bytes of one layer at a time are served where one may be, and the next one's when the first are copied")
  func limitedExports() async throws {
    try await withTemporaryFolder { folder in
      let answers = Recorder<(MigrationID, PeerMessage.LayerOffer)>()
      try await folder.run("mkdir", "exports")
      let file = try folder.write(noise(1 << 20), to: "content.raw")
      let clock = ManualClock()
      let offers = LayerOffers(
        here: MigrationSamples.source.host, limit: 1, identities: LayerIdentities(journal: try Journal(path: Journal.inMemory)),
        exporter: ExportFixture.exporter(in: folder),
        peers: ScriptedPeers { sent in if case .layerOffered(let offer) = sent.body { answers.record((sent.migration, offer)) } },
        pacer: BandwidthPacer(schedules: .init(), clock: clock, logger: Self.logger), clock: clock, logger: Self.logger)
      let layer = TemplateLayer(
        id: 0, pool: Self.pool, volume: Self.pool, format: .raw, fileSize: 1 << 20, virtualSize: 1 << 20, backing: nil)
      let ids = try ["one", "two"].map { try #require(MigrationID($0)) }
      func ask(_ id: MigrationID, export: Bool = true) async -> PeerMessage.LayerOffer? {
        await offers.answer(layer: 0, export: export, migration: id, to: MigrationSamples.destination)
        return answers.elements.last { $0.0 == id && $0.1.digest == nil }?.1
      }
      for id in ids { await offers.offer([layer], at: [0: file], for: id) }
      #expect(await ask(ids[0])?.uri != nil)
      let waits = await ask(ids[1])
      #expect(waits?.uri == nil && waits?.failure == nil && waits?.waiting?.limit == "limits.templatesOutgoing")
      #expect(await ask(ids[0])?.uri != nil, "who has a place keeps it")
      _ = await ask(ids[0], export: false)
      #expect(await ask(ids[0])?.uri == nil, "a question from before the end gets nothing")
      #expect(await ask(ids[1])?.uri != nil)
      await offers.withdraw(ids[1])
      clock.advance(milliseconds: ExportLine.silence)
      #expect(await ask(ids[0])?.uri != nil)
      for id in ids { await offers.withdraw(id) }
      #expect(try await ExportFixture.exporter(in: folder).pidFiles() == [], "no server is left")
    }
  }

  @Test("a server that has ended by itself is replaced when the bytes are asked for again, and keeps its place")
  func endedServer() async throws {
    try await withTemporaryFolder { folder in
      let uris = Recorder<String>()
      try await folder.run("mkdir", "exports")
      let file = try folder.write(noise(1 << 20), to: "content.raw")
      let exporter = ExportFixture.exporter(in: folder)
      let offers = LayerOffers(
        here: MigrationSamples.source.host, limit: 1, identities: LayerIdentities(journal: try Journal(path: Journal.inMemory)),
        exporter: exporter,
        peers: ScriptedPeers { sent in
          if case .layerOffered(let offer) = sent.body, offer.digest == nil { uris.record(offer.uri ?? "none") }
        },
        pacer: BandwidthPacer(schedules: .init(), clock: SystemHostClock(), logger: Self.logger), clock: SystemHostClock(),
        logger: Self.logger)
      let layer = TemplateLayer(
        id: 0, pool: Self.pool, volume: Self.pool, format: .raw, fileSize: 1 << 20, virtualSize: 1 << 20, backing: nil)
      let id = try #require(MigrationID("migration"))
      await offers.offer([layer], at: [0: file], for: id)
      func ask() async { await offers.answer(layer: 0, export: true, migration: id, to: MigrationSamples.destination) }
      await ask()
      let first = try #require(try await exporter.pidFiles().first)
      let server = try #require(await NBDExport.running(first))
      try await server.end(grace: .zero)
      await ask()
      let second = try #require(try await exporter.pidFiles().first)
      #expect(await NBDExport.running(second).map { $0 != server } == true)
      #expect(uris.elements.count == 2 && !uris.elements.contains("none"))
      await offers.withdraw(id)
      #expect(try await exporter.pidFiles() == [], "no server is left")
    }
  }

  @Test("two templates are copied one after the other where one may be copied at a time, into and out of a host")
  func limitedCopies() async throws {
    try await withTemporaryFolder { folder in
      let pair = try await Pair(folder, size: 3 << 20, outgoing: 1, incoming: 1)
      var other = pair.layer
      other.volume = try #require(ResourceName("other.qcow2"))
      let layers = [pair.layer, other]
      let waits = Recorder<String>()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (number, layer) in layers.enumerated() {
          let id = try #require(MigrationID("migration-\(number)"))
          await pair.offers.offer([layer], at: [0: pair.template], for: id)
          var plan = MigrationSamples.plan
          plan.layers = [layer]
          let (migration, _) = DestinationMigration.prepare(
            id: id, source: MigrationSamples.source, plan: plan, endpoint: MigrationSamples.endpoint, at: MigrationSamples.now())
          group.addTask {
            let (_, copied) = try await pair.provider.provide(layer, of: LayerDemand(migration)) { progress in
              if let waiting = progress.waiting { waits.record(waiting.limit) }
            }
            #expect(copied == layer.fileSize)
          }
        }
        try await group.waitForAll()
      }
      // Of the two one had to wait for the other, at the destination; what the source serves is freed before that goes on.
      #expect(waits.elements.first == "limits.templatesIncoming")
      for number in layers.indices { await pair.offers.withdraw(try #require(MigrationID("migration-\(number)"))) }
    }
  }

  @Test("an offer that nobody asks for any more ends by itself, and one that is asked for goes on")
  func lease() async throws {
    try await withTemporaryFolder { folder in
      let clock = ManualClock()
      let offers = LayerOffers(
        here: MigrationSamples.source.host, limit: 2, identities: LayerIdentities(journal: try Journal(path: Journal.inMemory)),
        exporter: ExportFixture.exporter(in: folder),
        peers: ScriptedPeers { _ in },
        pacer: BandwidthPacer(schedules: .init(), clock: clock, logger: Self.logger), clock: clock, logger: Self.logger)
      let layers = MigrationSamples.plan.layers
      #expect(await offers.renewed(MigrationSamples.id) == nil)
      await offers.offer(layers, at: [0: folder.file("a")], for: MigrationSamples.id)
      await clock.waitUntilPending(LayerOffers.lease)
      clock.advance(milliseconds: LayerOffers.lease - 1)
      #expect(await offers.renewed(MigrationSamples.id) == layers)
      await clock.waitUntilBegun(LayerOffers.lease, count: 2)
      clock.advance(milliseconds: LayerOffers.lease - 1)
      #expect(await offers.renewed(MigrationSamples.id) == layers)
      await clock.waitUntilBegun(LayerOffers.lease, count: 3)
      clock.advance(milliseconds: LayerOffers.lease)
      await offers.waitForEnd(of: MigrationSamples.id)
      #expect(await offers.renewed(MigrationSamples.id) == nil)
    }
  }
}
