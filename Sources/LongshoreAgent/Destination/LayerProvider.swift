internal import Glibc
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Puts lower layers in place: adopts the file that is there when it is the same, else copies it from the source over NBD, verifies the
/// copy and publishes it under the volume's name, never over another file.
struct LayerProvider: Sendable {
  /// How often the source is asked again for an offer, in milliseconds.
  private static let askInterval: Int64 = 2_000
  /// How often a copy is tried without a single chunk arriving.
  private static let copyAttempts = 5

  let here: HostAddress
  /// The folder of an active pool. Throws ``Reason/Failure`` where there is none.
  let folder: @Sendable (ResourceName) async throws -> String
  let journal: Journal
  let identities: LayerIdentities
  let images: QemuImg
  /// Where templates go with TLS, the folder of this host's certificates (``TemplateCopy/credentials``).
  let credentials: String?
  let offers: OfferMailbox
  let turns: PathTurns
  let places: CopyPlaces
  let peers: any PeerLink
  let clock: any HostClock
  let logger: Logger

  /// Puts a layer in place and returns its path and the bytes that had to be copied for it.
  ///
  /// - Parameter progress: Gets how far the copies of the demand are, at most once a second.
  func provide(
    _ layer: TemplateLayer, of demand: LayerDemand, progress: @escaping @Sendable (PreparationProgress) async -> Void
  ) async throws -> (path: String, copied: UInt64) {
    let isEjected = demand.isEjected(layer)
    let folder: String
    do {
      folder = try await self.folder(layer.pool)
    } catch let failure as Reason.Failure where isEjected && [.unknownPool, .poolInactive].contains(failure.reason.code) {
      return ("", 0)
    }
    let path = "\(folder)/\(layer.volume)"
    if isEjected, !FileProbe.exists(path) { return (path, 0) }
    let first = try await place(layer, at: path, in: folder, of: demand, progress: progress)
    guard case .taken(let difference) = first else { return try placed(first, as: layer, at: path) }
    guard demand.renames else { throw conflict(path, difference) }
    let name = try await contentName(of: layer, in: demand).name(besides: layer.volume)
    logger.notice(
      "A template is put beside a file that has its name",
      metadata: [LogKeys.migration: "\(demand.id)", LogKeys.path: "\(path)", "name": "\(name)", LogKeys.reason: "\(difference)"])
    let beside = "\(folder)/\(name)"
    let second = try await place(layer, at: beside, in: folder, of: demand, progress: progress)
    return try placed(second, as: layer, at: beside)
  }

  /// What became of a layer at a path.
  private enum Placement {
    /// The file of the name is the layer.
    case adopted
    /// The layer was copied.
    case copied
    /// The file of the name is another one, which differs in this.
    case taken(difference: String)
  }

  private func placed(_ placement: Placement, as layer: TemplateLayer, at path: String) throws -> (path: String, copied: UInt64) {
    switch placement {
    case .adopted: return (path, 0)
    case .copied: return (path, layer.fileSize)
    case .taken(let difference): throw conflict(path, difference)
    }
  }

  private func place(
    _ layer: TemplateLayer, at path: String, in folder: String, of demand: LayerDemand,
    progress: @escaping @Sendable (PreparationProgress) async -> Void
  ) async throws -> Placement {
    // Two that need the same template at once: the second waits, and adopts what the first has published.
    try await turns.withTurn(at: path) {
      while true {
        if FileProbe.exists(path) {
          return try await difference(of: path, from: layer, of: demand).map(Placement.taken) ?? .adopted
        }
        let isCopied = try await places.withPlace { before in
          await tell(demand, await waiting(before), progress)
        } _: {
          try await copy(layer, to: path, in: folder, of: demand, progress: progress)
        }
        if isCopied { return .copied }
        // Another host that sees the same pool has published it meanwhile.
      }
    }
  }

  /// For what a copy waits, where as many are made as may be.
  private func waiting(_ before: Int) async -> Waiting {
    let limit = await places.limit
    let copies = limit == 1 ? "one template" : "\(limit) templates"
    return Waiting(
      host: here.host, limit: "limits.templatesIncoming", position: before + 1,
      reason: Reason(
        .limitReached, "\(copies) at once may be copied to \(here.host) (`limits.templatesIncoming`), and \(before) wait before this copy"))
  }

  private func tell(
    _ demand: LayerDemand, _ waiting: Waiting, _ progress: @Sendable (PreparationProgress) async -> Void
  ) async {
    await progress(
      PreparationProgress(
        templateBytesDone: demand.copiedBytes, templateBytesTotal: demand.layers.reduce(0) { $0 + $1.fileSize }, waiting: waiting))
  }

  // MARK: - Adopting

  /// In which way a file differs from a layer, in words; nil where it is that layer.
  private func difference(of path: String, from layer: TemplateLayer, of demand: LayerDemand) async throws -> String? {
    async let present = identities.digest(of: path, format: layer.format)
    let wanted = try await digest(of: layer, of: demand)
    let found: LayerDigest
    do {
      found = try await present
    } catch let error as ImageError where error.code == .malformed {
      return "it is no image of this format"
    }
    if let difference = wanted.difference(from: found) { return difference }
    return try await difference(inBackingOf: path, as: layer, of: demand)
  }

  private func conflict(_ path: String, _ difference: String) -> Reason.Failure {
    Reason.Failure(
      .templateDiffers,
      "the file \(path) on \(here.host) is not the template at the source (\(difference)): rename it, move the guest into another pool, "
        + "or have the template put beside it (`--on-template-conflict rename`)")
  }

  /// What a layer's content with all that is below it has for a name.
  private func contentName(of layer: TemplateLayer, in demand: LayerDemand) async throws -> ContentName {
    ContentName(sha256: try await digest(of: layer, of: demand).sha256, below: try await contentName(below: layer, in: demand))
  }

  /// The same of what is below a layer, and in place.
  private func contentName(below layer: TemplateLayer, in demand: LayerDemand) async throws -> ContentName? {
    guard let id = layer.backing, let below = demand.layer(id), let path = demand.paths[id] else { return nil }
    let digest = try await identities.digest(of: path, format: below.format)
    return ContentName(sha256: digest.sha256, below: try await contentName(below: below, in: demand))
  }

  /// In which way a file's header names another layer below than the one that is in place, or has it read in another format, in words;
  /// nil where it does not.
  private func difference(inBackingOf path: String, as layer: TemplateLayer, of demand: LayerDemand) async throws -> String? {
    let found = try await images.info(of: path, format: layer.format.rawValue)
    let wanted = try backing(of: layer, in: demand)
    guard found.fullBackingFilename.map(PathText.normalized) == wanted.map({ PathText.normalized($0.path) }) else {
      return "it lies on \(found.fullBackingFilename ?? "nothing"), not on \(wanted?.path ?? "nothing")"
    }
    guard let wanted, found.backingFormat != wanted.format else { return nil }
    let says = found.backingFormat.map { "reads \(wanted.path) as \($0)" } ?? "does not say the format of \(wanted.path)"
    return "it \(says), which is \(wanted.format)"
  }

  /// Compares all layers that are in place again: hours may have gone by since the first was, and others may have changed it.
  /// A file that is as it was then is not read again.
  func verify(of demand: LayerDemand) async throws {
    for layer in demand.layers {
      guard let path = demand.paths[layer.id] else { continue }
      if demand.isEjected(layer), !FileProbe.exists(path) { continue }
      if let difference = try await difference(of: path, from: layer, of: demand) { throw conflict(path, difference) }
    }
  }

  // MARK: - Copying

  /// Copies a layer. Returns false where a file of its name appeared meanwhile.
  private func copy(
    _ layer: TemplateLayer, to path: String, in folder: String, of demand: LayerDemand,
    progress: @escaping @Sendable (PreparationProgress) async -> Void
  ) async throws -> Bool {
    let work = try RegisteredFiles.makeWorkFolder(in: folder, of: demand.id, on: here, journal: journal)
    let (file, draft) = try await makeDraft(work.layer(layer.id), of: demand.id)
    logger.info(
      "Copying a template", metadata: [LogKeys.migration: "\(demand.id)", LogKeys.path: "\(path)", "bytes": "\(layer.fileSize)"])
    let prefix = CopiedPrefix()
    async let digest = identities.digest(ofCopy: file.path, format: layer.format, byteCount: layer.fileSize, following: prefix)
    let (offer, answers) = try await transfer(layer, into: draft, registeredAs: file, of: demand, noting: prefix, progress: progress)
    CrashPoint.layerCopied.reached()
    let wanted = try await self.digest(of: layer, of: demand, known: offer.digest, answers: answers)
    let copied = try await digest
    if let difference = wanted.difference(from: copied) {
      try await RegisteredFiles.remove(file, journal: journal)
      throw Reason.Failure(.templateCopyFailed, "the copy of \(layer.volume) did not arrive whole: \(difference)")
    }
    CrashPoint.layerVerified.reached()
    try await finish(file, layer: layer, of: demand)
    CrashPoint.layerFinished.reached()
    return try await publish(file, draft, to: path, digest: wanted, from: demand.source.host)
  }

  /// Copies a layer's bytes. A copy that was cut, by an agent that restarts or a link that breaks, asks the source anew and goes on
  /// with the chunks that lack; it is given up when nothing more arrives however often it is tried.
  private func transfer(
    _ layer: TemplateLayer, into draft: ExclusiveFile, registeredAs file: RegisteredFile, of demand: LayerDemand,
    noting prefix: CopiedPrefix, progress: @escaping @Sendable (PreparationProgress) async -> Void
  ) async throws -> (PeerMessage.LayerOffer, AsyncStream<PeerMessage.LayerOffer>) {
    let report = ProgressReport(layer: layer, demand: demand, clock: clock, tell: progress)
    // A copy's threads belong to no task, and to no trace.
    let trace = TraceContext.current
    var file = file
    var waits = BackOffSteps()
    var failures = 0
    while true {
      let (offer, answers) = try await source(
        of: layer, export: true, of: demand, waits: { await tell(demand, $0, progress) }, enough: { $0.uri != nil })
      guard let uri = offer.uri else { throw Reason.Failure(.templateCopyFailed, "the source serves no bytes of the layer") }
      let copy = TemplateCopy(from: try NBDEndpoint(uri: uri), to: draft, byteCount: layer.fileSize, credentials: credentials)
      let before = file.finishedChunks
      let finished = Set((0..<copy.chunkCount).filter { before.contains($0) })
      for chunk in finished { prefix.note(chunk, range: copy.range) }
      do {
        try await copy.run(
          finished: finished,
          progress: { bytes in Task { await withWork(of: demand.id, in: trace) { await report.copied(bytes) } } },
          finish: { chunk in
            CrashPoint.layerChunkCopied.reached()
            file.finishedChunks.insert(chunk)
            try journal.update(file)
            prefix.note(chunk, range: copy.range)
            CrashPoint.layerChunkNoted.reached()
          })
        try await giveBack(layer, of: demand)
        return (offer, answers)
      } catch let error as ImageError where error.code == .toolFailed || error.code == .timedOut {
        failures = file.finishedChunks == before ? failures + 1 : 0
        guard failures < Self.copyAttempts else { throw error }
        logger.notice("A template's copy was cut and goes on", metadata: [LogKeys.migration: "\(demand.id)", LogKeys.error: "\(error)"])
        try await clock.wait(milliseconds: waits.step())
      }
    }
  }

  /// Tells the source that it need not serve a layer's bytes any more, which leaves room for others there. An agent that dies before
  /// finds the layer in place, and asks for its digest, which says the same.
  private func giveBack(_ layer: TemplateLayer, of demand: LayerDemand) async throws {
    var waits = BackOffSteps()
    while true {
      do {
        return try await peers.send(.offerLayer(layer.id, export: false), of: demand.id, to: demand.source)
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        logger.debug("The broker did not take a message", metadata: [LogKeys.migration: "\(demand.id)", LogKeys.error: "\(error)"])
      }
      try await clock.wait(milliseconds: waits.step())
    }
  }

  /// The file that is copied into: the one of an earlier run, which goes on, or a new one, registered before it is made.
  private func makeDraft(_ path: String, of migration: MigrationID) async throws -> (RegisteredFile, ExclusiveFile) {
    if let earlier = try journal.files(of: migration, host: .destination).first(where: { $0.path == path }) {
      if let identity = earlier.identity, try RegisteredFiles.identity(of: path)?.isSameFile(as: identity) == true {
        return (earlier, ExclusiveFile(path: path, identity: identity))
      }
      try await RegisteredFiles.remove(earlier, journal: journal)
    }
    var file = RegisteredFile(migration: migration, side: .destination, role: .templateCopy, path: path)
    try journal.register(file)
    CrashPoint.layerDraftRegistered.reached()
    let draft = try await ExclusiveFile.create(at: path)
    CrashPoint.layerDraftMade.reached()
    file.identity = draft.identity
    try journal.update(file)
    CrashPoint.layerDraftNoted.reached()
    return (file, draft)
  }

  /// Puts the name of the layer below into an image that has one, and makes the file read-only, which a template is.
  private func finish(_ file: RegisteredFile, layer: TemplateLayer, of demand: LayerDemand) async throws {
    if let backing = try backing(of: layer, in: demand) { try await images.rebaseUnsafe(file.path, onto: backing) }
    try Self.makeReadOnly(file.path)
  }

  private func backing(of layer: TemplateLayer, in demand: LayerDemand) throws -> QemuImg.Backing? {
    guard let id = layer.backing, let below = demand.layer(id) else { return nil }
    guard let path = demand.paths[id] else {
      throw Reason.Failure(.templateCopyFailed, "the layer below \(layer.volume) is not in place")
    }
    return QemuImg.Backing(path: path, format: below.format.rawValue)
  }

  private static func makeReadOnly(_ path: String) throws {
    guard chmod(path, 0o444) == 0 else {
      throw Reason.Failure(.templateCopyFailed, "cannot make \(path) read-only: \(String(cString: strerror(errno)))")
    }
  }

  private func publish(_ file: RegisteredFile, _ draft: ExclusiveFile, to path: String, digest: LayerDigest, from source: NodeName)
    async throws -> Bool
  {
    // Noted before: the note is of this very file, and says nothing of another one that gets the name.
    try journal.note(
      CopiedTemplate(
        path: path, device: file.device, inode: file.inode, handle: file.handle, source: source, published: clock.now().wall))
    do throws(ImageError) {
      try await draft.publish(to: path)
    } catch {
      guard error.code == .alreadyExists else { throw error }
      logger.info("Another host published the template first", metadata: [LogKeys.path: "\(path)"])
      try await RegisteredFiles.remove(file, journal: journal)
      return false
    }
    CrashPoint.layerPublished.reached()
    try journal.forget(file)
    CrashPoint.layerForgotten.reached()
    try identities.remember(digest, of: path)
    return true
  }

  // MARK: - Asking the source

  /// The digest that a layer has at the source.
  private func digest(
    of layer: TemplateLayer, of demand: LayerDemand, known: LayerDigest? = nil,
    answers: AsyncStream<PeerMessage.LayerOffer>? = nil
  ) async throws -> LayerDigest {
    if let known { return known }
    let (offer, _) = try await source(of: layer, export: false, of: demand, answers: answers) { $0.digest != nil }
    guard let digest = offer.digest else { throw Reason.Failure(.templateCopyFailed, "the source tells no digest of the layer") }
    return digest
  }

  /// Asks the source, again and again, until an offer is `enough`. Returns it with the stream of those that follow.
  private func source(
    of layer: TemplateLayer, export: Bool, of demand: LayerDemand,
    answers: AsyncStream<PeerMessage.LayerOffer>? = nil, waits: @Sendable (Waiting) async -> Void = { _ in },
    enough: (PeerMessage.LayerOffer) -> Bool
  ) async throws -> (PeerMessage.LayerOffer, AsyncStream<PeerMessage.LayerOffer>) {
    let stream: AsyncStream<PeerMessage.LayerOffer> =
      if let answers { answers } else { await offers.offers(of: layer.id, migration: demand.id) }
    let asking = Task {
      while !Task.isCancelled {
        try? await peers.send(.offerLayer(layer.id, export: export), of: demand.id, to: demand.source)
        try await clock.wait(milliseconds: Self.askInterval)
      }
    }
    defer { asking.cancel() }
    for await offer in stream {
      if let failure = offer.failure { throw Reason.Failure(failure) }
      if let waiting = offer.waiting { await waits(waiting) }
      if enough(offer) { return (offer, stream) }
    }
    throw CancellationError()
  }
}

/// Tells how far a copy is, at most once a second.
private actor ProgressReport {
  private let layer: TemplateLayer
  private let demand: LayerDemand
  private let clock: any HostClock
  private let tell: @Sendable (PreparationProgress) async -> Void
  private var lastMilliseconds: Int64?

  init(layer: TemplateLayer, demand: LayerDemand, clock: any HostClock, tell: @escaping @Sendable (PreparationProgress) async -> Void) {
    self.layer = layer
    self.demand = demand
    self.clock = clock
    self.tell = tell
  }

  func copied(_ done: UInt64) async {
    let now = clock.now().bootMilliseconds
    if let lastMilliseconds, now - lastMilliseconds < 1000, done < layer.fileSize { return }
    lastMilliseconds = now
    let total = demand.layers.reduce(0) { $0 + $1.fileSize }
    await tell(PreparationProgress(templateBytesDone: demand.copiedBytes + done, templateBytesTotal: total))
  }
}
