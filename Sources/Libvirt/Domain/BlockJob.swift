/// A job on one of a domain's disks; during a migration with storage, the mirror of the disk.
public struct BlockJob: Sendable, Hashable {
  /// What it does.
  public let kind: Kind
  /// The cap on its speed, in bytes per second; 0 is none.
  public let bandwidth: UInt64
  /// How many bytes are done.
  public let current: UInt64
  /// At how many bytes it is done. It grows while the guest writes; 1 says that it is not known yet.
  public let end: UInt64

  /// Makes a value, for doubles in tests.
  public init(kind: Kind, bandwidth: UInt64, current: UInt64, end: UInt64) {
    self.kind = kind
    self.bandwidth = bandwidth
    self.current = current
    self.end = end
  }

  /// A change of a disk's job.
  public struct Event: Sendable, Hashable {
    /// The disk's target in the guest, such as `vda`.
    public let disk: String
    /// What the job does.
    public let kind: Kind
    /// What became of it.
    public let status: Status

    /// Makes a value, for doubles in tests.
    public init(disk: String, kind: Kind, status: Status) {
      self.disk = disk
      self.kind = kind
      self.status = status
    }
  }
}
