extension DomainDocument {
  /// The hypervisor: `kvm`, or `qemu` for emulation.
  public var domainType: String {
    root[attribute: "type"] ?? ""
  }

  /// The name of the domain, unique on its host.
  public var name: String {
    root.first("name")?.text ?? ""
  }

  /// The identity of the domain, as written: libvirt writes lower case with hyphens.
  public var uuid: String? {
    root.first("uuid")?.trimmedText
  }

  /// The short title for people.
  public var title: String? {
    root.first("title")?.trimmedText
  }

  /// The number that the running domain has on its host; `nil` in the definition of one that does not run.
  public var runtimeID: Int? {
    root[attribute: "id"].flatMap { Int($0) }
  }

  /// Whether threads of their own serve disks: a disk or a controller names one. That there are such threads alone means nothing.
  public var hasIOThreads: Bool {
    (devices.all("disk") + devices.all("controller")).contains { $0.first("driver")?[attribute: "iothread"] != nil }
  }

  /// The `<devices>` element, empty when there is none.
  var devices: XMLElement {
    root.first("devices") ?? XMLElement(name: "devices")
  }
}
