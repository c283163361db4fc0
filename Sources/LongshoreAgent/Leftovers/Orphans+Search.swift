internal import DomainXML
internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

extension Orphans {
  /// Everything that is found, by kind and name.
  func find(_ storage: HostStorage, on connection: LibvirtConnection) async throws -> [Found] {
    let found = try await findFiles(storage) + findExports() + findDomains(storage, on: connection)
    let order = Orphan.Kind.allCases
    func place(_ item: Found) -> Int { order.firstIndex(of: item.orphan.kind) ?? order.count }
    return found.sorted { (place($0), $0.orphan.name) < (place($1), $1.orphan.name) }
  }

  /// What is in the journal and in this host's work folders.
  ///
  /// - Throws: ``Reason/Failure`` where the file system of a pool does not answer.
  func findFiles(_ storage: HostStorage) async throws -> [Found] {
    if let folder = await pulse.silent(among: storage.folders).first {
      throw Reason.Failure(.poolNotAnswering, "the file system of the pool at \(folder) does not answer")
    }
    let files = try journal.files()
    var found = try await findRegistered(files, storage)
    let known = KnownFiles(
      registered: Set(files.filter { $0.role != .workFolder }.map(\.path)),
      orphaned: Dictionary(found.map { ($0.orphan.name, $0.orphan.state) }, uniquingKeysWith: { first, _ in first }))
    for folder in storage.folders.sorted() { found += try await findInWorkFolders(of: folder, known, storage) }
    return found
  }

  /// What the journal says of files.
  private struct KnownFiles {
    /// The paths of all that are registered.
    var registered: Set<String>
    /// Of those the ones that are orphans.
    var orphaned: [String: Orphan.State]
  }

  // MARK: - The journal

  /// Files that migrations registered which have ended, and registrations without such a file.
  private func findRegistered(_ files: [RegisteredFile], _ storage: HostStorage) async throws -> [Found] {
    let now = clock.now()
    var found: [Found] = []
    for file in files {
      let fate = try journal.fate(of: file.migration)
      // What is still in its time of grace is no orphan, unless it is gone.
      let isInGrace = (file.grace.map { SetAsideDisks.remaining(of: $0, at: now) } ?? 0) > 0
      if fate == .open || isInGrace && (FileProbe.exists(file.path) || !storage.shows(file.path)) { continue }
      if let item = try await find(file, fate, storage) { found.append(item) }
    }
    return found
  }

  private func find(_ file: RegisteredFile, _ fate: MigrationFate, _ storage: HostStorage) async throws -> Found? {
    func registration(_ verdict: OrphanVerdict) -> Found {
      Found(.registration, file.path, of: file.migration, since: fate.since, verdict, .registration(file))
    }
    guard let status = try RegisteredFiles.status(of: file.path) else {
      return registration(
        storage.shows(file.path)
          ? .removable("the file does not exist any more")
          : .kept("its pool is not active, or not mounted, so that nobody knows whether the file is there"))
    }
    // A folder that is there is found where it is.
    if file.role == .workFolder { return nil }
    let isInWorkFolder = WorkFolder.contains(file.path, migration: file.migration)
    guard file.identity?.isSameFile(as: status.identity) ?? isInWorkFolder else {
      return registration(.removable("another file has its name now, which is left alone"))
    }
    if case .guestHere = fate, !isInWorkFolder { return registration(.removable("the file is a disk of the guest now, and is left alone")) }
    return try await found(kind(of: file), file, status, fate, isRegistered: true, storage)
  }

  private func kind(of file: RegisteredFile) -> Orphan.Kind {
    switch file.role {
    case .stub: WorkFolder.contains(file.path, migration: file.migration) ? .draft : .stub
    case .templateCopy, .template: .templateCopy
    case .setAside: .setAside
    case .workFolder: .workFolder
    }
  }

  private func found(
    _ kind: Orphan.Kind, _ file: RegisteredFile, _ status: FileStatus, _ fate: MigrationFate, isRegistered: Bool, _ storage: HostStorage
  ) async throws -> Found {
    // The second name of a file that lives on under another is nobody's need, whoever has the file open.
    let isSecondName = status.linkCount > 1 && WorkFolder.contains(file.path, migration: file.migration)
    let isInUse = status.isRegular && !isSecondName ? try await ExclusiveFile.isInUse(file.path) : false
    let verdict = OrphanVerdict(
      OrphanVerdict.File(
        kind: kind, fate: fate, isRegistered: isRegistered, isRegular: status.isRegular, isInUse: isInUse,
        user: storage.user(of: file.path)))
    return Found(
      kind, file.path, of: file.migration, since: status.changedAt, size: status.allocated, verdict,
      isRegistered ? .registeredFile(file) : .unregisteredFile(file))
  }

  // MARK: - Work folders

  /// What is in this host's work folders of a pool and not in the journal, and the folders themselves. Nothing else in the pool is
  /// looked at.
  private func findInWorkFolders(of pool: String, _ known: KnownFiles, _ storage: HostStorage) async throws -> [Found] {
    let top = "\(pool)/.longshore"
    let own = "\(top)/\(here.routingKey)"
    guard try isFolder(top), try isFolder(own) else { return [] }
    var found: [Found] = []
    for name in try await names(in: own) {
      let path = "\(own)/\(name)"
      guard let id = MigrationID(name), try isFolder(path) else {
        found.append(try foreign(path))
        continue
      }
      let fate = try journal.fate(of: id)
      if fate != .open { found += try await find(inFolder: path, of: id, fate, known, storage) }
    }
    return found
  }

  private func find(
    inFolder path: String, of id: MigrationID, _ fate: MigrationFate, _ known: KnownFiles, _ storage: HostStorage
  ) async throws -> [Found] {
    var found: [Found] = []
    let names = try await names(in: path)
    for name in names where !known.registered.contains("\(path)/\(name)") {
      guard let status = try RegisteredFiles.status(of: "\(path)/\(name)") else { continue }
      let (kind, role, side) = Self.guess(name)
      var file = RegisteredFile(migration: id, side: side, role: role, path: "\(path)/\(name)")
      file.identity = status.identity
      found.append(try await self.found(kind, file, status, fate, isRegistered: false, storage))
    }
    let registered = names.map { "\(path)/\($0)" }.filter(known.registered.contains)
    // A folder with a disk in its time of grace is no orphan either.
    guard registered.allSatisfy({ known.orphaned[$0] != nil }) else { return found }
    let isFree = found.allSatisfy { $0.orphan.state == .removable } && registered.allSatisfy { known.orphaned[$0] == .removable }
    found.append(
      Found(
        .workFolder, path, of: id, since: try RegisteredFiles.status(of: path)?.changedAt,
        isFree ? .removable("of a migration that \(fate.words)") : .kept("it holds what is kept"), .folder(path)))
    return found
  }

  /// What a file in a work folder is by its name: a draft and a copy of a template have exactly such a one as an agent gives them. Disks that
  /// were set aside have the names of their volumes, which may begin in the same way.
  private static func guess(_ name: String) -> (Orphan.Kind, RegisteredFile.Role, Side) {
    // The targets are those that libvirt knows: vda, sdaa, hdc, fda, xvdb, ubda.
    if name.wholeMatch(of: /(stub|scratch)-(xv|v|s|h|f|ub)d[a-z]{1,3}/) != nil { return (.draft, .stub, .destination) }
    if name.wholeMatch(of: /layer-[0-9]+/) != nil { return (.templateCopy, .templateCopy, .destination) }
    return (.setAside, .setAside, .source)
  }

  private func foreign(_ path: String) throws -> Found {
    let status = try RegisteredFiles.status(of: path)
    return Found(
      .file, path, since: status?.changedAt, size: status?.allocated, .kept("it is not the work folder of a migration"), .nothing)
  }

  private func isFolder(_ path: String) throws -> Bool { try RegisteredFiles.status(of: path)?.isFolder ?? false }

  private func names(in folder: String) async throws -> [String] {
    try await BlockingWork.run { () throws(ImageError) in try FolderListing.names(in: folder, operation: "list \(folder)") }
  }

  // MARK: - Exports and domains

  private func findExports() async throws -> [Found] {
    var found: [Found] = []
    for pidFile in try await exporter.pidFiles() where await !isServed(pidFile) {
      // `<migration>-<layer>-<port>.<attempt>.pid`
      let name = PathText.name(of: pidFile).dropLast(".pid".count)
      let id = MigrationID(name.split(separator: "-").dropLast(2).joined(separator: "-"))
      // One that is being started for a migration that runs is not in the table yet.
      if let id, try journal.fate(of: id) == .open { continue }
      let runs = await NBDExport.running(pidFile) != nil
      found.append(
        Found(
          .export, pidFile, of: id, since: try RegisteredFiles.status(of: pidFile)?.changedAt,
          .removable(runs ? "a server of this agent that serves no migration which runs" : "its server has ended"), .export(pidFile)))
    }
    return found
  }

  /// Domains whose guests were on the other host when their last migration ended.
  private func findDomains(_ storage: HostStorage, on connection: LibvirtConnection) async throws -> [Found] {
    var found: [Found] = []
    for domain in try await connection.domains() {
      guard let last = try journal.lastMigration(ofGuest: domain.uuid), case .guestElsewhere(let time) = try journal.fate(of: last.id),
        let elsewhere = try otherHost(of: last)
      else { continue }
      do {
        let verdict = OrphanVerdict(try await look(at: domain, elsewhere: elsewhere, storage))
        found.append(Found(.domain, domain.name, of: last.id, since: time, verdict, .domain(uuid: domain.uuid)))
      } catch let error as LibvirtError where error.code == .noDomain {
        continue
      }
    }
    return found
  }

  /// The host that a migration which has ended left the guest on; nil where it made nothing here, so that the domain is not of it.
  private func otherHost(of migration: (id: MigrationID, side: Side)) throws -> NodeName? {
    switch migration.side {
    case .source: return try journal.source(migration.id)?.destination.host
    case .destination:
      guard let destination = try journal.destination(migration.id), destination.phase != .refused, !destination.checks.isEmpty else {
        return nil
      }
      return destination.source.host
    }
  }

  private func look(at domain: Domain, elsewhere: NodeName, _ storage: HostStorage) async throws -> OrphanVerdict.Guest {
    let state = try await domain.state()
    guard try await !domain.isActive() else {
      return OrphanVerdict.Guest(state: state.description, isActive: true, elsewhere: elsewhere)
    }
    let disks = try DomainDocument(parsing: try await domain.xml([.inactive])).disks.compactMap(\.source)
    return OrphanVerdict.Guest(
      state: state.description, isActive: false, hasManagedSave: try await domain.hasManagedSave(),
      existingDisk: disks.first { !isGone($0, storage) }.map { $0.path ?? $0.description }, elsewhere: elsewhere)
  }

  /// Whether a disk is proven not to be there: its pool is seen, and has no such file.
  private func isGone(_ source: DiskSource, _ storage: HostStorage) -> Bool {
    guard let path = source.path, storage.shows(path) else { return false }
    do throws(ImageError) {
      return try RegisteredFiles.status(of: path) == nil
    } catch {
      return false
    }
  }
}

extension FileStatus {
  /// When contents or attributes changed last.
  fileprivate var changedAt: Timestamp { Timestamp(milliseconds: changed / 1_000_000) }
}
