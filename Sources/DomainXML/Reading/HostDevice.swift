/// A device of the host that is passed through to the guest.
public struct HostDevice: Sendable, Hashable {
  /// How it is passed through: `subsystem` or `capabilities`.
  public let mode: String
  /// The kind of device: `pci`, `usb`, `mdev`, `scsi`, …
  public let type: String
  /// Which device it is, in one line for messages, for example `pci 0000:06:02.0`.
  public let description: String
}

extension HostDevice {
  init(_ element: XMLElement) {
    let type = element[attribute: "type"] ?? ""
    self.init(
      mode: element[attribute: "mode"] ?? "subsystem",
      type: type,
      description: ([type] + Self.identity(in: element.first("source"), type: type)).joined(separator: " "))
  }

  private static func identity(in source: XMLElement?, type: String) -> [String] {
    guard let source else { return [] }
    if type == "usb", let vendor = source.first("vendor")?[attribute: "id"],
      let product = source.first("product")?[attribute: "id"]
    {
      return ["\(hexadecimal(vendor)):\(hexadecimal(product))"]
    }
    guard let address = source.first("address") else {
      return [source.first("adapter")?[attribute: "name"], source[attribute: "dev"]].compactMap(\.self)
    }
    switch type {
    case "pci":
      let part = { (name: String, width: Int) in
        let digits = hexadecimal(address[attribute: name] ?? "0")
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
      }
      return ["\(part("domain", 4)):\(part("bus", 2)):\(part("slot", 2)).\(part("function", 1))"]
    case "mdev":
      return [address[attribute: "uuid"]].compactMap(\.self)
    default:
      return [address.attributes.map { "\($0.name) \($0.value)" }.joined(separator: ", ")]
    }
  }

  private static func hexadecimal(_ number: String) -> String {
    number.hasPrefix("0x") ? String(number.dropFirst(2)) : number
  }
}

extension DomainDocument {
  /// The devices of the host that are passed through; interfaces of type `hostdev` are included.
  public var hostDevices: [HostDevice] {
    devices.all("hostdev").map(HostDevice.init)
      + devices.all("interface").filter { $0[attribute: "type"] == "hostdev" }.map { interface in
        let type = interface.first("source")?.first("address")?[attribute: "type"] ?? "pci"
        var element = interface
        element[attribute: "type"] = type
        return HostDevice(element)
      }
  }
}
