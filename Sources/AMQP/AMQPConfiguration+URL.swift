extension AMQPConfiguration {
  /// Creates a configuration from an AMQP URI, as RabbitMQ specifies it: `amqp://user:password@host:5672/vhost`.
  ///
  /// `amqps` turns on TLS and changes the default port to 5671. User, password and virtual host are percent-decoded. Several
  /// hosts may be given, separated by commas. Query items: `heartbeat` and `connection_timeout` (seconds), `cacertfile`,
  /// `certfile`, `keyfile`, `server_name_indication`, `verify` (`verify_peer` or `verify_none`), `auth_mechanism` (`plain` or
  /// `external`), `name`.
  ///
  /// - Throws: ``AMQPError`` with the code ``AMQPError/Code/invalidConfiguration``. It never shows the URL's password.
  public init(url: String) throws(AMQPError) {
    self.init()
    guard let schemeEnd = url.firstRange(of: "://") else { throw Self.invalid("it has no scheme") }
    let isSecure: Bool
    switch url[..<schemeEnd.lowerBound].lowercased() {
    case "amqp": isSecure = false
    case "amqps": isSecure = true
    default: throw Self.invalid("its scheme is neither amqp nor amqps")
    }
    tls = isSecure ? TLS() : nil

    var rest = url[schemeEnd.upperBound...]
    guard !rest.contains("#") else { throw Self.invalid("it has a fragment; write # as %23") }
    var query: Substring = ""
    if let mark = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: mark)...]
      rest = rest[..<mark]
    }
    if let slash = rest.firstIndex(of: "/") {
      let path = rest[rest.index(after: slash)...]
      guard !path.contains("/") else { throw Self.invalid("its virtual host has a slash; write it as %2F") }
      virtualHost = try Self.decoded(path, "virtual host")
      rest = rest[..<slash]
    }
    if let at = rest.lastIndex(of: "@") {
      try setCredentials(rest[..<at])
      rest = rest[rest.index(after: at)...]
    }
    addresses = try Self.addresses(rest, defaultPort: isSecure ? 5671 : 5672)
    for item in query.split(separator: "&") { try apply(item) }
    try validate()
  }

  private mutating func setCredentials(_ text: Substring) throws(AMQPError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    user = try Self.decoded(parts[0], "user")
    password = parts.count > 1 ? try Self.decoded(parts[1], "password") : ""
  }

  private static func addresses(_ text: Substring, defaultPort: UInt16) throws(AMQPError) -> [Address] {
    var addresses: [Address] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      var host = part
      var port: Substring = ""
      if part.hasPrefix("[") {
        guard let end = part.firstIndex(of: "]") else { throw invalid("an IPv6 address lacks its closing bracket") }
        host = part[part.index(after: part.startIndex)..<end]
        let tail = part[part.index(after: end)...]
        guard tail.isEmpty || tail.hasPrefix(":") else { throw invalid("something follows an IPv6 address") }
        port = tail.dropFirst()
      } else if let colon = part.lastIndex(of: ":") {
        host = part[..<colon]
        port = part[part.index(after: colon)...]
        guard !host.contains(":") else { throw invalid("an IPv6 address must stand in brackets") }
      }
      guard let number = port.isEmpty ? defaultPort : UInt16(port), number > 0 else {
        throw invalid("a port is not a number from 1 to 65535")
      }
      addresses.append(Address(host: host.isEmpty ? "localhost" : try decoded(host, "host"), port: number))
    }
    return addresses
  }

  private mutating func apply(_ item: Substring) throws(AMQPError) {
    let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    let value = parts.count > 1 ? try Self.decoded(parts[1], name) : ""
    switch name {
    case "heartbeat": heartbeat = try Self.seconds(value, name)
    case "connection_timeout": connectTimeout = try Self.seconds(value, name)
    case "name": connectionName = value
    case "auth_mechanism":
      switch value.lowercased() {
      case "plain": authentication = .password
      case "external": authentication = .certificate
      default: throw Self.invalid("auth_mechanism is neither plain nor external")
      }
    case "cacertfile", "certfile", "keyfile", "server_name_indication", "verify":
      guard var settings = tls else { throw Self.invalid("\(name) needs the scheme amqps") }
      switch name {
      case "cacertfile": settings.caFile = value
      case "certfile": settings.certificateFile = value
      case "keyfile": settings.keyFile = value
      case "server_name_indication": settings.serverName = value
      default:
        guard value == "verify_peer" || value == "verify_none" else {
          throw Self.invalid("verify is neither verify_peer nor verify_none")
        }
        settings.verifiesServer = value == "verify_peer"
      }
      tls = settings
    default: throw Self.invalid("it has an unknown query item '\(name)'")
    }
  }

  private static func seconds(_ text: String, _ name: String) throws(AMQPError) -> Duration {
    guard let number = UInt32(text), number > 0 else { throw invalid("\(name) is not a positive number of seconds") }
    return .seconds(number)
  }

  private static func decoded(_ text: Substring, _ name: String) throws(AMQPError) -> String {
    guard let decoded = PercentDecoding.decode(text) else { throw invalid("its \(name) is not valid percent-encoding") }
    return decoded
  }

  private static func invalid(_ message: String) -> AMQPError {
    AMQPError(.invalidConfiguration, operation: "read the AMQP URL", message: message)
  }
}

/// Percent-decoding of UTF-8 text (RFC 3986, section 2.1).
private enum PercentDecoding {
  static func decode(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
