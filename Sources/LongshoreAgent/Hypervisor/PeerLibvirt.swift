internal import LongshoreMessages

/// The libvirt daemon of a host as it names it to other hosts: `qemu[+TRANSPORT]://[USER@]HOST[:PORT]/system`.
///
/// Agents open no other URI for another host, and give none to libvirt: with parameters libvirt's client starts any program
/// (`command`, of the transports ext and ssh) or believes certificates that it has not checked (`no_verify`), and without a host it
/// opens the daemon of its own.
struct PeerLibvirt: Sendable {
  /// The host's name or IP address, without the brackets of IPv6.
  let host: String
  /// The TCP port; where the URI names none, that of its transport.
  let port: UInt16

  /// Ports by scheme: libvirt's own for TLS, which is meant where a URI with a host names no transport, and for TCP, and SSH's.
  private static let ports: [Substring: UInt16] = [
    "qemu": 16_514, "qemu+tls": 16_514, "qemu+tcp": 16_509, "qemu+ssh": 22, "qemu+libssh": 22, "qemu+libssh2": 22,
  ]

  /// Throws `address-not-allowed` where the URI has another form.
  init(_ uri: String) throws(Reason.Failure) {
    guard let parts = Self.parts(of: uri) else {
      throw Reason.Failure(
        .addressNotAllowed,
        "the libvirt at \"\(uri.prefix(200))\" is not opened: hosts name theirs as qemu+tls://HOST/system, with tls, tcp or ssh, and without "
          + "parameters")
    }
    (host, port) = parts
  }

  private static func parts(of uri: String) -> (host: String, port: UInt16)? {
    guard let scheme = uri.firstRange(of: "://"), let standard = ports[uri[..<scheme.lowerBound]] else { return nil }
    let rest = uri[scheme.upperBound...]
    guard let slash = rest.firstIndex(of: "/"), ["/system", "/session"].contains(rest[slash...]) else { return nil }
    var authority = rest[..<slash]
    if let at = authority.firstIndex(of: "@") {
      guard HostText.isName(authority[..<at]) else { return nil }
      authority = authority[authority.index(after: at)...]
    }
    let host: Substring
    if authority.first == "[" {
      guard let end = authority.firstIndex(of: "]"), authority[..<end].contains(":") else { return nil }
      host = authority[..<end].dropFirst()
      authority = authority[end...].dropFirst()
    } else {
      host = authority.prefix { $0 != ":" }
      authority = authority[host.endIndex...]
    }
    guard HostText.isHost(host) else { return nil }
    guard authority.first == ":" else { return authority.isEmpty ? (String(host), standard) : nil }
    let digits = authority.dropFirst()
    guard digits.utf8.allSatisfy({ "0123456789".utf8.contains($0) }), let port = UInt16(digits) else { return nil }
    return (String(host), port)
  }
}

/// What hosts may be called in addresses.
enum HostText {
  /// Whether this is a host name or an IP address, IPv6 without brackets.
  static func isHost(_ text: some StringProtocol) -> Bool {
    guard text.contains(":") else { return isName(text) }
    // The zone of a link's own address behind a percent sign.
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    return parts[0].utf8.allSatisfy { "0123456789abcdefABCDEF:.".utf8.contains($0) } && parts.dropFirst().allSatisfy { isName($0) }
  }

  /// Whether this is made of the letters, digits, `.`, `-` and `_` of ASCII, and is no option of a program.
  static func isName(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.first != UInt8(ascii: "-")
      && text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
