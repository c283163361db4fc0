internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Serves the lower layers of a migration's disks to the destination: their digests, and their bytes over NBD.
actor LayerOffers {
  fileprivate struct Served {
    var layers: [TemplateLayer]
    var files: [Int: (path: String, format: ImageFormat)]
    /// Ends the offer, where nobody asks for it any more; nil for a migration's, which lasts as long as its effect.
    var lease: Task<Void, Never>?
    var exports: [Int: NBDExport] = [:]
    /// What follows their connections.
    var pacing: [Int: Int] = [:]
    var digests: [Int: Task<Void, Never>] = [:]
  }

  /// How long a template is offered of which nobody asks any more, in milliseconds: longer than a broker is usually away.
  static let lease: Int64 = 300_000

  private let identities: LayerIdentities
  private let exporter: NBDExporter
  private let peers: any PeerLink
  private let pacer: BandwidthPacer
  private let clock: any HostClock
  private let logger: Logger
  private var served: [MigrationID: Served] = [:]
  private let here: NodeName
  private var line: ExportLine

  /// Offers layers.
  ///
  /// - Parameters:
  ///   - here: The host.
  ///   - limit: Of how many layers the bytes are served at once.
  ///   - pacer: Keeps what is served within the bandwidth budgets.
  init(
    here: NodeName, limit: Int, identities: LayerIdentities, exporter: NBDExporter, peers: any PeerLink,
    pacer: BandwidthPacer, clock: any HostClock, logger: Logger
  ) {
    self.here = here
    line = ExportLine(limit: limit)
    self.identities = identities
    self.exporter = exporter
    self.peers = peers
    self.pacer = pacer
    self.clock = clock
    self.logger = logger
  }

  /// Lets the bytes of another number of layers be served at once from now on. Those that are served go on.
  func use(limit: Int) { line.limit = limit }

  /// How many layers are served now.
  var exportCount: Int { served.values.reduce(0) { $0 + $1.exports.count } }

  /// Serves a migration's layers until the task is cancelled, then ends their exports.
  func serve(_ migration: SourceMigration) async {
    guard let inspection = migration.inspection else { return }
    served[migration.id] = Served(inspection.plan.layers, at: inspection.layerPaths)
    // Nothing ever comes: the loop ends when the task is cancelled.
    let (never, continuation) = AsyncStream<Never>.makeStream()
    for await _ in never {}
    continuation.finish()
    await end(migration.id)
  }

  /// Offers the layers of a template, until nobody has asked for them for some minutes or ``withdraw(_:)`` is called.
  func offer(_ layers: [TemplateLayer], at paths: [Int: String], for id: MigrationID) {
    guard served[id] == nil else { return }
    served[id] = Served(layers, at: paths)
    startLease(of: id)
  }

  /// The layers of a template that is offered, for some minutes more from now; nil where none is.
  func renewed(_ id: MigrationID) -> [TemplateLayer]? {
    guard let offer = served[id], let lease = offer.lease else { return nil }
    lease.cancel()
    startLease(of: id)
    return offer.layers
  }

  private func startLease(of id: MigrationID) {
    served[id]?.lease = Task { [clock] in
      guard (try? await clock.wait(milliseconds: Self.lease)) != nil, !Task.isCancelled else { return }
      await end(id)
    }
  }

  /// Returns when a template is offered no longer, as its time stands now.
  func waitForEnd(of id: MigrationID) async { await served[id]?.lease?.value }

  /// Offers a template no longer. What a migration serves is not touched.
  func withdraw(_ id: MigrationID) async {
    guard let lease = served[id]?.lease else { return }
    lease.cancel()
    await end(id)
  }

  private func end(_ id: MigrationID) async {
    guard let ended = served.removeValue(forKey: id) else { return }
    line.end(id)
    for task in ended.digests.values { task.cancel() }
    for (layer, export) in ended.exports {
      await stop(export)
      await pacer.release(ended.pacing[layer])
    }
    // Of a migration it is told until that has ended; of a template that was put in place this is the end.
    if ended.lease != nil { await pacer.forget(id) }
  }

  /// Answers the destination's question for a layer: at once with the place of its bytes, and again with its digest, which takes
  /// as long as reading the file where it is not known yet.
  func answer(layer: Int, export: Bool, migration: MigrationID, to destination: HostAddress) async {
    guard let path = served[migration]?.files[layer]?.path else { return }
    let copy = ExportLine.Copy(migration, layer: layer)
    do {
      var uri: String?
      if export {
        switch line.ask(for: copy, at: clock.now()) {
        case .granted: break
        case .waiting(let before):
          return try await say(
            PeerMessage.LayerOffer(layer: layer, digest: nil, uri: nil, waiting: waiting(before)), migration: migration, to: destination)
        case .ended: return
        }
        if let running = await running(layer, of: migration) {
          uri = running.uri
        } else {
          let started = try await exporter.export(path: path, name: "\(migration)-\(layer)")
          CrashPoint.exportStarted.reached()
          // The answer to the same question may have come first, or the migration may have moved on meanwhile.
          if served[migration] == nil || served[migration]?.exports[layer] != nil {
            await stop(started)
            uri = served[migration]?.exports[layer]?.uri
          } else {
            served[migration]?.exports[layer] = started
            let pacing = await pacer.follow(started, of: migration, to: destination.host)
            if served[migration]?.exports[layer] == started {
              served[migration]?.pacing[layer] = pacing
            } else {
              await pacer.release(pacing)
            }
            uri = started.uri
          }
        }
      } else if let copied = served[migration]?.exports.removeValue(forKey: layer) {
        // Taken now: the offer may end while its server does.
        let pacing = served[migration]?.pacing.removeValue(forKey: layer)
        await stop(copied)
        await pacer.release(pacing)
        line.end(copy, at: clock.now())
      }
      try await say(PeerMessage.LayerOffer(layer: layer, digest: nil, uri: uri), migration: migration, to: destination)
      sendDigest(of: layer, uri: uri, migration: migration, to: destination)
    } catch {
      if served[migration]?.exports[layer] == nil { line.end(copy, at: clock.now()) }
      let reason = Reason.of(error, "offer the layer \(path)")
      logger.warning("A layer cannot be offered", metadata: [LogKeys.migration: "\(migration)", LogKeys.reason: "\(reason)"])
      try? await say(
        PeerMessage.LayerOffer(layer: layer, digest: nil, uri: nil, failure: reason), migration: migration, to: destination)
    }
  }

  /// A layer's export, whose server runs; one that has ended by itself is forgotten.
  private func running(_ layer: Int, of migration: MigrationID) async -> NBDExport? {
    guard let export = served[migration]?.exports[layer] else { return nil }
    guard !export.process.isRunning else { return export }
    served[migration]?.exports[layer] = nil
    let pacing = served[migration]?.pacing.removeValue(forKey: layer)
    let said = await NBDExport.text(of: NBDExport.logFile(of: export.pidFile))
    logger.warning(
      "The server of a layer has ended by itself, and another takes its place",
      metadata: [LogKeys.migration: "\(migration)", LogKeys.error: "\(said)"])
    await stop(export)
    await pacer.release(pacing)
    return served[migration]?.exports[layer]
  }

  /// For what a copy waits, where as many are made as may be.
  private func waiting(_ before: Int) -> Waiting {
    let copies = line.limit == 1 ? "one template" : "\(line.limit) templates"
    return Waiting(
      host: here, limit: "limits.templatesOutgoing", position: before + 1,
      reason: Reason(
        .limitReached, "\(copies) at once may be copied from \(here) (`limits.templatesOutgoing`), and \(before) wait before this copy"))
  }

  /// Whether the export of a pid file serves a layer of a migration.
  func serves(_ pidFile: String) -> Bool { served.values.contains { $0.exports.values.contains { $0.pidFile == pidFile } } }

  private func sendDigest(of layer: Int, uri: String?, migration: MigrationID, to destination: HostAddress) {
    guard let file = served[migration]?.files[layer], served[migration]?.digests[layer] == nil else { return }
    served[migration]?.digests[layer] = Task {
      do {
        let digest = try await identities.digest(of: file.path, format: file.format)
        try await say(PeerMessage.LayerOffer(layer: layer, digest: digest, uri: uri), migration: migration, to: destination)
      } catch {
        let reason = Reason.of(error, "read the layer \(file.path)")
        try? await say(
          PeerMessage.LayerOffer(layer: layer, digest: nil, uri: uri, failure: reason), migration: migration, to: destination)
      }
      served[migration]?.digests[layer] = nil
    }
  }

  private func stop(_ export: NBDExport) async {
    do {
      try await export.stop()
    } catch {
      logger.warning("An export cannot be ended", metadata: [LogKeys.error: "\(error)"])
    }
  }

  private func say(_ offer: PeerMessage.LayerOffer, migration: MigrationID, to destination: HostAddress) async throws {
    try await peers.send(.layerOffered(offer), of: migration, to: destination)
  }
}

extension LayerOffers.Served {
  fileprivate init(_ layers: [TemplateLayer], at paths: [Int: String]) {
    self.layers = layers
    files = [:]
    for layer in layers { files[layer.id] = paths[layer.id].map { ($0, layer.format) } }
  }
}
