internal import COpenSSL

/// Message authentication codes of RFC 2104, by OpenSSL's libcrypto.
public enum HMAC {
  /// The hash that a code is made with.
  public enum Hash: Sendable, Hashable, CaseIterable {
    /// 20 bytes. Its collisions are no way to forge a code (RFC 6151), and there are protocols that know nothing else.
    case sha1
    /// 64 bytes.
    case sha512

    /// The length of a code, in bytes.
    public var length: Int {
      switch self {
      case .sha1: 20
      case .sha512: 64
      }
    }
  }

  /// The code of bytes.
  public static func code(of bytes: some Sequence<UInt8>, key: [UInt8], _ hash: Hash) -> [UInt8] {
    let message = Array(bytes)
    var code = [UInt8](repeating: 0, count: hash.length)
    var length: UInt32 = 0
    let isMade = unsafe message.withUnsafeBufferPointer { message in
      unsafe key.withUnsafeBufferPointer { key in
        unsafe code.withUnsafeMutableBufferPointer { code in
          // HMAC(3) reads and writes within the call only, and a code of these hashes has the length that is reserved for it.
          let kind = hash == .sha1 ? unsafe EVP_sha1() : unsafe EVP_sha512()
          return unsafe COpenSSL.HMAC(
            kind, key.baseAddress, Int32(key.count), message.baseAddress, message.count, code.baseAddress, &length) != nil
        }
      }
    }
    // It returns NULL only without memory, where nothing can go on.
    precondition(isMade && Int(length) == hash.length, "libcrypto has no memory for a code")
    return code
  }

  /// Whether two codes are the same, in a time that does not tell where they differ. Codes of different lengths are not.
  public static func isSame(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe left.withUnsafeBytes { left in
      unsafe right.withUnsafeBytes { right in unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0 }
    }
  }
}
