internal import CLibvirt

/// A storage pool: a folder, an NFS mount, a volume group… in which libvirt keeps volumes.
///
/// It belongs to its connection; after a reconnect look it up again.
public final class StoragePool: Sendable {
  /// The connection that it was found on.
  public let connection: LibvirtConnection
  /// The name.
  public let name: String
  /// The UUID, in lower case.
  public let uuid: String

  private let handle: ObjectHandle

  /// Takes over the reference that a look-up returned; to be called on the connection's threads.
  init(taking pointer: OpaquePointer, on connection: LibvirtConnection, _ call: Call) throws(LibvirtError) {
    let handle = unsafe ObjectHandle(taking: pointer, lane: connection.lanes.control, free: freePool)
    self.handle = handle
    self.connection = connection
    uuid = try call.uuid { unsafe virStoragePoolGetUUIDString(pointer, $0) }
    name = try unsafe call.copyString(virStoragePoolGetName(pointer))
  }

  /// Runs a call with the pool's pointer.
  @safe
  func perform<Value: Sendable>(
    _ operation: String,
    _ body: @escaping @Sendable (Call, OpaquePointer) throws(LibvirtError) -> Value
  ) async throws(LibvirtError) -> Value {
    let handle = handle
    return try await connection.perform(operation, on: .storage) { call, _ throws(LibvirtError) in
      try handle.withPointer { pool throws(LibvirtError) in try unsafe body(call, pool) }
    }
  }

  // MARK: What it is

  /// The pool's XML.
  public func xml() async throws(LibvirtError) -> String {
    try await perform("read the XML of pool \(name)") { call, pool throws(LibvirtError) in
      try unsafe call.takeString(virStoragePoolGetXMLDesc(pool, 0))
    }
  }

  /// The pool's type, target and source, read from its XML.
  public func configuration() async throws(LibvirtError) -> StoragePoolConfiguration {
    try StoragePoolConfiguration(xml: await xml())
  }

  /// Whether the pool is started, so that its volumes can be used.
  public func isActive() async throws(LibvirtError) -> Bool {
    try await perform("ask whether pool \(name) is active") { call, pool throws(LibvirtError) in
      try unsafe call.check(virStoragePoolIsActive(pool)) == 1
    }
  }

  /// The pool's state and sizes, as of the last refresh.
  public func info() async throws(LibvirtError) -> Info {
    try await perform("read the sizes of pool \(name)") { call, pool throws(LibvirtError) in
      var info = virStoragePoolInfo()
      try call.check(unsafe virStoragePoolGetInfo(pool, &info))
      return Info(
        state: State(rawValue: info.state), capacity: info.capacity, allocation: info.allocation,
        available: info.available)
    }
  }

  /// What a pool does and how much it holds.
  public struct Info: Sendable, Hashable {
    /// What it does.
    public let state: State
    /// The size of the file system or group, in bytes.
    public let capacity: UInt64
    /// The part in use, in bytes.
    public let allocation: UInt64
    /// The part that is free, in bytes.
    public let available: UInt64

    /// Makes a value, for doubles in tests.
    public init(state: State, capacity: UInt64, allocation: UInt64, available: UInt64) {
      self.state = state
      self.capacity = capacity
      self.allocation = allocation
      self.available = available
    }
  }

  // MARK: Volumes

  /// All volumes that the pool knew of at its last refresh.
  public func volumes() async throws(LibvirtError) -> [StorageVolume] {
    let connection = connection
    return try await perform("list the volumes of pool \(name)") { call, pool throws(LibvirtError) in
      try call.takeList({ list in unsafe virStoragePoolListAllVolumes(pool, list, 0) }) {
        pointer throws(LibvirtError) in
        try unsafe StorageVolume(taking: pointer, on: connection, call)
      }
    }
  }

  /// The volume with this name; nothing when the pool knew of none at its last refresh.
  public func volume(named name: String) async throws(LibvirtError) -> StorageVolume? {
    let connection = connection
    return try await perform("find volume \(name) in pool \(self.name)") { call, pool throws(LibvirtError) in
      guard let pointer = try unsafe call.find(virStorageVolLookupByName(pool, name), missing: .noStorageVolume)
      else { return nil }
      return try unsafe StorageVolume(taking: pointer, on: connection, call)
    }
  }

  /// Makes a volume; fails with ``LibvirtError/Code/storageVolumeExists`` where there is one of that name.
  ///
  /// - Parameter xml: libvirt's `<volume>`, with a `<backingStore>` for an overlay.
  @discardableResult
  public func createVolume(xml: String) async throws(LibvirtError) -> StorageVolume {
    let connection = connection
    return try await perform("create a volume in pool \(name)") { call, pool throws(LibvirtError) in
      try unsafe StorageVolume(taking: call.check(virStorageVolCreateXML(pool, xml, 0)), on: connection, call)
    }
  }

  // MARK: Start and stop

  /// Starts the pool: mounts it, where it is to be mounted.
  public func start() async throws(LibvirtError) {
    try await perform("start pool \(name)") { call, pool throws(LibvirtError) in
      _ = try call.check(unsafe virStoragePoolCreate(pool, 0))
    }
  }

  /// Stops the pool: unmounts it, where it was mounted. Its volumes stay.
  public func stop() async throws(LibvirtError) {
    try await perform("stop pool \(name)") { call, pool throws(LibvirtError) in
      _ = try call.check(unsafe virStoragePoolDestroy(pool))
    }
  }

  /// Forgets a stopped pool's definition. Its volumes stay.
  public func undefine() async throws(LibvirtError) {
    try await perform("undefine pool \(name)") { call, pool throws(LibvirtError) in
      _ = try call.check(unsafe virStoragePoolUndefine(pool))
    }
  }
}

extension StoragePool: CustomStringConvertible {
  /// The name and the UUID.
  public var description: String { "\(name) (\(uuid))" }
}

private func freePool(_ pointer: OpaquePointer) -> Int32 {
  unsafe virStoragePoolFree(pointer)
}
