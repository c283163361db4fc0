/// A directory of the host that the guest mounts.
public struct FileSystemDevice: Sendable, Hashable {
  /// How it is passed through: `virtiofs`, or `path` for 9p, which is libvirt's default.
  public let driver: String
  /// The directory on the host, or the socket of a virtiofsd that runs outside libvirt.
  public let source: String?
  /// The tag by which the guest mounts it.
  public let target: String?
}

/// A piece of memory that several guests, or a guest and a server on the host, share.
public struct SharedMemoryDevice: Sendable, Hashable {
  /// The name of the memory on the host.
  public let name: String
  /// The device model: `ivshmem`, `ivshmem-plain` or `ivshmem-doorbell`.
  public let model: String?
  /// What migration does with its contents: `master` takes them along, `peer` forbids migration.
  public let role: String?
}

/// A trusted platform module.
public struct TPMDevice: Sendable, Hashable {
  /// The device model, for example `tpm-crb`.
  public let model: String?
  /// What is behind it: `emulator` (swtpm), `passthrough` or `external`.
  public let backend: String
  /// The version that an emulator presents, for example `2.0`.
  public let version: String?
}

extension DomainDocument {
  /// The path of the emulator binary.
  public var emulator: String? {
    devices.first("emulator")?.trimmedText
  }

  /// The directories of the host that the guest mounts.
  public var fileSystems: [FileSystemDevice] {
    devices.all("filesystem").map { element in
      let source = element.first("source")
      return FileSystemDevice(
        driver: element.first("driver")?[attribute: "type"] ?? "path",
        source: source?[attribute: "dir"] ?? source?[attribute: "socket"] ?? source?[attribute: "file"],
        target: element.first("target")?[attribute: "dir"])
    }
  }

  /// The shared pieces of memory.
  public var sharedMemories: [SharedMemoryDevice] {
    devices.all("shmem").map { element in
      SharedMemoryDevice(
        name: element[attribute: "name"] ?? "",
        model: element.first("model")?[attribute: "type"],
        role: element[attribute: "role"])
    }
  }

  /// The trusted platform modules.
  public var tpms: [TPMDevice] {
    devices.all("tpm").map { element in
      let backend = element.first("backend")
      return TPMDevice(
        model: element[attribute: "model"],
        backend: backend?[attribute: "type"] ?? "",
        version: backend?[attribute: "version"])
    }
  }

  /// The files and devices of the host behind memory modules (NVDIMM, virtio-pmem), which migration does not copy.
  public var memoryModulePaths: [String] {
    devices.all("memory").compactMap { $0.first("source")?.first("path")?.trimmedText }
  }

  /// The files of the host that random numbers are read from.
  public var entropySources: [String] {
    devices.all("rng").compactMap { $0.first("backend") }
      .filter { $0[attribute: "model"] == "random" }.compactMap(\.trimmedText)
  }

  /// The number of USB devices and smart cards redirected from a console's client.
  public var redirectedDevices: Int {
    devices.all("redirdev").count + devices.all("smartcard").count
  }

  /// The fixed context identifier of a vsock device, which must be free on the host.
  public var fixedVsockContext: Int? {
    let context = devices.first("vsock")?.first("cid")
    guard context?[attribute: "auto"] != "yes" else { return nil }
    return context?[attribute: "address"].flatMap { Int($0) }
  }

  /// The kind of memory encryption, for example `sev`, with which a guest cannot be migrated.
  public var launchSecurity: String? {
    root.first("launchSecurity")?[attribute: "type"]
  }

  /// Whether the domain has arguments for QEMU that libvirt does not understand (`qemu:commandline`).
  public var hasCommandLineArguments: Bool {
    root.elements.contains { $0.name.hasSuffix(":commandline") }
  }
}
