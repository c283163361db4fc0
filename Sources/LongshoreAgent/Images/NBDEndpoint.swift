/// Where an NBD server offers an image.
struct NBDEndpoint: Sendable, Hashable, Codable {
  /// A host name or IP address, without brackets.
  let host: String
  let port: UInt16
  /// The name of the export.
  let export: String
  /// Whether the server demands TLS.
  let usesTLS: Bool

  /// Makes an endpoint.
  ///
  /// - Throws: `invalidArgument` for names with other characters than a URI takes as they are.
  init(host: String, port: UInt16, export: String, usesTLS: Bool) throws(ImageError) {
    let isHost = !host.isEmpty && host.utf8.allSatisfy { Self.isPlain($0) || $0 == UInt8(ascii: ":") }
    guard isHost, port > 0, !export.isEmpty, export.utf8.allSatisfy(Self.isPlain) else {
      throw ImageError(
        .invalidArgument, operation: "address an NBD export", message: "\(host):\(port)/\(export) is not plain")
    }
    self.host = host
    self.port = port
    self.export = export
    self.usesTLS = usesTLS
  }

  /// Reads `nbd://host:port/name` or `nbds://…`; an IPv6 address stands in brackets.
  init(uri: String) throws(ImageError) {
    func refuse() -> ImageError {
      ImageError(.invalidArgument, operation: "read an NBD address", message: "\(uri) is not nbd://host:port/name")
    }
    guard let separator = uri.firstRange(of: "://"), ["nbd", "nbds"].contains(uri[..<separator.lowerBound]) else {
      throw refuse()
    }
    let rest = uri[separator.upperBound...]
    guard let slash = rest.firstIndex(of: "/"), let colon = rest[..<slash].lastIndex(of: ":"),
      let port = UInt16(rest[rest.index(after: colon)..<slash])
    else { throw refuse() }
    var host = rest[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw refuse()
    }
    try self.init(
      host: String(host), port: port, export: String(rest[rest.index(after: slash)...]),
      usesTLS: uri.hasPrefix("nbds:"))
  }

  /// The endpoint as a URI.
  var uri: String {
    "\(usesTLS ? "nbds" : "nbd")://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(export)"
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

/// Values inside QEMU's comma-separated options.
enum QEMUOption {
  /// A value with its commas doubled, which is how QEMU takes them (`util/qemu-option.c`).
  static func escape(_ value: String) -> String {
    value.replacing(",", with: ",,")
  }
}
