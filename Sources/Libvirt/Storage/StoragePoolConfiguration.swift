/// What a storage pool is, as its XML says.
public struct StoragePoolConfiguration: Sendable, Hashable {
  /// What kind of storage it is.
  public let kind: Kind
  /// The name.
  public let name: String
  /// The UUID, in lower case; nothing in XML that a pool is to be made from.
  public let uuid: String?
  /// Where its volumes are; nothing for kinds without a folder, such as `rbd`.
  public let targetPath: String?
  /// The servers of a network pool, without their ports.
  public let sourceHosts: [String]
  /// The exported folder of a network file system.
  public let sourceDirectory: String?

  /// Reads a pool's XML.
  public init(xml: String) throws(LibvirtError) {
    let operation = "read a pool's XML"
    let pool: XMLElement
    do throws(XMLSyntaxError) {
      pool = try XMLElement(parsing: xml)
    } catch {
      throw error.libvirtError(operation)
    }
    guard pool.name == "pool", let kind = pool.attributes["type"], let name = pool["name"]?.text else {
      throw LibvirtError(code: .xmlError, message: "no pool with a type and a name", operation: operation)
    }
    self.kind = Kind(rawValue: kind)
    self.name = name
    uuid = pool["uuid"]?.text.lowercased()
    targetPath = pool["target"]?["path"]?.text
    let source = pool["source"]
    sourceHosts = source?.children.filter { $0.name == "host" }.compactMap { $0.attributes["name"] } ?? []
    sourceDirectory = source?["dir"]?.attributes["path"]
  }

  /// A kind of storage, by libvirt's word; open to kinds that are not named here.
  public struct Kind: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// libvirt's word.
    public let rawValue: String

    /// Takes libvirt's word as it is.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// A folder.
    public static let directory = Kind(rawValue: "dir")
    /// A file system on a block device, which libvirt mounts.
    public static let fileSystem = Kind(rawValue: "fs")
    /// A network file system, such as NFS, which libvirt mounts.
    public static let networkFileSystem = Kind(rawValue: "netfs")
    /// A volume group of LVM.
    public static let logical = Kind(rawValue: "logical")
    /// A disk, its partitions being the volumes.
    public static let disk = Kind(rawValue: "disk")
    /// An iSCSI target.
    public static let iSCSI = Kind(rawValue: "iscsi")
    /// A Ceph pool.
    public static let rbd = Kind(rawValue: "rbd")
    /// A ZFS pool.
    public static let zfs = Kind(rawValue: "zfs")

    /// libvirt's word.
    public var description: String { rawValue }
  }
}
