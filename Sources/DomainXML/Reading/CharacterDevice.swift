/// A serial port, parallel port, text console or channel of a domain.
public struct CharacterDevice: Sendable, Hashable {
  /// What the guest sees.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// A serial port.
    case serial
    /// A parallel port.
    case parallel
    /// A text console; the first one often is the first serial port again.
    case console
    /// A private channel between guest and host, for example for the guest agent.
    case channel
  }

  /// What the guest sees.
  public let kind: Kind
  /// What is behind it on the host: `pty`, `file`, `unix`, `tcp`, `dev`, `spicevmc`, …
  public let type: String
  /// The path on the host of a file, device, pipe, socket or pseudo terminal.
  public let path: String?
  /// The address of the host that a server (`tcp`, `udp`) listens on; `nil` where it is none.
  public let listenAddress: String?
  /// The file on the host that everything said is copied into.
  public let logFile: String?
  /// The name of a channel in the guest, for example `org.qemu.guest_agent.0`.
  public let name: String?
}

extension CharacterDevice {
  init(_ element: XMLElement, kind: Kind) {
    let source = element.first("source")
    self.init(
      kind: kind,
      type: element[attribute: "type"] ?? "",
      path: source?[attribute: "path"],
      listenAddress: element.all("source").first { $0[attribute: "mode"] == "bind" }?[attribute: "host"],
      logFile: element.first("log")?[attribute: "file"],
      name: element.first("target")?[attribute: "name"])
  }
}

extension DomainDocument {
  /// The serial and parallel ports, text consoles and channels, by kind and in the document's order.
  public var characterDevices: [CharacterDevice] {
    CharacterDevice.Kind.allCases.flatMap { kind in
      devices.all(kind.rawValue).map { CharacterDevice($0, kind: kind) }
    }
  }
}
