internal import CLibvirt

extension Domain {
  /// Migrates the domain and returns when the migration has ended (`virDomainMigrateToURI3`).
  ///
  /// The call holds one of the connection's ``CallLimits/migrations`` for as long as the migration lasts. **Cancelling
  /// the task does not abort the migration**, and neither does the end of the process with
  /// ``MigrateFlags/peerToPeer``: use ``abortJob(postCopy:)``, on this connection or another.
  ///
  /// An error says that nothing is known yet, not that the guest is still here: a connection that breaks at the switch
  /// fails the call while the destination may start the guest. Ask both hosts.
  ///
  /// - Parameters:
  ///   - destination: with ``MigrateFlags/peerToPeer``, the URI of the destination's daemon, which the *source's
  ///     daemon* opens with its own credentials.
  ///   - flags: how.
  ///   - parameters: what else the migration is told.
  public func migrate(
    toURI destination: String, flags: MigrateFlags, parameters: MigrationParameters = MigrationParameters()
  ) async throws(LibvirtError) {
    let typed = parameters.typed
    let operation = "migrate domain \(name) to \(destination)"
    try await perform(operation, on: .migrations) { call, domain throws(LibvirtError) in
      try withTypedParameters(typed, call) { array, count throws(LibvirtError) in
        _ = try call.check(
          unsafe virDomainMigrateToURI3(domain, destination, array, UInt32(count), flags.rawValue))
      }
    }
  }
}
