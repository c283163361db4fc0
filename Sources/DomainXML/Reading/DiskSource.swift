/// Where the data of a disk, or of a layer of its backing chain, is.
public enum DiskSource: Sendable, Hashable {
  /// An image file on a mounted file system, by absolute path.
  case file(String)
  /// A host block device, by path.
  case block(String)
  /// A volume named through a libvirt pool.
  case volume(pool: String, volume: String)
  /// A network protocol that QEMU speaks itself: `rbd`, `iscsi`, `nbd`, `https`, …; hosts as `name:port`.
  case network(protocol: String, name: String?, hosts: [String])
  /// Any other type of source (`dir`, `nvme`, `vhostuser`, `vdpa`, …).
  case other(type: String)

  /// The path of a file or block device.
  public var path: String? {
    switch self {
    case .file(let path), .block(let path): path
    case .volume, .network, .other: nil
    }
  }
}

extension DiskSource: CustomStringConvertible {
  /// The source in one line for messages.
  public var description: String {
    switch self {
    case .file(let path): "file \(path)"
    case .block(let path): "block device \(path)"
    case .volume(let pool, let volume): "volume \(volume) in pool \(pool)"
    case .network(let scheme, let name, let hosts):
      "\(scheme) \(name ?? "source")" + (hosts.isEmpty ? "" : " at \(hosts.joined(separator: ", "))")
    case .other(let type): "\(type) source"
    }
  }
}

extension DiskSource {
  /// Reads the `<source>` of an element with the given `type` attribute; `nil` when there is no source, as in an
  /// empty drive.
  init?(type: String, source: XMLElement?) {
    switch type {
    case "file":
      guard let path = source?[attribute: "file"] else { return nil }
      self = .file(path)
    case "block":
      guard let path = source?[attribute: "dev"] else { return nil }
      self = .block(path)
    case "volume":
      guard let pool = source?[attribute: "pool"], let volume = source?[attribute: "volume"] else { return nil }
      self = .volume(pool: pool, volume: volume)
    case "network":
      guard let source, let scheme = source[attribute: "protocol"] else { return nil }
      let hosts = source.all("host").compactMap { host in
        host[attribute: "name"].map { name in host[attribute: "port"].map { "\(name):\($0)" } ?? name }
          ?? host[attribute: "socket"]
      }
      self = .network(protocol: scheme, name: source[attribute: "name"], hosts: hosts)
    default:
      guard source != nil else { return nil }
      self = .other(type: type)
    }
  }
}
