/// Holds one reference on a libvirt object (domain, pool, volume) and gives it back at the end.
///
/// `@unchecked Sendable`: libvirt's objects are counted references to immutable keys (name, UUID), made for use from
/// several threads (libvirt-domain.c, `virDomainRef`: "in a multi-threaded environment … ensuring that the object
/// remains valid"); what changes lives in the daemon. The pointer is only read, and freed once, when nobody else has
/// it.
@safe
final class ObjectHandle: @unchecked Sendable {
  private let pointer: OpaquePointer
  private let free: @Sendable (OpaquePointer) -> Int32
  private let lane: BlockingLane

  /// Takes over the reference that a libvirt call returned.
  init(
    taking pointer: OpaquePointer, lane: BlockingLane, free: @escaping @Sendable (OpaquePointer) -> Int32
  ) {
    unsafe self.pointer = pointer
    unsafe self.free = free
    self.lane = lane
  }

  /// Lends the pointer to `body`, which runs on one of the connection's threads and must not let it out.
  @safe
  func withPointer<Value>(_ body: (OpaquePointer) throws(LibvirtError) -> Value) throws(LibvirtError) -> Value {
    try unsafe body(pointer)
  }

  deinit {
    // The object holds a reference on its connection. When that is the last one, freeing it closes the connection,
    // which waits for the daemon: so it is done on a thread that may block.
    let reference = unsafe Reference(pointer: pointer)
    let free = unsafe free
    lane.submit { unsafe _ = free(reference.pointer) }
  }
}

/// A pointer on its way to the thread that uses it.
///
/// `@unchecked Sendable`: it stands for one counted reference, which its sender gives up.
@safe
struct Reference: @unchecked Sendable {
  let pointer: OpaquePointer
}
