internal import Logging
internal import LongshoreMessages
internal import MigrationCore

/// Serves the lower layers of a migration's disks to the destination: their digests, and their bytes over NBD.
actor LayerOffers {
  private struct Served {
    var files: [Int: (path: String, format: ImageFormat)]
    var exports: [Int: NBDExport] = [:]
    var digests: [Int: Task<Void, Never>] = [:]
  }

  private let identities: LayerIdentities
  private let exporter: NBDExporter
  private let peers: any PeerLink
  private let logger: Logger
  private var served: [MigrationID: Served] = [:]

  init(identities: LayerIdentities, exporter: NBDExporter, peers: any PeerLink, logger: Logger) {
    self.identities = identities
    self.exporter = exporter
    self.peers = peers
    self.logger = logger
  }

  /// Serves a migration's layers until the task is cancelled, then ends their exports.
  func serve(_ migration: SourceMigration) async {
    guard let inspection = migration.inspection else { return }
    var files: [Int: (path: String, format: ImageFormat)] = [:]
    for layer in inspection.plan.layers { files[layer.id] = inspection.layerPaths[layer.id].map { ($0, layer.format) } }
    served[migration.id] = Served(files: files)
    // Nothing ever comes: the loop ends when the task is cancelled.
    let (never, continuation) = AsyncStream<Never>.makeStream()
    for await _ in never {}
    continuation.finish()
    guard let ended = served.removeValue(forKey: migration.id) else { return }
    for task in ended.digests.values { task.cancel() }
    for export in ended.exports.values { await stop(export) }
  }

  /// Answers the destination's question for a layer: at once with the place of its bytes, and again with its digest, which takes
  /// as long as reading the file where it is not known yet.
  func answer(layer: Int, export: Bool, migration: MigrationID, to destination: HostAddress) async {
    guard let path = served[migration]?.files[layer]?.path else { return }
    do {
      var uri: String?
      if export {
        if let running = served[migration]?.exports[layer] {
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
            uri = started.uri
          }
        }
      }
      try await say(PeerMessage.LayerOffer(layer: layer, digest: nil, uri: uri), migration: migration, to: destination)
      sendDigest(of: layer, uri: uri, migration: migration, to: destination)
    } catch {
      let reason = Reason.of(error, "offer the layer \(path)")
      logger.warning("A layer cannot be offered", metadata: [LogKeys.migration: "\(migration)", LogKeys.reason: "\(reason)"])
      try? await say(
        PeerMessage.LayerOffer(layer: layer, digest: nil, uri: nil, failure: reason), migration: migration, to: destination)
    }
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
