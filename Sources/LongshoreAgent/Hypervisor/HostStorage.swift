internal import DomainXML
internal import Libvirt

/// What a host's libvirt says of files: which ones domains name, and in which folders pools are active.
struct HostStorage: Sendable, Equatable {
  /// The folders of active pools that hold files, without a `/` at the end.
  private(set) var folders: Set<String> = []
  /// The files that domains name, running or not: on a file of a domain that is shut off there is no lock of QEMU.
  private var users: [String: String] = [:]

  /// Folders of pools, and the files that domains name, each with the domain's name.
  init(folders: Set<String>, users: [String: String] = [:]) {
    self.folders = folders
    self.users = users
  }

  /// Reads the active pools, and the definitions that domains run by and those that they will start by, with the layers below that
  /// are listed there.
  ///
  /// - Throws: Where libvirt cannot be asked, and where a domain's XML cannot be read, which could name anything. What is gone meanwhile
  ///   says nothing.
  init(on connection: LibvirtConnection) async throws {
    var folderOfPool: [String: String] = [:]
    for pool in try await connection.pools() {
      guard let configuration = try await existing({ () throws(LibvirtError) in try await pool.configuration() }),
        [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind), let folder = configuration.targetPath
      else { continue }
      folderOfPool[pool.name] = folder
      if try await existing({ () throws(LibvirtError) in try await pool.isActive() }) == true { folders.insert(folder) }
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

  /// Whether what is in a folder can be seen: it is the folder of an active pool, or below one. Where a pool is not mounted, a file
  /// that is not there is not gone.
  func shows(_ path: String) -> Bool { folders.contains { path.hasPrefix("\($0)/") } }

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
