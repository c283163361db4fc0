internal import CLibvirt

/// A domain, as libvirt calls a virtual machine.
///
/// A value of this class is a reference by UUID, not the domain itself: it stays valid while the domain starts, stops
/// or goes to another host, and calls on a domain that is gone fail with ``LibvirtError/Code/noDomain``. It belongs to
/// its connection; after a reconnect look the domain up again.
public final class Domain: Sendable {
  /// The connection that it was found on.
  public let connection: LibvirtConnection
  /// The UUID, in lower case.
  public let uuid: String
  /// The name at the time of the look-up.
  public let name: String
  /// The number that it had while running at the time of the look-up; nothing for a domain that was not running.
  public let id: Int?

  private let handle: ObjectHandle

  /// Takes over the reference that a look-up returned; to be called on the connection's threads.
  init(taking pointer: OpaquePointer, on connection: LibvirtConnection, _ call: Call) throws(LibvirtError) {
    // First of all, so that the reference is given back when something below fails.
    let handle = unsafe ObjectHandle(taking: pointer, lane: connection.lanes.control, free: freeDomain)
    self.handle = handle
    self.connection = connection
    uuid = try call.uuid { unsafe virDomainGetUUIDString(pointer, $0) }
    name = try unsafe call.copyString(virDomainGetName(pointer))
    let number = unsafe virDomainGetID(pointer)
    id = number == UInt32.max ? nil : Int(number)
  }

  /// Runs a call with the domain's pointer.
  @safe
  func perform<Value: Sendable>(
    _ operation: String, on lane: Lanes.Sort = .control,
    _ body: @escaping @Sendable (Call, OpaquePointer) throws(LibvirtError) -> Value
  ) async throws(LibvirtError) -> Value {
    let handle = handle
    return try await connection.perform(operation, on: lane) { call, _ throws(LibvirtError) in
      try handle.withPointer { domain throws(LibvirtError) in try unsafe body(call, domain) }
    }
  }
}

extension Domain: CustomStringConvertible {
  /// The name and the UUID.
  public var description: String { "\(name) (\(uuid))" }
}

private func freeDomain(_ pointer: OpaquePointer) -> Int32 {
  unsafe virDomainFree(pointer)
}
