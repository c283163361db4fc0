internal import Broadcasting
internal import CLibvirt
internal import Synchronization

/// The events of one connection, from libvirt's callbacks to any number of sequences.
///
/// libvirt refuses to register the same callback twice on one connection. So there is one registration, made for the
/// first subscriber and kept until the connection is closed.
final class EventHub: Sendable {
  /// libvirt's numbers of the registrations. The lock is held while the daemon is asked, so it is taken on the
  /// connection's own threads only.
  private let registrations = Mutex<[Int32]>([])
  private let events: Broadcast<DomainEvent>
  private let receiver: UInt

  init() {
    events = Broadcast()
    receiver = eventReceivers.insert(events)
  }

  deinit {
    eventReceivers.remove(receiver)
  }

  /// A new sequence of what comes from now on.
  func subscribe() -> AsyncStream<DomainEvent> {
    events.subscribe()
  }

  /// Ends all sequences, those of later subscribers too.
  func finish() {
    events.finish()
  }

  /// Registers with libvirt, the first time only.
  @safe
  func register(_ connection: OpaquePointer, _ call: Call) throws(LibvirtError) {
    try registrations.withLock { identifiers throws(LibvirtError) in
      guard identifiers.isEmpty else { return }
      identifiers = try unsafe registerEventCallbacks(connection, receiver: receiver, call)
    }
  }

  /// Takes the registration back.
  @safe
  func unregister(_ connection: OpaquePointer) {
    registrations.withLock { identifiers in
      for identifier in identifiers { unsafe _ = virConnectDomainEventDeregisterAny(connection, identifier) }
      identifiers = []
    }
  }
}
