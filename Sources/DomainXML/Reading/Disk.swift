/// A disk, CD-ROM or floppy drive of a domain.
public struct Disk: Sendable, Hashable {
  /// The kind of drive that the guest sees (`device` attribute). The set is open.
  public struct Device: RawRepresentable, Sendable, Hashable {
    /// libvirt's word for the device.
    public let rawValue: String

    /// Makes a device kind from libvirt's word for it.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// A hard disk, which is also the default.
    public static let disk = Device(rawValue: "disk")
    /// A CD-ROM drive, which may be empty.
    public static let cdrom = Device(rawValue: "cdrom")
    /// A floppy drive, which may be empty.
    public static let floppy = Device(rawValue: "floppy")
    /// A block device with SCSI commands passed through.
    public static let lun = Device(rawValue: "lun")
  }

  /// The name of the disk in the domain, for example `vda`: what migration parameters call it.
  public let target: String
  /// The bus, for example `virtio` or `scsi`.
  public let bus: String?
  /// The kind of drive.
  public let device: Device
  /// The `type` attribute: `file`, `block`, `network`, `volume`, …
  public let type: String
  /// Where the disk's own image is; `nil` for an empty drive.
  public let source: DiskSource?
  /// What a missing source means at start or migration: `mandatory`, `requisite` or `optional`.
  public let startupPolicy: String?
  /// The format of the disk's own image (driver `type`), for example `qcow2` or `raw`.
  public let format: String?
  /// The host cache mode (driver `cache`), for example `none`.
  public let cache: String?
  /// What a guest's discard does (driver `discard`): `unmap` or `ignore`.
  public let discard: String?
  /// Whether the guest cannot write to it.
  public let isReadOnly: Bool
  /// Whether several guests may have it at once.
  public let isShareable: Bool
  /// Whether changes are dropped when the guest stops.
  public let isTransient: Bool
  /// Whether the image is encrypted.
  public let isEncrypted: Bool
  /// The UUID of the secret whose value opens the image, where QEMU opens it by LUKS and one passphrase.
  public let luksSecret: String?
  /// Whether a block copy runs on it (`<mirror>`).
  public let hasMirror: Bool
  /// The serial number that the guest sees.
  public let serial: String?
  /// The world wide name that the guest sees.
  public let wwn: String?
  /// The images below the disk's own, as the XML lists them.
  public let backingChain: BackingChain
}

extension Disk {
  init?(_ element: XMLElement) {
    guard let target = element.first("target"), let name = target[attribute: "dev"] else { return nil }
    let driver = element.first("driver")
    let source = element.first("source")
    let device = Device(rawValue: element[attribute: "device"] ?? "disk")
    self.init(
      target: name,
      bus: target[attribute: "bus"],
      device: device,
      type: element[attribute: "type"] ?? "file",
      source: DiskSource(type: element[attribute: "type"] ?? "file", source: source),
      startupPolicy: source?[attribute: "startupPolicy"],
      format: driver?[attribute: "type"],
      cache: driver?[attribute: "cache"],
      discard: driver?[attribute: "discard"],
      // libvirt makes every CD-ROM read-only, whether or not the element is there.
      isReadOnly: element.has("readonly") || device == .cdrom,
      isShareable: element.has("shareable"),
      isTransient: element.has("transient"),
      isEncrypted: element.has("encryption") || source?.has("encryption") == true,
      luksSecret: Self.luksSecret(source?.first("encryption") ?? element.first("encryption")),
      hasMirror: element.has("mirror"),
      serial: element.first("serial")?.trimmedText,
      wwn: element.first("wwn")?.trimmedText,
      backingChain: BackingChain(in: element))
  }
}

extension Disk {
  fileprivate static func luksSecret(_ encryption: XMLElement?) -> String? {
    guard let encryption, encryption[attribute: "format"] == "luks", (encryption[attribute: "engine"] ?? "qemu") == "qemu",
      encryption.all("secret").count == 1, let secret = encryption.first("secret"), secret[attribute: "type"] == "passphrase"
    else { return nil }
    return secret[attribute: "uuid"]
  }
}

extension DomainDocument {
  /// The disks and drives, in the document's order.
  public var disks: [Disk] {
    devices.all("disk").compactMap(Disk.init)
  }

  /// The disk of exactly this target name.
  public func disk(_ target: String) -> Disk? {
    disks.first { $0.target == target }
  }
}
