/// libvirt's description of a backup in pull mode, whose disks are served over NBD at a Unix socket.
public struct BackupDescription: Sendable, Hashable {
  /// A disk that is served, under its target's name.
  public struct Disk: Sendable, Hashable {
    /// The disk's target in the domain, such as `vda`.
    public var target: String
    /// The path of the scratch file, a qcow2 image, that takes what the guest overwrites.
    public var scratch: String

    /// A disk that is served.
    public init(target: String, scratch: String) {
      self.target = target
      self.scratch = scratch
    }
  }

  /// The path of the socket.
  public var socket: String
  /// The disks; the domain's others have no part in the backup.
  public var disks: [Disk]

  /// A description.
  public init(socket: String, disks: [Disk]) {
    self.socket = socket
    self.disks = disks
  }

  /// The description as XML, as `virDomainBackupBegin` takes it.
  public func serialized() -> String {
    let served = disks.map { disk in
      XMLNode.element(
        Self.element(
          "disk", [("name", disk.target), ("backup", "yes"), ("type", "file"), ("exportname", disk.target)],
          [
            .element(Self.element("driver", [("type", "qcow2")])),
            .element(Self.element("scratch", [("file", disk.scratch)])),
          ]))
    }
    var writer = XMLWriter()
    writer.write(
      .element(
        Self.element(
          "domainbackup", [("mode", "pull")],
          [
            .element(Self.element("server", [("transport", "unix"), ("socket", socket)])),
            .element(Self.element("disks", [], served)),
          ])))
    return writer.output
  }

  /// The socket that a description of libvirt's names; nil where there is none, or the text is something else.
  public static func socket(of xml: String) -> String? {
    guard xml.utf8.count <= DomainDocument.maximumSize, !xml.isEmpty, !xml.utf8.contains(0),
      let document = try? XMLParser.parse(Array(xml.utf8))
    else { return nil }
    for case .element(let root) in document.nodes where root.name == "domainbackup" {
      return root.first("server")?[attribute: "socket"]
    }
    return nil
  }

  private static func element(_ name: String, _ attributes: [(String, String)], _ children: [XMLNode] = []) -> XMLElement {
    XMLElement(name: name, attributes: attributes.map { XMLElement.Attribute(name: $0.0, value: $0.1) }, children: children)
  }
}
