internal import Broadcasting
internal import CLibvirt

/// What the event callbacks hand over to.
let eventReceivers = CallbackTable<Broadcast<DomainEvent>>()

/// Registers one callback for each kind of event, for all domains.
///
/// - Returns: libvirt's numbers of the registrations.
func registerEventCallbacks(
  _ connection: OpaquePointer, receiver: UInt, _ call: Call
) throws(LibvirtError) -> [Int32] {
  // libvirt.h gives each kind of event its own function type and takes them all as the generic one, to be cast
  // (`VIR_DOMAIN_EVENT_CALLBACK`).
  let lifecycle: virConnectDomainEventCallback = unsafe onLifecycle
  let blockJob: virConnectDomainEventBlockJobCallback = unsafe onBlockJob
  let iteration: virConnectDomainEventMigrationIterationCallback = unsafe onMigrationIteration
  let jobCompleted: virConnectDomainEventJobCompletedCallback = unsafe onJobCompleted
  let callbacks = unsafe [
    (VIR_DOMAIN_EVENT_ID_LIFECYCLE, unsafeBitCast(lifecycle, to: virConnectDomainEventGenericCallback.self)),
    (VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, unsafeBitCast(blockJob, to: virConnectDomainEventGenericCallback.self)),
    (VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION, unsafeBitCast(iteration, to: virConnectDomainEventGenericCallback.self)),
    (VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, unsafeBitCast(jobCompleted, to: virConnectDomainEventGenericCallback.self)),
  ]
  unsafe forgetQueuedEvents(connection, lifecycle)
  var identifiers: [Int32] = []
  for unsafe(kind, callback) in unsafe callbacks {
    let identifier = unsafe virConnectDomainEventRegisterAny(
      connection, nil, Int32(kind.rawValue), callback, callbackContext(receiver), nil)
    guard identifier >= 0 else {
      let error = call.failure()
      for identifier in identifiers { unsafe _ = virConnectDomainEventDeregisterAny(connection, identifier) }
      throw error
    }
    identifiers.append(identifier)
  }
  return identifiers
}

/// Has libvirt forget events that it keeps for nobody.
///
/// A daemon that queues an event just when its last listener goes keeps it, and has no timer then that would send it. For who comes next it
/// makes the timer, but starts it with the first event of an empty queue only: nobody hears of anything until all listeners have gone
/// again, with whom the queue is emptied (`virObjectEventStateQueueRemote` and `virObjectEventStateCleanupTimer` of object_event.c; seen with
/// libvirt 9.0). So one listener comes and goes before those that matter.
private func forgetQueuedEvents(_ connection: OpaquePointer, _ callback: virConnectDomainEventCallback) {
  let identifier = unsafe virConnectDomainEventRegisterAny(
    connection, nil, Int32(VIR_DOMAIN_EVENT_ID_LIFECYCLE.rawValue),
    unsafeBitCast(callback, to: virConnectDomainEventGenericCallback.self), nil, nil)
  if identifier >= 0 { unsafe _ = virConnectDomainEventDeregisterAny(connection, identifier) }
}

// The callbacks run on the event loop's thread. They copy what they are lent, hand it over and return; they make no
// call that asks the daemon, since its answer would need this very thread.

private func deliver(
  _ kind: @autoclosure () -> DomainEvent.Kind, _ domain: OpaquePointer?, _ context: UnsafeMutableRawPointer?
) {
  guard let receiver = unsafe eventReceivers[context], let domain = unsafe domain else { return }
  let call = Call(operation: "read an event")
  guard
    let uuid = try? call.uuid({ unsafe virDomainGetUUIDString(domain, $0) }),
    let name = try? unsafe call.copyString(virDomainGetName(domain))
  else { return }
  receiver.send(DomainEvent(uuid: uuid, name: name, kind: kind()))
}

private func onLifecycle(
  _ connection: OpaquePointer?, _ domain: OpaquePointer?, _ event: Int32, _ detail: Int32,
  _ context: UnsafeMutableRawPointer?
) -> Int32 {
  unsafe deliver(.lifecycle(LifecycleEvent(event: event, detail: detail)), domain, context)
  return 0
}

private func onBlockJob(
  _ connection: OpaquePointer?, _ domain: OpaquePointer?, _ disk: UnsafePointer<CChar>?, _ kind: Int32,
  _ status: Int32, _ context: UnsafeMutableRawPointer?
) {
  guard let disk = unsafe disk else { return }
  let job = BlockJob.Event(
    disk: unsafe String(cString: disk), kind: BlockJob.Kind(rawValue: kind), status: BlockJob.Status(rawValue: status))
  unsafe deliver(.blockJob(job), domain, context)
}

private func onMigrationIteration(
  _ connection: OpaquePointer?, _ domain: OpaquePointer?, _ iteration: Int32, _ context: UnsafeMutableRawPointer?
) {
  unsafe deliver(.migrationIteration(Int(iteration)), domain, context)
}

private func onJobCompleted(
  _ connection: OpaquePointer?, _ domain: OpaquePointer?, _ parameters: virTypedParameterPtr?, _ count: Int32,
  _ context: UnsafeMutableRawPointer?
) {
  // The array stays libvirt's (libvirt-domain.h, virConnectDomainEventJobCompletedCallback).
  let copies = unsafe copyTypedParameters(parameters, count: count)
  unsafe deliver(.jobCompleted(JobStatistics(kind: .completed, parameters: copies)), domain, context)
}
