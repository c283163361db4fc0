internal import COpenSSL
internal import Glibc

/// An X.509 certificate, to be asked for its names.
///
/// It is safe: the certificate belongs to this value alone, which cannot be copied, and is freed with it.
@safe public struct Certificate: ~Copyable {
  private let certificate: OpaquePointer

  /// Reads the first certificate of a PEM file's content; nil where there is none.
  public init?(pem: [UInt8]) {
    // OpenSSL reads the bytes within the scope only; the certificate is a copy.
    let certificate: OpaquePointer? = unsafe pem.withUnsafeBytes { bytes in
      guard let count = Int32(exactly: bytes.count), let memory = unsafe BIO_new_mem_buf(bytes.baseAddress, count) else { return nil }
      defer { unsafe BIO_free(memory) }
      return unsafe PEM_read_bio_X509(memory, nil, nil, nil)
    }
    guard let certificate = unsafe certificate else { return nil }
    unsafe self.certificate = certificate
  }

  deinit { unsafe X509_free(certificate) }

  /// From when until when the certificate is valid, in seconds since 1970-01-01T00:00:00Z; nil where it does not say so rightly.
  public var validity: ClosedRange<Int>? {
    let first = unsafe Self.seconds(X509_get0_notBefore(certificate))
    let last = unsafe Self.seconds(X509_get0_notAfter(certificate))
    guard let first, let last, first <= last else { return nil }
    return first...last
  }

  private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int? {
    var parts = unsafe tm()
    guard unsafe ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
    return unsafe timegm(&parts)
  }

  /// Who shows a certificate.
  public enum Role: Sendable {
    case server, client
  }

  /// Why a certificate is not to be trusted, in OpenSSL's words; nil where it is: an authority has signed it, or somebody in between whom
  /// an authority has signed, it is valid now, and for what it is used for.
  ///
  /// - Parameters:
  ///   - pem: The certificate, then those in between.
  ///   - authorities: Certificates that are trusted (PEM).
  ///   - role: What it is used for.
  public static func objection(to pem: [UInt8], trusting authorities: [UInt8], as role: Role) -> String? {
    let shown = unsafe certificates(in: pem)
    let trusted = unsafe certificates(in: authorities)
    defer { unsafe (shown + trusted).forEach { unsafe X509_free($0) } }
    guard let leaf = unsafe shown.first else { return "there is no certificate" }
    guard unsafe !trusted.isEmpty else { return "no authority is trusted" }
    // None of these fails but for want of memory. The stack holds the certificates and does not own them.
    guard let store = unsafe X509_STORE_new(), let between = unsafe OPENSSL_sk_new_null(), let context = unsafe X509_STORE_CTX_new() else {
      return "out of memory"
    }
    defer {
      unsafe X509_STORE_CTX_free(context)
      unsafe OPENSSL_sk_free(between)
      unsafe X509_STORE_free(store)
    }
    unsafe trusted.forEach { unsafe X509_STORE_add_cert(store, $0) }
    unsafe shown.dropFirst().forEach { _ = unsafe OPENSSL_sk_push(between, UnsafeRawPointer($0)) }
    unsafe X509_STORE_CTX_init(context, store, leaf, between)
    // Whoever is trusted is an authority, whether or not another one has signed it.
    unsafe X509_STORE_CTX_set_flags(context, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    unsafe X509_STORE_CTX_set_purpose(context, role == .server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT)
    guard unsafe X509_verify_cert(context) != 1 else { return nil }
    return unsafe String(cString: X509_verify_cert_error_string(Int(X509_STORE_CTX_get_error(context))))
  }

  /// The certificates of a PEM file's content, to be freed.
  private static func certificates(in pem: [UInt8]) -> [OpaquePointer] {
    unsafe pem.withUnsafeBytes { bytes in
      guard let count = Int32(exactly: bytes.count), let memory = unsafe BIO_new_mem_buf(bytes.baseAddress, count) else { return unsafe [] }
      defer { unsafe BIO_free(memory) }
      var certificates: [OpaquePointer] = unsafe []
      while let certificate = unsafe PEM_read_bio_X509(memory, nil, nil, nil) { unsafe certificates.append(certificate) }
      // What ended the reading is no error of a later call.
      ERR_clear_error()
      return unsafe certificates
    }
  }

  /// Whether the certificate is of a host's name or address, as `X509_check_host(3)` and `X509_check_ip_asc` tell it.
  public func matches(_ name: String) -> Bool {
    unsafe X509_check_ip_asc(certificate, name, 0) == 1 || X509_check_host(certificate, name, name.utf8.count, 0, nil) == 1
  }
}
