/// A network interface of a domain.
public struct NetworkInterface: Sendable, Hashable {
  /// What the interface is attached to on the host.
  public enum Attachment: Sendable, Hashable {
    /// A bridge of the host, by name.
    case bridge(String)
    /// A libvirt network, by name.
    case network(String)
    /// A host interface with a macvtap device on it, by name.
    case direct(String)
    /// Anything else, by the `type` attribute: `user`, `hostdev`, `vhostuser`, `ethernet`, …
    case other(type: String)
  }

  /// What the interface is attached to.
  public let attachment: Attachment
  /// The MAC address as written, for example `52:54:00:12:34:56`.
  public let macAddress: String?
  /// The device model, for example `virtio`.
  public let model: String?
  /// The name of the interface on the host, for example `vnet3`.
  public let target: String?
  /// The kind of port that it is on its bridge, for example `openvswitch`; `nil` on a bridge of Linux.
  public let virtualPort: String?
  /// The largest frame, in bytes; `nil` for what the bridge has.
  public let mtu: Int?
  /// The socket that another process listens on and the interface is connected to (`vhostuser` in the mode `client`).
  public let socketOfOther: String?
}

extension NetworkInterface {
  init(_ element: XMLElement) {
    self.init(
      attachment: Attachment(element),
      macAddress: element.first("mac")?[attribute: "address"],
      model: element.first("model")?[attribute: "type"],
      target: element.first("target")?[attribute: "dev"],
      virtualPort: element.first("virtualport")?[attribute: "type"],
      mtu: element.first("mtu")?[attribute: "size"].flatMap { Int($0) },
      socketOfOther: element.first("source").flatMap { source in
        element[attribute: "type"] == "vhostuser" && source[attribute: "mode"] == "client" ? source[attribute: "path"] : nil
      })
  }
}

extension NetworkInterface.Attachment {
  init(_ element: XMLElement) {
    let type = element[attribute: "type"] ?? ""
    let source = element.first("source")
    let name: String? =
      switch type {
      case "bridge": source?[attribute: "bridge"]
      case "network": source?[attribute: "network"]
      case "direct": source?[attribute: "dev"]
      default: nil
      }
    switch (type, name) {
    case ("bridge", let name?): self = .bridge(name)
    case ("network", let name?): self = .network(name)
    case ("direct", let name?): self = .direct(name)
    default: self = .other(type: type)
    }
  }
}

extension DomainDocument {
  /// The network interfaces, in the document's order.
  public var interfaces: [NetworkInterface] {
    devices.all("interface").map(NetworkInterface.init)
  }
}
