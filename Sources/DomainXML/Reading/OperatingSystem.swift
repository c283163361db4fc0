/// How a domain boots, and as what kind of machine.
public struct OperatingSystem: Sendable, Hashable {
  /// The kind of virtualisation, for example `hvm`.
  public let type: String?
  /// The guest's architecture, for example `x86_64`.
  public let architecture: String?
  /// The machine type, for example `pc-q35-7.2`.
  public let machine: String?
  /// The firmware that libvirt is to choose: `efi` or `bios`.
  public let firmware: String?
  /// The path of the firmware image, which must be on the host.
  public let loader: String?
  /// The path of the file with the guest's own firmware variables.
  public let nvram: String?
  /// The path of the file that the firmware variables start from.
  public let nvramTemplate: String?
  /// The paths of kernel, initial RAM disk and device tree of a direct kernel boot, as far as given.
  public let bootFiles: [String]
}

extension OperatingSystem {
  init(_ element: XMLElement) {
    let type = element.first("type")
    let nvram = element.first("nvram")
    self.init(
      type: type?.trimmedText,
      architecture: type?[attribute: "arch"],
      machine: type?[attribute: "machine"],
      firmware: element[attribute: "firmware"],
      loader: element.first("loader")?.trimmedText,
      nvram: nvram?.first("source")?[attribute: "file"] ?? nvram?.trimmedText,
      nvramTemplate: nvram?[attribute: "template"],
      bootFiles: ["kernel", "initrd", "dtb"].compactMap { element.first($0)?.trimmedText })
  }
}

extension DomainDocument {
  /// How the domain boots.
  public var operatingSystem: OperatingSystem {
    OperatingSystem(root.first("os") ?? XMLElement(name: "os"))
  }
}
