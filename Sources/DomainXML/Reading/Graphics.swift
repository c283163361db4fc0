/// A graphical console of a domain.
public struct Graphics: Sendable, Hashable {
  /// Where the console's server listens.
  public enum Listener: Sendable, Hashable {
    /// An address or host name; `nil` for the default of the hypervisor's configuration.
    case address(String?)
    /// The address of a libvirt network, and the address that this was when the guest started.
    case network(String, address: String?)
    /// A UNIX socket; `nil` for one that libvirt makes.
    case socket(String?)
    /// Nowhere.
    case none
  }

  /// The protocol: `vnc`, `spice`, `sdl`, …
  public let type: String
  /// The TCP port; `nil` when libvirt is to choose one, or has not yet.
  public let port: Int?
  /// The TCP port for TLS (SPICE).
  public let tlsPort: Int?
  /// The port for WebSocket connections (VNC).
  public let webSocketPort: Int?
  /// Whether libvirt chooses the port.
  public let hasAutoPort: Bool
  /// Where the server listens, in the document's order.
  public let listeners: [Listener]

  /// The addresses that are written out.
  public var listenAddresses: [String] {
    listeners.compactMap { listener in
      switch listener {
      case .address(let address), .network(_, let address): address
      case .socket, .none: nil
      }
    }
  }
}

extension Graphics {
  init(_ element: XMLElement) {
    let port = { (name: String) in element[attribute: name].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } }
    var listeners = element.all("listen").map(Listener.init)
    if listeners.isEmpty, let address = element[attribute: "listen"] { listeners = [.address(address)] }
    if listeners.isEmpty, let socket = element[attribute: "socket"] { listeners = [.socket(socket)] }
    self.init(
      type: element[attribute: "type"] ?? "",
      port: port("port"),
      tlsPort: port("tlsPort"),
      webSocketPort: port("websocket"),
      hasAutoPort: element[attribute: "autoport"] == "yes" || element[attribute: "port"] == "-1",
      listeners: listeners)
  }
}

extension Graphics.Listener {
  init(_ element: XMLElement) {
    switch element[attribute: "type"] {
    case "network": self = .network(element[attribute: "network"] ?? "", address: element[attribute: "address"])
    case "socket": self = .socket(element[attribute: "socket"])
    case "none": self = .none
    default: self = .address(element[attribute: "address"])
    }
  }
}

extension DomainDocument {
  /// The graphical consoles, in the document's order.
  public var graphics: [Graphics] {
    devices.all("graphics").map(Graphics.init)
  }
}
