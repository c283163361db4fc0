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

  /// Whether the certificate is of a host's name or address, as `X509_check_host(3)` and `X509_check_ip_asc` tell it.
  public func matches(_ name: String) -> Bool {
    unsafe X509_check_ip_asc(certificate, name, 0) == 1 || X509_check_host(certificate, name, name.utf8.count, 0, nil) == 1
  }
}
