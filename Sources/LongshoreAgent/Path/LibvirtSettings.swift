internal import FoundationEssentials

/// What an agent reads of the configuration of its host's libvirt, `qemu.conf`.
struct LibvirtSettings: Sendable, Equatable {
  /// Where libvirt's QEMU driver has it.
  static let path = "/etc/libvirt/qemu.conf"

  /// The folder of QEMU's certificates unless the configuration names another: for migrations where it is there, else for all.
  static var defaultCertificates: String {
    let ofMigrations = "/etc/pki/libvirt-migrate"
    return FileProbe.exists(ofMigrations) ? ofMigrations : "/etc/pki/qemu"
  }

  /// The ports on which guests and disks come in (`migration_port_min` and `_max`; libvirt's defaults where they are not set).
  var migrationPorts: ClosedRange<UInt16> = 49_152...49_215
  /// The folder of the certificates for migrations (`migrate_tls_x509_cert_dir`, else `default_tls_x509_cert_dir`); nil where it is not
  /// set.
  var certificates: String?

  /// Reads the configuration; libvirt's defaults where there is none.
  init(path: String = Self.path) {
    self.init(text: FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? "")
  }

  /// Reads the lines `key = value`; the last of a key counts.
  init(text: String) {
    var values: [Substring: Substring] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard !line.drop(while: \.isWhitespace).hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
      values[Self.trimmed(line[..<equals])] = Self.trimmed(line[line.index(after: equals)...])
    }
    let least = values["migration_port_min"].flatMap { UInt16($0) } ?? migrationPorts.lowerBound
    let most = values["migration_port_max"].flatMap { UInt16($0) } ?? migrationPorts.upperBound
    if least > 0, least <= most { migrationPorts = least...most }
    certificates = (values["migrate_tls_x509_cert_dir"] ?? values["default_tls_x509_cert_dir"]).map { text in
      String(text.drop { $0 == "\"" }.prefix { $0 != "\"" })
    }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
