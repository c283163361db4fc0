internal import Glibc

/// Finds the addresses of a host.
enum HostLookup {
  /// The addresses of a name, or of an address itself, in digits; none where it has none. Blocks while servers are asked.
  static func addresses(of host: String) -> Set<String> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { unsafe freeaddrinfo(list) }
    var found: Set<String> = []
    var entry = unsafe list
    while let info = unsafe entry?.pointee {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if unsafe getnameinfo(info.ai_addr, info.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
        found.insert(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
      unsafe entry = unsafe info.ai_next
    }
    return found
  }
  /// Whether a name or address is one of this host's: whether a socket can be bound to it.
  static func isOfThisHost(_ host: String) -> Bool {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, "0", &hints, &list) == 0 else { return false }
    defer { unsafe freeaddrinfo(list) }
    guard let info = unsafe list?.pointee else { return false }
    let end = socket(info.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard end >= 0 else { return false }
    defer { close(end) }
    return unsafe bind(end, info.ai_addr, info.ai_addrlen) == 0
  }
}
