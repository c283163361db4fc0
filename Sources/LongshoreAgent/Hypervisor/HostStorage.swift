internal import DomainXML
internal import Libvirt

/// What a host's libvirt says of files: which ones domains name, and in which folders pools are there.
struct HostStorage: Sendable, Equatable {
  /// The folders of pools that hold files, without a `/` at the end, whose contents are seen: the pool is active and, where it is a
  /// file system of its own, mounted. libvirt goes on to call a pool active that somebody has unmounted.
  private(set) var folders: Set<String>
  /// The folders of the other pools that hold files.
  private var hidden: Set<String>
  /// The files that domains name, running or not: on a file of a domain that is shut off there is no lock of QEMU.
  private var users: [String: String] = [:]

  /// Folders of pools that are seen and that are not, and the files that domains name, each with the domain's name.
  init(folders: Set<String> = [], hidden: Set<String> = [], users: [String: String] = [:]) {
    self.folders = folders
    self.hidden = hidden
    self.users = users
  }

  /// Reads the pools, and the definitions that domains run by and those that they will start by, with the layers below that
  /// are listed there.
  ///
  /// - Throws: Where libvirt cannot be asked, and where a domain's XML cannot be read, which could name anything. What is gone meanwhile
  ///   says nothing.
  init(on connection: LibvirtConnection) async throws {
    self.init()
    var folderOfPool: [String: String] = [:]
    for pool in try await connection.pools() {
      guard let configuration = try await existing({ () throws(LibvirtError) in try await pool.configuration() }),
        [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind), let folder = configuration.targetPath,
        let isActive = try await existing({ () throws(LibvirtError) in try await pool.isActive() })
      else { continue }
      folderOfPool[pool.name] = folder
      if isActive, configuration.kind == .directory || FileProbe.isMountPoint(folder) {
        folders.insert(folder)
      } else {
        hidden.insert(folder)
      }
    }
    for domain in try await connection.domains() {
      for source in try await Self.sources(of: domain) {
        switch source {
        case .file(let path), .block(let path): users[path] = domain.name
        case .volume(let pool, let volume): if let folder = folderOfPool[pool] { users["\(folder)/\(volume)"] = domain.name }
        case .network, .other: break
        }
      }
    }
  }

  /// The name of a domain that names a file; nil where none does.
  func user(of path: String) -> String? { users[path] }

  /// Whether a file would be seen if it were there: it is in the folder of a pool whose contents are seen, or below. Where a pool is not
  /// mounted, a file that is not there is not gone.
  func shows(_ path: String) -> Bool { isSeen(path) == true }

  /// Whether a file would not be seen if it were there: it belongs in a pool that is not active, or not mounted.
  func hides(_ path: String) -> Bool { isSeen(path) == false }

  /// Whether the innermost pool's folder that a file belongs in is seen; nil where it is in none. A pool may be mounted below another's
  /// folder, and two may share one.
  private func isSeen(_ path: String) -> Bool? {
    func depth(_ folders: Set<String>) -> Int { folders.lazy.filter { path.hasPrefix("\($0)/") }.map(\.utf8.count).max() ?? 0 }
    let (seen, unseen) = (depth(folders), depth(hidden))
    return max(seen, unseen) > 0 ? seen >= unseen : nil
  }

  /// What the disks of a domain are in, and the layers below.
  private static func sources(of domain: Domain) async throws -> [DiskSource] {
    var definitions: [String] = []
    if let xml = try await existing({ () throws(LibvirtError) in try await domain.xml([]) }) { definitions.append(xml) }
    if try await existing({ () throws(LibvirtError) in try await domain.isPersistent() }) == true,
      let xml = try await existing({ () throws(LibvirtError) in try await domain.xml([.inactive]) })
    {
      definitions.append(xml)
    }
    return try definitions.flatMap { xml in
      try DomainDocument(parsing: xml).disks.flatMap { [$0.source] + $0.backingChain.layers.map(\.source) }.compactMap(\.self)
    }
  }
}

/// What a call to libvirt returns; nil where its object is gone meanwhile.
private func existing<Value>(_ call: () async throws(LibvirtError) -> Value) async throws(LibvirtError) -> Value? {
  do throws(LibvirtError) {
    return try await call()
  } catch {
    guard error.code == .noDomain || error.code == .noStoragePool else { throw error }
    return nil
  }
}
