internal import COpenSSL

/// UUIDs that are made of names (RFC 4122, version 5): the same name of the same namespace always has the same UUID.
public enum NamedUUID {
  /// The UUID of a name, in lower case; nil where the namespace is no UUID in hexadecimal digits and hyphens.
  public static func make(namespace: String, name: String) -> String? {
    guard var bytes = bytes(of: namespace) else { return nil }
    bytes += name.utf8
    var digest = [UInt8](repeating: 0, count: 20)
    var count: UInt32 = 0
    // EVP_Digest(3) reads the bytes within the call, and writes the 20 bytes of SHA-1. It fails only without memory.
    guard unsafe EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha1(), nil) == 1 else {
      preconditionFailure("libcrypto has no memory for SHA-1")
    }
    digest[6] = digest[6] & 0x0f | 0x50
    digest[8] = digest[8] & 0x3f | 0x80
    return text(of: digest.prefix(16))
  }

  private static func bytes(of uuid: String) -> [UInt8]? {
    let digits = uuid.utf8.filter { $0 != UInt8(ascii: "-") }
    guard digits.count == 32 else { return nil }
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: 32, by: 2) {
      guard let byte = UInt8(String(decoding: digits[start..<(start + 2)], as: UTF8.self), radix: 16) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private static func text(of bytes: ArraySlice<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
      text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
    return String(decoding: text, as: UTF8.self)
  }
}
