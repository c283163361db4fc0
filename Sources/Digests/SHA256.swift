internal import COpenSSL

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece, by OpenSSL's libcrypto, which librabbitmq's TLS loads anyway and which
/// uses the processor's own instructions.
///
/// It is safe: the context belongs to this value alone, which cannot be copied, and is freed with it.
@safe public struct SHA256: ~Copyable {
  private let context: OpaquePointer

  /// A digest of no bytes yet.
  public init() {
    // EVP_MD_CTX_new(3) returns NULL only without memory, where nothing can go on.
    guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("libcrypto has no memory for SHA-256")
    }
    unsafe self.context = context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    // The context lives as long as self, and libcrypto reads the bytes within the call only.
    _ = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  /// The digest of all bytes: 64 hexadecimal digits in lower case.
  public consuming func finalize() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    var count: UInt32 = 0
    _ = unsafe EVP_DigestFinal_ex(context, &digest, &count)
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The digest of bytes: 64 hexadecimal digits in lower case.
  public static func digest(of bytes: [UInt8]) -> String {
    var hash = SHA256()
    unsafe bytes.withUnsafeBytes { unsafe hash.update($0) }
    return hash.finalize()
  }
}
