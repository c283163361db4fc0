internal import Glibc

/// Questions about hosts by name or address.
enum HostLookup {
  /// The addresses of a name, or of an address itself, in digits. Blocks while servers are asked.
  ///
  /// - Throws: `ImageError` where it has none, or no server answers.
  static func addresses(of host: String) throws(ImageError) -> Set<String> { Set(try resolve(host).compactMap(\.digits)) }

  /// Whether a name or address is one of this host's. Blocks while servers are asked.
  static func isOfThisHost(_ host: String) -> Bool { ((try? resolve(host)) ?? []).contains(where: \.isOfThisHost) }

  private static func resolve(_ host: String) throws(ImageError) -> [SocketAddress] {
    try SocketAddress.resolve(host, port: 0, passive: false, operation: "look up \(host)")
  }
}

extension SocketAddress {
  /// The address without its port, in digits.
  fileprivate var digits: String? {
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let result = withPointer { getnameinfo($0, $1, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) }
    return result == 0 ? String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }

  /// Whether a socket can be bound to it.
  fileprivate var isOfThisHost: Bool {
    let end = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard end >= 0 else { return false }
    defer { close(end) }
    return withPointer { bind(end, $0, $1) } == 0
  }
}
