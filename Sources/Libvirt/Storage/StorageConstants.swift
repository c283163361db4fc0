internal import CLibvirt

extension StoragePool {
  /// What a pool does (`virStoragePoolState`).
  public struct State: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Not running.
    public static let inactive = State(VIR_STORAGE_POOL_INACTIVE)
    /// Initializing pool, not available.
    public static let building = State(VIR_STORAGE_POOL_BUILDING)
    /// Running normally.
    public static let running = State(VIR_STORAGE_POOL_RUNNING)
    /// Running degraded.
    public static let degraded = State(VIR_STORAGE_POOL_DEGRADED)
    /// Running, but not accessible.
    public static let inaccessible = State(VIR_STORAGE_POOL_INACCESSIBLE)

    /// The words for the known numbers.
    public static let words: [State: String] = [
      .inactive: "inactive",
      .building: "building",
      .running: "running",
      .degraded: "degraded",
      .inaccessible: "inaccessible",
    ]
  }
}

extension StorageVolume {
  /// What a volume is (`virStorageVolType`).
  public struct Kind: LibvirtConstant {
    /// libvirt's number.
    public let rawValue: Int32

    /// Takes libvirt's number as it is.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Regular file based volumes.
    public static let file = Kind(VIR_STORAGE_VOL_FILE)
    /// Block based volumes.
    public static let block = Kind(VIR_STORAGE_VOL_BLOCK)
    /// Directory-passthrough based volume.
    public static let directory = Kind(VIR_STORAGE_VOL_DIR)
    /// Network volumes like RBD (RADOS Block Device).
    public static let network = Kind(VIR_STORAGE_VOL_NETWORK)
    /// Network accessible directory that can * contain other network volumes.
    public static let networkDirectory = Kind(VIR_STORAGE_VOL_NETDIR)
    /// Ploop based volumes.
    public static let ploop = Kind(VIR_STORAGE_VOL_PLOOP)

    /// The words for the known numbers.
    public static let words: [Kind: String] = [
      .file: "file",
      .block: "block",
      .directory: "dir",
      .network: "network",
      .networkDirectory: "netdir",
      .ploop: "ploop",
    ]
  }
}
