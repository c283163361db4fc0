internal import CLibvirt

/// What a migration is told besides its flags (`VIR_MIGRATE_PARAM_…`). What is nothing is not sent.
public struct MigrationParameters: Sendable, Hashable {
  /// Where the hypervisor sends memory to, such as `tcp://192.0.2.7`; else the destination's host name.
  public var uri: String?
  /// The domain's name at the destination.
  public var destinationName: String?
  /// The XML of the running domain at the destination.
  public var destinationXML: String?
  /// The XML of the persistent definition at the destination. Always to be given along with ``destinationXML``: before
  /// libvirt 10.0 the old definition is stored without it.
  public var persistentXML: String?
  /// The cap for memory, and separately for each disk, in MiB/s; 0 is none.
  public var bandwidth: UInt64?
  /// The cap for the post-copy phase, in MiB/s.
  public var postCopyBandwidth: UInt64?
  /// Where a client of the guest's display goes to.
  public var graphicsURI: String?
  /// The address on which the destination's hypervisor listens.
  public var listenAddress: String?
  /// The targets of the disks to copy, such as `vda`. **Empty means all** that are neither shared nor read-only: to
  /// copy none, leave the flag away.
  public var disks: [String] = []
  /// The disks of which zeros are not sent, since libvirt 10.9.
  public var disksDetectingZeroes: [String] = []
  /// The destination's port for disks; else a free one. Before libvirt 10.1 a port given here is never freed.
  public var disksPort: Int32?
  /// Where disks are sent to: `tcp://host[:port]` or `unix:///path`. Excludes ``disksPort``.
  public var disksURI: String?
  /// The methods of compression, such as `zstd`.
  public var compression: [String] = []
  /// The size of the cache of pages for the method `xbzrle`, in bytes: a power of two.
  public var compressionCache: UInt64?
  /// By how many per cent the guest is slowed down at first.
  public var autoConvergeInitial: Int32?
  /// By how many per cent more each time.
  public var autoConvergeIncrement: Int32?
  /// How many connections for memory, with ``MigrateFlags/parallel``.
  public var parallelConnections: Int32?
  /// The name in the destination's certificate, where it is not the host's name in the URI.
  public var tlsDestination: String?
  /// Further parameters by libvirt's names.
  public var additional: [String: ParameterValue] = [:]

  /// Makes parameters that say nothing.
  public init() {}

  /// libvirt's form.
  var typed: [TypedParameter] {
    var list: [TypedParameter] = []
    func add(_ name: String, _ value: ParameterValue?) {
      if let value { list.append(TypedParameter(name: name, value: value)) }
    }
    add(VIR_MIGRATE_PARAM_URI, uri.map { .string($0) })
    add(VIR_MIGRATE_PARAM_DEST_NAME, destinationName.map { .string($0) })
    add(VIR_MIGRATE_PARAM_DEST_XML, destinationXML.map { .string($0) })
    add(VIR_MIGRATE_PARAM_PERSIST_XML, persistentXML.map { .string($0) })
    add(VIR_MIGRATE_PARAM_BANDWIDTH, bandwidth.map { .unsignedLong($0) })
    add(VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, postCopyBandwidth.map { .unsignedLong($0) })
    add(VIR_MIGRATE_PARAM_GRAPHICS_URI, graphicsURI.map { .string($0) })
    add(VIR_MIGRATE_PARAM_LISTEN_ADDRESS, listenAddress.map { .string($0) })
    for disk in disks { add(VIR_MIGRATE_PARAM_MIGRATE_DISKS, .string(disk)) }
    // VIR_MIGRATE_PARAM_MIGRATE_DISKS_DETECT_ZEROES, which older headers lack.
    for disk in disksDetectingZeroes { add("migrate_disks_detect_zeroes", .string(disk)) }
    add(VIR_MIGRATE_PARAM_DISKS_PORT, disksPort.map { .int($0) })
    add(VIR_MIGRATE_PARAM_DISKS_URI, disksURI.map { .string($0) })
    for method in compression { add(VIR_MIGRATE_PARAM_COMPRESSION, .string(method)) }
    add(VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE, compressionCache.map { .unsignedLong($0) })
    add(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INITIAL, autoConvergeInitial.map { .int($0) })
    add(VIR_MIGRATE_PARAM_AUTO_CONVERGE_INCREMENT, autoConvergeIncrement.map { .int($0) })
    add(VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, parallelConnections.map { .int($0) })
    add(VIR_MIGRATE_PARAM_TLS_DESTINATION, tlsDestination.map { .string($0) })
    for (name, value) in additional.sorted(by: { $0.key < $1.key }) { add(name, value) }
    return list
  }
}
