internal import CLibvirt
internal import Synchronization

/// A connection's pointer, from opening to closing.
///
/// Calls run on several threads at once, which libvirt allows (libvirt-host.c, `virConnectRef`: "a typical use … is
/// when multiple threads need access to a connection object"). Every call takes a reference of its own under the lock
/// and gives it back with `virConnectClose`. So ``close()`` never frees the connection under a running call; the last
/// reference does.
final class ConnectionHandle: Sendable {
  private let pointer: Mutex<Reference?>

  /// Takes over the reference that `virConnectOpen` returned.
  init(taking pointer: OpaquePointer) {
    self.pointer = unsafe Mutex(Reference(pointer: pointer))
  }

  /// Lends the pointer to `body`, which must not let it out.
  @safe
  func borrow<Value>(
    _ call: Call, _ body: (OpaquePointer) throws(LibvirtError) -> Value
  ) throws(LibvirtError) -> Value {
    let borrowed = pointer.withLock { reference -> Reference? in
      guard let reference, unsafe virConnectRef(reference.pointer) == 0 else { return nil }
      return reference
    }
    guard let borrowed else {
      throw LibvirtError(
        code: .invalidConnection, message: "the connection is closed", operation: call.operation)
    }
    defer { unsafe _ = virConnectClose(borrowed.pointer) }
    return try unsafe body(borrowed.pointer)
  }

  /// Ends lending and gives the connection's own reference to `body`, the first time only.
  ///
  /// libvirt's registrations hold references too: `body` takes them back before it closes.
  @safe
  func close(_ body: (OpaquePointer) -> Void) {
    let last = pointer.withLock { reference -> Reference? in
      defer { reference = nil }
      return reference
    }
    guard let last else { return }
    unsafe body(last.pointer)
    unsafe _ = virConnectClose(last.pointer)
  }
}
