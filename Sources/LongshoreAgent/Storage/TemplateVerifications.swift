internal import Logging
internal import LongshoreMessages

/// Reads templates when somebody asks for it, and compares them with what was remembered of them. Nothing of it is journalled: who asks
/// after a restart of the agent asks again.
actor TemplateVerifications {
  /// How many that have ended are remembered, for those who ask how they ended.
  private static let remembered = 64

  /// The files that a selection means.
  private let select: @Sendable (TemplateSelection) async throws -> [TemplateCatalogue.Template]
  private let identities: LayerIdentities
  private let logger: Logger
  private var works: [MigrationID: TemplateWork] = [:]
  private var tasks: [MigrationID: Task<Void, Never>] = [:]
  /// Those that have ended, the oldest first.
  private var ended: [MigrationID] = []

  init(
    select: @escaping @Sendable (TemplateSelection) async throws -> [TemplateCatalogue.Template], identities: LayerIdentities,
    logger: Logger
  ) {
    self.select = select
    self.identities = identities
    self.logger = logger
  }

  /// Begins to read what is selected, and returns how it stands; of an id that was used before, how that stands.
  ///
  /// - Throws: ``Reason/Failure`` where there is nothing of that name, and libvirt's errors.
  func begin(_ id: MigrationID, _ selection: TemplateSelection) async throws -> TemplateWork {
    if let known = works[id] { return known }
    let templates = try await select(selection)
    // Pools may stand still: nothing here may wait for their files, whom a cancel would have to wait for then.
    let files = try await BlockingWork.run { () throws(ImageError) in
      templates.map { template in
        TemplateWork.File(
          pool: template.pool, volume: template.volume, fileSize: FileProbe.size(of: template.path) ?? 0, state: .waiting)
      }
    }
    // The same order may have come once more meanwhile.
    if let known = works[id] { return known }
    let work = TemplateWork(
      id: id, kind: .verify, phase: .working, bytesTotal: files.reduce(0) { $0 &+ $1.fileSize }, files: files)
    works[id] = work
    tasks[id] = Task { await run(id, templates) }
    return work
  }

  /// How a verification stands; nil for one that is not known.
  func work(_ id: MigrationID) -> TemplateWork? { works[id] }

  /// Ends a verification that goes on. Returns how it stands then; nil for one that is not known.
  func cancel(_ id: MigrationID, reason: Reason) -> TemplateWork? {
    guard works[id]?.phase.isTerminal == false else { return works[id] }
    tasks[id]?.cancel()
    end(id, .cancelled, reason)
    return works[id]
  }

  /// How a verification has ended, when it has; nil for one that is not known.
  func end(of id: MigrationID) async -> TemplateWork? {
    await tasks[id]?.value
    return works[id]
  }

  /// Ends all.
  func stop() async {
    let all = tasks.values
    for task in all { task.cancel() }
    for task in all { await task.value }
  }

  private func run(_ id: MigrationID, _ templates: [TemplateCatalogue.Template]) async {
    for (index, template) in templates.enumerated() {
      guard works[id]?.phase == .working else { return }
      let before = works[id]?.bytesDone ?? 0
      works[id]?.files[index].state = .working
      var file = works[id]?.files[index]
      do {
        let remembered = try await identities.remembered(of: template.path)
        file?.remembered = remembered?.digest
        let found = try await identities.read(template.path, format: template.format) { done in
          Task { await self.note(id, before &+ done) }
        }
        file?.digest = found
        if let remembered, let difference = remembered.difference(from: found) {
          file?.state = .differs
          file?.reason = Reason(
            .templateDiffers,
            remembered.isUntouched
              ? "\(difference), and by its times nobody has written to it: its storage may be damaged"
              : "\(difference): it was written to or exchanged since")
          logger.warning(
            "A template is not what it was", metadata: [LogKeys.path: "\(template.path)", LogKeys.reason: "\(file?.reason?.message ?? "")"])
        } else {
          file?.state = remembered == nil ? .new : .same
          try await identities.remember(read: found, of: template.path)
        }
      } catch {
        if Task.isCancelled { return }
        file?.state = .unreadable
        file?.reason = Reason.of(error, "read \(template.path)")
      }
      if let file { works[id]?.files[index] = file }
      note(id, before &+ (file?.fileSize ?? 0))
    }
    end(id, .done, nil)
  }

  private func note(_ id: MigrationID, _ done: UInt64) {
    guard let work = works[id] else { return }
    works[id]?.bytesDone = max(work.bytesDone, min(done, work.bytesTotal))
  }

  private func end(_ id: MigrationID, _ phase: TemplateWork.Phase, _ reason: Reason?) {
    guard works[id]?.phase.isTerminal == false else { return }
    works[id]?.phase = phase
    works[id]?.reason = reason
    tasks[id] = nil
    ended.append(id)
    if ended.count > Self.remembered { works[ended.removeFirst()] = nil }
  }
}

extension LayerIdentities.Remembered {
  /// In which way a file that was read differs from what was remembered, in words; nil where it is the same.
  func difference(from found: LayerDigest) -> String? {
    var known = digest
    if known.header.isEmpty { known.header = found.header }
    return found.difference(from: known)
  }
}
