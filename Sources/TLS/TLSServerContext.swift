internal import CTLS
internal import Glibc

/// What a server with TLS shows and takes, by OpenSSL's libssl, which librabbitmq loads anyway: TLS 1.2 and later, without client
/// certificates.
///
/// It is safe: the context is made whole before anybody else has it and never changed after, which OpenSSL allows threads to share
/// (`openssl-threads(7)`), and is freed with this object.
@safe public final class TLSServerContext: @unchecked Sendable {
  /// Why a certificate cannot be used.
  public struct Problem: Error, Hashable, CustomStringConvertible {
    /// What is wrong, in a sentence without a full stop.
    public var description: String
  }

  private let context: OpaquePointer

  /// A context for a certificate.
  /// - Parameters:
  ///   - certificateFile: A PEM file of the certificate, followed by those between it and its authority.
  ///   - keyFile: A PEM file of its key, without a password.
  /// - Throws: ``Problem`` where they cannot be read, or do not belong together.
  public init(certificateFile: String, keyFile: String) throws(Problem) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { throw Problem(description: "libssl has no memory") }
    unsafe self.context = context
    // Nobody is there to type a password.
    unsafe SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in 0 }
    ERR_clear_error()
    guard unsafe tls_context_harden(context) == 1 else { throw Self.problem("TLS 1.2 is not to be had") }
    guard unsafe SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1 else {
      throw Self.problem("the certificate \(certificateFile) cannot be read")
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM) == 1 else {
      throw Self.problem("the key \(keyFile) cannot be read, or is not that of \(certificateFile)")
    }
    guard unsafe SSL_CTX_check_private_key(context) == 1 else {
      throw Self.problem("the key \(keyFile) is not that of \(certificateFile)")
    }
  }

  deinit { unsafe SSL_CTX_free(context) }

  /// A connection of a client that has not said anything yet.
  func connection() -> TLSConnection? { unsafe TLSConnection(context) }

  /// A problem, with what OpenSSL says of it. Its errors are the thread's, so that this goes right after the call.
  private static func problem(_ words: String) -> Problem {
    let code = ERR_get_error()
    guard code != 0, let reason = unsafe ERR_reason_error_string(code) else { return Problem(description: words) }
    return Problem(description: "\(words): \(unsafe String(cString: reason))")
  }
}

/// One client's connection: bytes of the network in and out, and what they say.
///
/// It is used by one thread at a time, that of its channel's event loop.
@safe final class TLSConnection {
  /// What became of a step.
  enum Step: Sendable, Hashable {
    /// It is done.
    case done
    /// More bytes of the client are needed first.
    case needsMore
    /// The client has said that nothing more comes.
    case ended
    /// What came is no TLS, or TLS that is not taken.
    case failed
  }

  private let connection: OpaquePointer
  // Both belong to the connection.
  private let incoming: OpaquePointer
  private let outgoing: OpaquePointer

  fileprivate init?(_ context: OpaquePointer) {
    guard let connection = unsafe SSL_new(context) else { return nil }
    guard let incoming = unsafe BIO_new(BIO_s_mem()), let outgoing = unsafe BIO_new(BIO_s_mem()) else {
      unsafe SSL_free(connection)
      return nil
    }
    unsafe SSL_set_bio(connection, incoming, outgoing)
    unsafe SSL_set_accept_state(connection)
    unsafe (self.connection, self.incoming, self.outgoing) = (connection, incoming, outgoing)
  }

  deinit { unsafe SSL_free(connection) }

  /// Takes bytes of the network.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let count = Int32(exactly: bytes.count) else { return false }
    // A memory BIO takes all of it, and copies it.
    return unsafe count == 0 || BIO_write(incoming, bytes.baseAddress, count) == count
  }

  /// Goes on with the handshake.
  func shakeHands() -> Step {
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(connection)
    return result == 1 ? .done : step(result)
  }

  /// Reads what the client says into a buffer.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> (step: Step, count: Int) {
    ERR_clear_error()
    let result = unsafe SSL_read(connection, buffer.baseAddress, Int32(clamping: buffer.count))
    return result > 0 ? (.done, Int(result)) : (step(result), 0)
  }

  /// Says something to the client.
  func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let count = Int32(exactly: bytes.count) else { return false }
    ERR_clear_error()
    // It is written whole, since a memory BIO takes everything and SSL_MODE_ENABLE_PARTIAL_WRITE is off.
    return unsafe count == 0 || SSL_write(connection, bytes.baseAddress, count) == count
  }

  /// Says that nothing more comes.
  func end() {
    ERR_clear_error()
    _ = unsafe SSL_shutdown(connection)
    // What it may have left is not to be taken for an error of another connection of this thread.
    ERR_clear_error()
  }

  /// How many bytes are to go to the network.
  var pending: Int { unsafe tls_pending(outgoing) }

  /// Takes bytes that are to go to the network.
  func send(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    max(0, Int(unsafe BIO_read(outgoing, buffer.baseAddress, Int32(clamping: buffer.count))))
  }

  private func step(_ result: Int32) -> Step {
    let error = unsafe SSL_get_error(connection, result)
    ERR_clear_error()
    switch error {
    case SSL_ERROR_WANT_READ: return .needsMore
    case SSL_ERROR_ZERO_RETURN: return .ended
    default: return .failed
    }
  }
}
