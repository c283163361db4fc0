internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationJournal

/// What is on a host and belongs to no migration that runs: listed, and of it removed what is proven to be Longshore's own and unused.
struct Orphans: Sendable {
  let here: HostAddress
  let journal: Journal
  let libvirt: LibvirtLink
  let exporter: NBDExporter
  let pulse: FileSystemPulse
  /// Whether an export, by its pid file, serves a migration that runs.
  let isServed: @Sendable (_ pidFile: String) async -> Bool
  let clock: any HostClock
  let logger: Logger

  /// All of it, by kind and name. Nothing is changed.
  func list() async throws -> [Orphan] {
    let connection = try await libvirt.connection()
    return try await find(HostStorage(on: connection), on: connection).map(\.orphan)
  }

  /// Looks anew, removes what has one of the ids and can be removed, and returns all that has one with what has become of it.
  ///
  /// What is removed is in the journal before: a file that was not is registered with its identity. So a removal that is cut is found
  /// again, and one that is repeated finds nothing.
  func remove(_ ids: Set<String>) async throws -> [Orphan] {
    let connection = try await libvirt.connection()
    let storage = try await HostStorage(on: connection)
    let found = try await find(storage, on: connection).filter { ids.contains($0.orphan.id) }
    return try await remove(found, storage)
  }

  /// Removes what can be removed of what was found, and returns all of it with what has become of it.
  func remove(_ found: [Found], _ storage: HostStorage) async throws -> [Orphan] {
    var removed: [Orphan] = []
    // Folders last: only then are they empty.
    for item in found.filter({ $0.orphan.kind != .workFolder }) + found.filter({ $0.orphan.kind == .workFolder }) {
      removed.append(try await remove(item, storage))
    }
    return removed
  }

  private func remove(_ item: Found, _ storage: HostStorage) async throws -> Orphan {
    var orphan = item.orphan
    guard orphan.state == .removable else { return orphan }
    do {
      if let id = orphan.migration, try journal.fate(of: id) == .open {
        throw Reason.Failure(.guestBusy, "the migration \(id) runs here now")
      }
      try await remove(item.thing, storage)
      orphan.state = .removed
      logger.notice(
        "An orphan is removed",
        metadata: [
          "kind": "\(orphan.kind.rawValue)", "name": "\(orphan.name)", LogKeys.migration: "\(orphan.migration?.text ?? "-")",
          LogKeys.reason: "\(orphan.why)",
        ])
    } catch let error as JournalError {
      throw error
    } catch {
      orphan.state = .kept
      orphan.why = Reason.of(error, "remove it").message
    }
    return orphan
  }

  private func remove(_ thing: Found.Thing, _ storage: HostStorage) async throws {
    switch thing {
    case .registeredFile(let file): try await removeFile(file, storage)
    case .unregisteredFile(let file):
      try journal.register(file)
      try await removeFile(file, storage)
    case .registration(let file): try journal.forget(file)
    case .folder(let path):
      WorkFolder.removeIfEmpty(at: path)
      guard !FileProbe.exists(path) else { throw Reason.Failure(.operationFailed, "it is not empty") }
      for file in try journal.files(in: .workFolder) where file.path == path { try journal.forget(file) }
    case .export(let pidFile): try await exporter.end(pidFile)
    case .domain(let uuid):
      let connection = try await libvirt.connection()
      guard let domain = try await connection.domain(uuid: uuid) else { return }
      guard try await !domain.isActive() else { throw Reason.Failure(.guestBusy, "it has been started") }
      // libvirt refuses where there is a saved state, a snapshot or a checkpoint: what they hold is not ours.
      try await domain.undefine([.keepNVRAM])
    case .nothing: break
    }
  }

  private func removeFile(_ file: RegisteredFile, _ storage: HostStorage) async throws {
    if case .otherFile = try await RegisteredFiles.remove(file, journal: journal, storage: storage) {
      throw Reason.Failure(.operationFailed, "another file has its name now")
    }
  }
}

extension Orphans {
  /// Something that was found, and what removing it means.
  struct Found: Sendable {
    /// What is removed.
    enum Thing: Sendable {
      /// A file that is in the journal.
      case registeredFile(RegisteredFile)
      /// A file that has to be put into the journal first.
      case unregisteredFile(RegisteredFile)
      /// An entry of the journal alone.
      case registration(RegisteredFile)
      /// A work folder, once it is empty.
      case folder(String)
      /// The server of a pid file.
      case export(String)
      /// The definition of a domain that is shut off.
      case domain(uuid: String)
      /// What is never removed.
      case nothing
    }

    var orphan: Orphan
    var thing: Thing

    init(
      _ kind: Orphan.Kind, _ name: String, of migration: MigrationID? = nil, since: Timestamp? = nil, size: UInt64? = nil,
      _ verdict: OrphanVerdict, _ thing: Thing
    ) {
      orphan = Orphan(
        id: ItemID.id(of: kind.rawValue, name), kind: kind, name: name, migration: migration, since: since, size: size,
        state: verdict.isRemovable ? .removable : .kept, why: verdict.why)
      self.thing = thing
    }
  }
}
