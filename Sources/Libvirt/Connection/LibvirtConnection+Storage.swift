internal import CLibvirt

extension LibvirtConnection {
  /// All storage pools, started or not.
  public func pools() async throws(LibvirtError) -> [StoragePool] {
    try await perform("list the pools", on: .storage) { [self] call, connection throws(LibvirtError) in
      try call.takeList({ list in unsafe virConnectListAllStoragePools(connection, list, 0) }) {
        pointer throws(LibvirtError) in
        try unsafe StoragePool(taking: pointer, on: self, call)
      }
    }
  }

  /// The pool with this name; nothing when there is none.
  public func pool(named name: String) async throws(LibvirtError) -> StoragePool? {
    try await perform("find pool \(name)", on: .storage) { [self] call, connection throws(LibvirtError) in
      guard
        let pointer = try unsafe call.find(virStoragePoolLookupByName(connection, name), missing: .noStoragePool)
      else { return nil }
      return try unsafe StoragePool(taking: pointer, on: self, call)
    }
  }

  /// The pool with this UUID; nothing when there is none.
  public func pool(uuid: String) async throws(LibvirtError) -> StoragePool? {
    try await perform("find pool \(uuid)", on: .storage) { [self] call, connection throws(LibvirtError) in
      guard
        let pointer = try unsafe call.find(virStoragePoolLookupByUUIDString(connection, uuid), missing: .noStoragePool)
      else { return nil }
      return try unsafe StoragePool(taking: pointer, on: self, call)
    }
  }

  /// The started pool whose volumes are right in this folder; nothing when there is none.
  public func pool(targetPath path: String) async throws(LibvirtError) -> StoragePool? {
    try await perform("find the pool at \(path)", on: .storage) { [self] call, connection throws(LibvirtError) in
      guard
        let pointer = try unsafe call.find(virStoragePoolLookupByTargetPath(connection, path), missing: .noStoragePool)
      else { return nil }
      return try unsafe StoragePool(taking: pointer, on: self, call)
    }
  }

  /// The volume at this path, in any started pool; nothing when no pool knew of one at its last refresh.
  public func volume(path: String) async throws(LibvirtError) -> StorageVolume? {
    try await perform("find the volume at \(path)", on: .storage) { [self] call, connection throws(LibvirtError) in
      guard
        let pointer = try unsafe call.find(virStorageVolLookupByPath(connection, path), missing: .noStorageVolume)
      else { return nil }
      return try unsafe StorageVolume(taking: pointer, on: self, call)
    }
  }

  /// Defines a persistent pool, stopped at first.
  @discardableResult
  public func definePool(xml: String) async throws(LibvirtError) -> StoragePool {
    try await perform("define a pool", on: .storage) { [self] call, connection throws(LibvirtError) in
      try unsafe StoragePool(taking: call.check(virStoragePoolDefineXML(connection, xml, 0)), on: self, call)
    }
  }

  /// Starts a transient pool, which is gone when it is stopped.
  @discardableResult
  public func createPool(xml: String) async throws(LibvirtError) -> StoragePool {
    try await perform("create a pool", on: .storage) { [self] call, connection throws(LibvirtError) in
      try unsafe StoragePool(taking: call.check(virStoragePoolCreateXML(connection, xml, 0)), on: self, call)
    }
  }
}
