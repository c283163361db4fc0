internal import CLibvirt

/// A volume of a storage pool: for a pool of files, an image.
///
/// It belongs to its connection; after a reconnect look it up again.
public final class StorageVolume: Sendable {
  /// The connection that it was found on.
  public let connection: LibvirtConnection
  /// The name in its pool.
  public let name: String
  /// What tells it from all other volumes; for a file, its path.
  public let key: String

  private let handle: ObjectHandle

  /// Takes over the reference that a look-up returned; to be called on the connection's threads.
  init(taking pointer: OpaquePointer, on connection: LibvirtConnection, _ call: Call) throws(LibvirtError) {
    let handle = unsafe ObjectHandle(taking: pointer, lane: connection.lanes.control, free: freeVolume)
    self.handle = handle
    self.connection = connection
    name = try unsafe call.copyString(virStorageVolGetName(pointer))
    key = try unsafe call.copyString(virStorageVolGetKey(pointer))
  }

  @safe
  private func perform<Value: Sendable>(
    _ operation: String,
    _ body: @escaping @Sendable (Call, OpaquePointer) throws(LibvirtError) -> Value
  ) async throws(LibvirtError) -> Value {
    let handle = handle
    return try await connection.perform(operation, on: .storage) { call, _ throws(LibvirtError) in
      try handle.withPointer { volume throws(LibvirtError) in try unsafe body(call, volume) }
    }
  }

  /// The volume's path on the host.
  public func path() async throws(LibvirtError) -> String {
    try await perform("read the path of volume \(name)") { call, volume throws(LibvirtError) in
      try unsafe call.takeString(virStorageVolGetPath(volume))
    }
  }

  /// The volume's XML, with its format and backing store.
  public func xml() async throws(LibvirtError) -> String {
    try await perform("read the XML of volume \(name)") { call, volume throws(LibvirtError) in
      try unsafe call.takeString(virStorageVolGetXMLDesc(volume, 0))
    }
  }

  /// The volume's kind and sizes.
  public func info() async throws(LibvirtError) -> Info {
    try await perform("read the sizes of volume \(name)") { call, volume throws(LibvirtError) in
      var info = virStorageVolInfo()
      try call.check(unsafe virStorageVolGetInfo(volume, &info))
      return Info(kind: Kind(rawValue: info.type), capacity: info.capacity, allocation: info.allocation)
    }
  }

  /// Deletes the volume with its data.
  public func delete() async throws(LibvirtError) {
    try await perform("delete volume \(name)") { call, volume throws(LibvirtError) in
      _ = try call.check(unsafe virStorageVolDelete(volume, 0))
    }
  }

  /// What a volume is and how large.
  public struct Info: Sendable, Hashable {
    /// What it is.
    public let kind: Kind
    /// The size that a guest sees, in bytes.
    public let capacity: UInt64
    /// The space that it takes, in bytes.
    public let allocation: UInt64

    /// Makes a value, for doubles in tests.
    public init(kind: Kind, capacity: UInt64, allocation: UInt64) {
      self.kind = kind
      self.capacity = capacity
      self.allocation = allocation
    }
  }
}

extension StorageVolume: CustomStringConvertible {
  /// The name.
  public var description: String { name }
}

private func freeVolume(_ pointer: OpaquePointer) -> Int32 {
  unsafe virStorageVolFree(pointer)
}
