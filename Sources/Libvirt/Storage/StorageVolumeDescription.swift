internal import CLibvirt

/// A volume as its pool tells it: for a pool of files, as the image's header and the file system say at the time of the call.
public struct StorageVolumeDescription: Sendable, Hashable {
  /// The name of its pool.
  public let pool: String
  /// Its name in the pool.
  public let name: String
  /// The size that a guest sees, in bytes.
  public let capacity: UInt64
  /// The space that it takes, in bytes.
  public let allocation: UInt64
  /// Its format, such as `qcow2`; nil for volumes without one.
  public let format: String?
  /// The path of what is behind it; nil where nothing is.
  public let backingPath: String?

  /// Makes a value, for doubles in tests.
  public init(pool: String, name: String, capacity: UInt64, allocation: UInt64, format: String?, backingPath: String?) {
    self.pool = pool
    self.name = name
    self.capacity = capacity
    self.allocation = allocation
    self.format = format
    self.backingPath = backingPath
  }

  /// Reads a volume's XML.
  init(pool: String, xml: String) throws(LibvirtError) {
    let operation = "read a volume's XML"
    let volume: XMLElement
    do throws(XMLSyntaxError) {
      volume = try XMLElement(parsing: xml)
    } catch {
      throw error.libvirtError(operation)
    }
    // libvirt writes all sizes in bytes.
    guard volume.name == "volume", let name = volume["name"]?.text, let capacity = volume["capacity"].flatMap({ UInt64($0.text) }) else {
      throw LibvirtError(code: .xmlError, message: "no volume with a name and a capacity", operation: operation)
    }
    self.pool = pool
    self.name = name
    self.capacity = capacity
    allocation = volume["allocation"].flatMap { UInt64($0.text) } ?? 0
    format = volume["target"]?["format"]?.attributes["type"]
    backingPath = volume["backingStore"]?["path"]?.text
  }
}

extension LibvirtConnection {
  /// The volume at this path, in any started pool; nothing when no pool knew of one at its last refresh. It takes as long as the storage.
  public func describeVolume(path: String) async throws(LibvirtError) -> StorageVolumeDescription? {
    try await describeVolume("describe the volume at \(path)") { call, connection throws(LibvirtError) in
      try unsafe call.find(virStorageVolLookupByPath(connection, path), missing: .noStorageVolume)
    }
  }

  /// The volume of this name in a pool; nothing when there is no such pool, or it knew of none at its last refresh. It takes as long as
  /// the storage.
  public func describeVolume(named name: String, inPool pool: String) async throws(LibvirtError) -> StorageVolumeDescription? {
    try await describeVolume("describe the volume \(name) in pool \(pool)") {
      call, connection throws(LibvirtError) in
      guard let pool = try unsafe call.find(virStoragePoolLookupByName(connection, pool), missing: .noStoragePool) else { return nil }
      defer { unsafe virStoragePoolFree(pool) }
      return try unsafe call.find(virStorageVolLookupByName(pool, name), missing: .noStorageVolume)
    }
  }

  @safe
  private func describeVolume(
    _ operation: String, _ find: @escaping @Sendable (Call, OpaquePointer) throws(LibvirtError) -> OpaquePointer?
  ) async throws(LibvirtError) -> StorageVolumeDescription? {
    // All in one call on the thread for storage: libvirt reads the image's header, and a server of files may not answer.
    let found = try await perform(operation, on: .storage) { call, connection throws(LibvirtError) -> (pool: String, xml: String)? in
      guard let volume = try unsafe find(call, connection) else { return nil }
      defer { unsafe virStorageVolFree(volume) }
      let pool = try unsafe call.check(virStoragePoolLookupByVolume(volume))
      defer { unsafe virStoragePoolFree(pool) }
      return (try unsafe call.copyString(virStoragePoolGetName(pool)), try unsafe call.takeString(virStorageVolGetXMLDesc(volume, 0)))
    }
    guard let found else { return nil }
    return try StorageVolumeDescription(pool: found.pool, xml: found.xml)
  }
}
