internal import Libvirt
internal import LongshoreMessages
internal import MigrationJournal

/// The templates in the host's pools: the files that images there have as their backing file, and those that Longshore has copied there.
/// Nothing is changed, and no file is read but for its header.
struct TemplateCatalogue: Sendable {
  let here: NodeName
  let libvirt: LibvirtLink
  let journal: Journal
  let pulse: FileSystemPulse
  let identities: LayerIdentities

  /// A file that images lie on.
  struct Template: Sendable, Hashable {
    var pool: ResourceName
    var volume: ResourceName
    var path: String
    /// Its format, as the images that lie on it say, or as it looks where they say nothing.
    var format: ImageFormat
    /// How many images in the host's pools lie on it directly.
    var images: Int
  }

  /// The active pools that hold files, by their folders.
  func pools() async throws -> [String: ResourceName] {
    let connection = try await libvirt.connection()
    var pools: [String: ResourceName] = [:]
    for pool in try await connection.pools() {
      guard let name = ResourceName(pool.name) else { continue }
      do throws(LibvirtError) {
        guard try await pool.isActive() else { continue }
        let configuration = try await pool.configuration()
        guard [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind), let folder = configuration.targetPath else {
          continue
        }
        pools[folder] = name
      } catch {
        // One that is undefined meanwhile has nothing.
        guard error.code == .noStoragePool else { throw error }
      }
    }
    return pools
  }

  /// The templates in pools, given by their folders.
  ///
  /// - Parameter copied: The paths of those that Longshore has copied, on which nothing need lie yet.
  static func templates(in pools: [String: ResourceName], copied: [String]) async throws(ImageError) -> [Template] {
    try await BlockingWork.run { () throws(ImageError) in
      var uses: [String: (images: Int, formats: Set<String>)] = [:]
      for path in copied { uses[path] = (0, []) }
      for folder in pools.keys.sorted() {
        for name in try FolderListing.names(in: folder, operation: "list the pool \(folder)") {
          guard let backing = BackingReference(of: "\(folder)/\(name)"), let path = backing.path(in: folder) else { continue }
          uses[path, default: (0, [])].images += 1
          if let format = backing.format { uses[path]?.formats.insert(format) }
        }
      }
      return uses.compactMap { path, use in
        guard let pool = pools[PathText.folder(of: path)], let volume = ResourceName(PathText.name(of: path)),
          let status = try? FileStatus(ofPath: path, operation: "look at \(path)"), status.isRegular
        else { return nil }
        let said = use.formats.count == 1 ? use.formats.first.flatMap(ImageFormat.init(rawValue:)) : nil
        return Template(pool: pool, volume: volume, path: path, format: said ?? format(of: path), images: use.images)
      }.sorted { ($0.pool.text, $0.volume.text) < ($1.pool.text, $1.volume.text) }
    }
  }

  /// The format that a file looks as if it had.
  static func format(of path: String) -> ImageFormat { QCOW2Header.begins(path) ? .qcow2 : .raw }

  /// The templates of a pool, or of all, with what is known of them.
  func list(pool: ResourceName?) async throws -> [TemplateFile] {
    let pools = try await answeringPools(for: pool)
    return try await templates(in: pools).filter { pool == nil || $0.pool == pool }.compactMap(describe)
  }

  private func templates(in pools: [String: ResourceName]) async throws -> [Template] {
    let copied = try journal.copiedTemplates().filter { pools[PathText.folder(of: $0.path)] != nil && $0.isThere }
    return try await Self.templates(in: pools, copied: copied.map(\.path))
  }

  private func describe(_ template: Template) throws -> TemplateFile? {
    guard let status = try RegisteredFiles.status(of: template.path) else { return nil }
    let copied = try journal.copiedTemplate(at: template.path).flatMap { $0.isThere ? $0 : nil }
    return TemplateFile(
      pool: template.pool, volume: template.volume, format: template.format, fileSize: status.size,
      digest: try identities.known(template.path), images: template.images,
      copied: copied.map { TemplateFile.Copied(from: $0.source, at: $0.published) }, isReadOnly: status.permissions & 0o222 == 0)
  }

  /// The files that a selection means: the templates, and by its name also a file that nothing lies on yet.
  ///
  /// - Throws: ``Reason/Failure`` where there is none.
  func select(_ selection: TemplateSelection) async throws -> [Template] {
    let pools = try await answeringPools(for: selection.pool)
    let all = try await templates(in: pools).filter { selection.pool == nil || $0.pool == selection.pool }
    guard let name = selection.template else { return all }
    let candidates = pools.filter { selection.pool == nil || $0.value == selection.pool }.sorted { $0.value.text < $1.value.text }
    let found = candidates.compactMap { folder, pool -> Template? in
      let path = "\(folder)/\(name)"
      if let known = all.first(where: { $0.path == path }) { return known }
      guard let status = try? RegisteredFiles.status(of: path), status.isRegular else { return nil }
      return Template(pool: pool, volume: name, path: path, format: Self.format(of: path), images: 0)
    }
    guard !found.isEmpty else {
      let place = selection.pool.map { "the pool \($0)" } ?? "the active pools"
      throw Reason.Failure(.unknownTemplate, "no file \(name) is in \(place) of \(here): `longshore templates list` shows those that are")
    }
    return found
  }

  /// The active pools whose file systems answer.
  ///
  /// - Parameter pool: The one that is asked for; nil for all.
  /// - Throws: ``Reason/Failure`` where that is none, or one that is asked for does not answer.
  private func answeringPools(for pool: ResourceName?) async throws -> [String: ResourceName] {
    var pools = try await pools()
    try requirePool(pool, among: pools)
    for folder in await pulse.silent(among: pools.keys) {
      guard let name = pools.removeValue(forKey: folder), pool == nil || pool == name else { continue }
      throw Reason.Failure(
        .poolNotAnswering,
        "the file system of the pool \(name) of \(here) does not answer" + (pool == nil ? ": ask for the templates of another pool" : ""))
    }
    return pools
  }

  private func requirePool(_ pool: ResourceName?, among pools: [String: ResourceName]) throws {
    guard let pool, !pools.values.contains(pool) else { return }
    throw Reason.Failure(
      .unknownPool, "\(here) has no active pool \(pool) of files: name one of \(pools.values.map(\.text).sorted().joined(separator: ", "))")
  }
}

extension CopiedTemplate {
  /// Which file it was.
  var identity: FileIdentity? {
    guard let device, let inode else { return nil }
    return FileIdentity(device: device, inode: inode, handle: handle)
  }

  /// Whether what has its name is still the file that was published under it.
  var isThere: Bool {
    guard let present = try? RegisteredFiles.identity(of: path) else { return false }
    return identity?.isSameFile(as: present) == true
  }
}
