internal import Digests
internal import FoundationEssentials
internal import LongshoreMessages

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

  /// Whether QEMU wants to see a certificate of those who bring guests with TLS (`migrate_tls_x509_verify`, else
  /// `default_tls_x509_verify`).
  var verifiesClients = true

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
    verifiesClients = (values["migrate_tls_x509_verify"] ?? values["default_tls_x509_verify"]) != "0"
    certificates = (values["migrate_tls_x509_cert_dir"] ?? values["default_tls_x509_cert_dir"]).map { text in
      String(text.drop { $0 == "\"" }.prefix { $0 != "\"" })
    }
  }

  // MARK: - Certificates

  /// Where one of QEMU's certificates is, by the name that QEMU gives it.
  func path(of name: String) -> String { "\(certificates ?? Self.defaultCertificates)/\(name)" }

  /// The content of a certificate's file; nil where it cannot be read, or is larger than any.
  func certificate(_ name: String) -> [UInt8]? {
    guard let bytes = FileManager.default.contents(atPath: path(of: name)), bytes.count <= PathTLS.maximumSize else { return nil }
    return [UInt8](bytes)
  }

  /// Whether QEMU of this host trusts the certificate that another host's shows.
  ///
  /// - Parameter certificate: PEM.
  func trust(_ certificate: String, of other: NodeName, as role: Certificate.Role, by here: NodeName, _ rule: CheckRule) -> Check {
    let path = path(of: "ca-cert.pem")
    guard let authorities = self.certificate("ca-cert.pem") else {
      return rule.failed(
        on: here, "\(path), the authorities that QEMU of \(here) trusts, cannot be read", advice: "put the certificate of one there")
    }
    let objection = Certificate.objection(to: Array(certificate.utf8), trusting: authorities, as: role)
    return objection.map {
      rule.failed(on: here, "by \(path), QEMU of \(here) does not trust the certificate that QEMU of \(other) shows: \($0)")
    } ?? rule.passed(on: here, "QEMU of \(here) trusts the certificate that QEMU of \(other) shows")
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
