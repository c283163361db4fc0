internal import CLibvirt
internal import Glibc

extension LibvirtConnection {
  /// The value of the secret with this UUID; nothing when there is no such secret.
  ///
  /// - Throws: ``LibvirtError`` with ``LibvirtError/Code/noSecret`` where it has no value, and with
  ///   ``LibvirtError/Code/invalidSecret`` where it is private: the daemon gives such a value to nobody.
  public func secretValue(uuid: String) async throws(LibvirtError) -> [UInt8]? {
    try await perform("read the secret \(uuid)") { call, connection throws(LibvirtError) in
      guard let secret = try unsafe call.find(virSecretLookupByUUIDString(connection, uuid), missing: .noSecret) else { return nil }
      defer { unsafe _ = virSecretFree(secret) }
      var count = 0
      guard let bytes = unsafe virSecretGetValue(secret, &count, 0) else { throw call.failure() }
      defer { unsafe free(bytes) }
      return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    }
  }
}
