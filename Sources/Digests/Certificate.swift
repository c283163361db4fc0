internal import COpenSSL

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

  /// Whether the certificate is of a host's name or address, as `X509_check_host(3)` and `X509_check_ip_asc` tell it.
  public func matches(_ name: String) -> Bool {
    unsafe X509_check_ip_asc(certificate, name, 0) == 1 || X509_check_host(certificate, name, name.utf8.count, 0, nil) == 1
  }
}
