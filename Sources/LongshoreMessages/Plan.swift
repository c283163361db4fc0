/// What the destination has to know of a guest to say whether it can run there.
public struct GuestDescription: Sendable, Hashable, Codable {
  /// A network resource that an interface of the guest needs at the destination.
  public struct Network: Sendable, Hashable, Codable {
    /// The interface's type as libvirt names it: `bridge`, `network`, `direct` and so on.
    public var type: String
    /// The name of the bridge, network or device.
    public var source: String
    /// The kind of port that the interface is on its bridge, such as `openvswitch`; nil on a bridge of Linux.
    public var virtualPort: String?
    /// The largest frame that the guest may send, in bytes: the interface's own, or that of the bridge or device at the source; nil
    /// where it is unknown.
    public var mtu: Int?

    /// An interface's network.
    public init(type: String, source: String, virtualPort: String? = nil, mtu: Int? = nil) {
      self.type = type
      self.source = source
      self.virtualPort = virtualPort
      self.mtu = mtu
    }
  }

  /// The guest's UUID, in lower case.
  public var uuid: String
  /// The guest's name.
  public var name: ResourceName
  /// Whether the guest has a definition that outlives its run.
  public var persistent: Bool
  /// The guest's memory, in KiB.
  public var memoryKiB: UInt64
  /// The type of the domain: `kvm` or `qemu`.
  public var domainType: String
  /// The guest's architecture, such as `x86_64`.
  public var architecture: String
  /// The machine type, such as `pc-q35-7.2`.
  public var machine: String
  /// The path of the emulator.
  public var emulator: String?
  /// The live guest's `<cpu>` element; nil where the guest has none.
  public var cpu: String?
  /// The networks that the guest's interfaces need.
  public var networks: [Network]
  /// The MAC addresses of the guest's interfaces, in lower case; nil where the source's agent does not say them.
  public var macAddresses: [String]?
  /// The version of the QEMU that libvirt runs at the source, such as `7.2.17`; nil where the source's agent does not say it.
  public var hypervisorVersion: String?
  /// The version of the source's libvirt, such as `9.0.0`; nil where the source's agent does not say it.
  public var libvirtVersion: String?
  /// What else the guest takes of its host; nil where the source's agent does not say it.
  public var needs: HostNeeds?

  /// A guest.
  public init(
    uuid: String, name: ResourceName, persistent: Bool, memoryKiB: UInt64, domainType: String, architecture: String,
    machine: String, emulator: String?, cpu: String?, networks: [Network], macAddresses: [String]? = nil, hypervisorVersion: String? = nil,
    libvirtVersion: String? = nil, needs: HostNeeds? = nil
  ) {
    self.uuid = uuid
    self.name = name
    self.persistent = persistent
    self.memoryKiB = memoryKiB
    self.domainType = domainType
    self.architecture = architecture
    self.machine = machine
    self.emulator = emulator
    self.cpu = cpu
    self.networks = networks
    self.macAddresses = macAddresses
    self.hypervisorVersion = hypervisorVersion
    self.libvirtVersion = libvirtVersion
    self.needs = needs
  }
}

/// The format of an image file.
public enum ImageFormat: String, Hashable, WireWord {
  /// QEMU's copy-on-write format, the only one here that can have a backing file.
  case qcow2
  /// The disk's bytes as they are.
  case raw
}

/// How an image is made, beside its format and size: what a stub has to have so that the disk arrives as it was.
public struct ImageProperties: Sendable, Hashable, Codable {
  /// How much of an image's space is taken before the guest writes to it.
  public enum Preallocation: String, Hashable, WireWord {
    /// qcow2: every cluster has its place in the file, and takes no space until it is written to.
    case metadata
    /// All of it takes its space, as `falloc` and `full` make it.
    case full
  }

  /// The size of a cluster, in bytes; qcow2 only.
  public var clusterSize: UInt64?
  /// The version of qcow2: `0.10` or `1.1`.
  public var compat: String?
  /// Whether clusters are split in 32; qcow2 only.
  public var extendedL2: Bool?
  /// Whether reference counts may be written late; qcow2 only.
  public var lazyRefcounts: Bool?
  /// The width of a reference count, in bits; qcow2 only.
  public var refcountBits: UInt64?
  /// How compressed clusters are compressed: `zlib` or `zstd`; qcow2 only.
  public var compressionType: String?
  /// How much of its space is taken in advance; nil for none.
  public var preallocation: Preallocation?

  /// An image's properties.
  public init(
    clusterSize: UInt64? = nil, compat: String? = nil, extendedL2: Bool? = nil, lazyRefcounts: Bool? = nil,
    refcountBits: UInt64? = nil, compressionType: String? = nil, preallocation: Preallocation? = nil
  ) {
    self.clusterSize = clusterSize
    self.compat = compat
    self.extendedL2 = extendedL2
    self.lazyRefcounts = lazyRefcounts
    self.refcountBits = refcountBits
    self.compressionType = compressionType
    self.preallocation = preallocation
  }
}

/// A lower layer of a disk's chain (a template, or an image between it and the disk), which must be at the destination, the
/// same, before the disk is copied.
public struct TemplateLayer: Sendable, Hashable, Codable {
  /// Names the layer within its plan.
  public var id: Int
  /// The pool at the destination.
  public var pool: ResourceName
  /// The volume's name, on both hosts.
  public var volume: ResourceName
  /// The image's format.
  public var format: ImageFormat
  /// The file's size at the source, in bytes.
  public var fileSize: UInt64
  /// The size of the disk that the image holds, in bytes.
  public var virtualSize: UInt64
  /// The layer below this one, by its id; nil where there is none.
  public var backing: Int?
  /// The digest of its content (``LayerDigest/sha256``), where the source has read it already; it tells before anything is made whether
  /// a file at the destination is another one.
  public var sha256: String?

  /// A layer.
  public init(
    id: Int, pool: ResourceName, volume: ResourceName, format: ImageFormat, fileSize: UInt64, virtualSize: UInt64,
    backing: Int?, sha256: String? = nil
  ) {
    self.id = id
    self.pool = pool
    self.volume = volume
    self.format = format
    self.fileSize = fileSize
    self.virtualSize = virtualSize
    self.backing = backing
    self.sha256 = sha256
  }
}

/// A disk of the guest and where it goes.
public struct PlannedDisk: Sendable, Hashable, Codable {
  /// The disk's target in the guest's definition, such as `vda`.
  public var target: ResourceName
  /// The format of the disk's top layer, on both hosts.
  public var format: ImageFormat
  /// The size of the disk, in bytes. The stub has exactly this size.
  public var virtualSize: UInt64
  /// The bytes that the top layer takes at the source, which is about what will be copied; of one that is preallocated, all of the disk's.
  public var allocation: UInt64
  /// The pool at the source.
  public var sourcePool: ResourceName
  /// The pool at the destination.
  public var destinationPool: ResourceName
  /// The volume's name, on both hosts.
  public var volume: ResourceName
  /// The layer below the disk's top, by its id (the disk is a linked clone); nil for a full clone.
  public var backing: Int?
  /// The number of the file's inode at the source, by which a host that sees the same storage knows it; nil where the source's agent
  /// does not say it.
  public var inode: UInt64?
  /// How the top layer is made; nil where the source's agent does not say it.
  public var image: ImageProperties?
  /// The UUID of the secret whose value encrypts the disk, on either host by that host's own; nil for a disk that is not encrypted.
  public var secret: String?

  /// A disk.
  public init(
    target: ResourceName, format: ImageFormat, virtualSize: UInt64, allocation: UInt64, sourcePool: ResourceName,
    destinationPool: ResourceName, volume: ResourceName, backing: Int?, inode: UInt64? = nil, image: ImageProperties? = nil,
    secret: String? = nil
  ) {
    self.target = target
    self.format = format
    self.virtualSize = virtualSize
    self.allocation = allocation
    self.sourcePool = sourcePool
    self.destinationPool = destinationPool
    self.volume = volume
    self.backing = backing
    self.inode = inode
    self.image = image
    self.secret = secret
  }
}

/// A disk that both hosts see, and that stays where it is.
public struct SharedDisk: Sendable, Hashable, Codable {
  /// A file of its chain.
  public struct File: Sendable, Hashable, Codable {
    /// The pool at the destination that the file is in.
    public var pool: ResourceName
    /// The volume's name, on both hosts.
    public var volume: ResourceName
    /// The image's format.
    public var format: ImageFormat
    /// The number of the file's inode, by which the destination knows it.
    public var inode: UInt64

    /// A file.
    public init(pool: ResourceName, volume: ResourceName, format: ImageFormat, inode: UInt64) {
      self.pool = pool
      self.volume = volume
      self.format = format
      self.inode = inode
    }
  }

  /// The disk's target in the guest's definition, such as `vdc`.
  public var target: ResourceName
  /// The disk's file and the layers below it, from the top down.
  public var files: [File]

  /// A disk that stays where it is.
  public init(target: ResourceName, files: [File]) {
    self.target = target
    self.files = files
  }
}

/// A disk, or a medium in a drive, that the guest only reads: its files are layers, which have to be at the destination and be the same.
public struct ReadOnlyDisk: Sendable, Hashable, Codable {
  /// The target in the guest's definition, such as `sda`.
  public var target: ResourceName
  /// Its file, by the layer's id; nil for a medium that is ejected whatever is at the destination.
  public var layer: Int?
  /// What to do where its file is not at the destination; nil for a disk, whose file is copied like a template.
  public var missing: MissingMedium?

  /// A disk that is only read.
  public init(target: ResourceName, layer: Int?, missing: MissingMedium? = nil) {
    self.target = target
    self.layer = layer
    self.missing = missing
  }
}

/// What a migration will do: made by the source from the running guest, checked and prepared by the destination.
///
/// Its sizes can be added: one whose files have more bytes than a file of Linux can have, `Int64.max`, is not read.
public struct MigrationPlan: Sendable, Hashable, Codable {
  /// The guest.
  public var guest: GuestDescription
  /// The guest's disks that are copied, in the order of its definition.
  public var disks: [PlannedDisk]
  /// The layers below them, each after the one below it.
  public var layers: [TemplateLayer]
  /// Whether the source's agent answers `try-path`; nil in plans of agents that do not know it.
  public var sourceTriesPath: Bool?
  /// The guest's disks that stay where they are; nil for none.
  public var shared: [SharedDisk]?
  /// The guest's disks and media that it only reads; nil for none.
  public var readOnly: [ReadOnlyDisk]?
  /// What to do with a file at the destination that has a template's name and is another one; nil: `refuse`.
  public var templateConflict: TemplateConflict?

  /// Whether the content of the disks that are copied is to be compared: the destination then also prepares a ``PreparedView``. Nil for
  /// not, and in plans of agents that do not know it.
  public var verify: Bool?

  /// The migration's place among those that wait, with what it has waited at the source; nil where it has the usual priority and has
  /// not waited, and in plans of agents that do not know it.
  public var queue: QueuePlace?

  /// Whether the source's agent heeds `limit-bandwidth`; nil in plans of agents that do not know it.
  public var heedsBandwidth: Bool?

  /// Whether the guest arrives paused and has not run when it does: at a fenced handover, and where it was paused before. Nil for not, and
  /// in plans of agents that do not know it.
  public var arrivesPaused: Bool?

  /// The libvirt URI under which other hosts reach the source, where the destination looks for the guest before it takes the operator's
  /// word that it is not there; nil in plans of agents that do not know it.
  public var sourceLibvirtURI: String?

  /// A plan.
  public init(
    guest: GuestDescription, disks: [PlannedDisk], layers: [TemplateLayer], shared: [SharedDisk]? = nil, readOnly: [ReadOnlyDisk]? = nil,
    sourceTriesPath: Bool? = nil, templateConflict: TemplateConflict? = nil, verify: Bool? = nil,
    queue: QueuePlace? = nil, heedsBandwidth: Bool? = nil, arrivesPaused: Bool? = nil, sourceLibvirtURI: String? = nil
  ) {
    self.guest = guest
    self.disks = disks
    self.layers = layers
    self.shared = shared
    self.readOnly = readOnly
    self.sourceTriesPath = sourceTriesPath
    self.templateConflict = templateConflict
    self.verify = verify
    self.queue = queue
    self.heedsBandwidth = heedsBandwidth
    self.arrivesPaused = arrivesPaused
    self.sourceLibvirtURI = sourceLibvirtURI
  }

  /// The most bytes that a file or a disk can have: sizes are signed (`off_t`).
  private static let largest = UInt64(Int64.max)

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guest = try container.decode(GuestDescription.self, forKey: .guest)
    disks = try container.decode([PlannedDisk].self, forKey: .disks)
    layers = try container.decode([TemplateLayer].self, forKey: .layers)
    sourceTriesPath = try container.decodeIfPresent(Bool.self, forKey: .sourceTriesPath)
    verify = try container.decodeIfPresent(Bool.self, forKey: .verify)
    queue = try container.decodeIfPresent(QueuePlace.self, forKey: .queue)
    heedsBandwidth = try container.decodeIfPresent(Bool.self, forKey: .heedsBandwidth)
    arrivesPaused = try container.decodeIfPresent(Bool.self, forKey: .arrivesPaused)
    sourceLibvirtURI = try container.decodeIfPresent(String.self, forKey: .sourceLibvirtURI)
    shared = try container.decodeIfPresent([SharedDisk].self, forKey: .shared)
    readOnly = try container.decodeIfPresent([ReadOnlyDisk].self, forKey: .readOnly)
    templateConflict = try container.decodeIfPresent(TemplateConflict.self, forKey: .templateConflict)
    var rest = Self.largest
    for size in disks.map(\.allocation) + layers.map(\.fileSize) {
      guard size <= rest else { throw invalidValue(decoder, "its files have more than \(Self.largest) bytes") }
      rest -= size
    }
    guard (disks.map(\.virtualSize) + layers.map(\.virtualSize)).allSatisfy({ $0 <= Self.largest }) else {
      throw invalidValue(decoder, "a disk has more than \(Self.largest) bytes")
    }
  }

  /// The layer of an id.
  public func layer(_ id: Int) -> TemplateLayer? { layers.first { $0.id == id } }

  /// The targets of all disks and media that have to be at the destination: those that are copied, then the others.
  public var targets: [ResourceName] { disks.map(\.target) + (shared ?? []).map(\.target) + (readOnly ?? []).map(\.target) }

  /// Whether a layer is that of a medium that is ejected where it is not at the destination, and of nothing else.
  public func isEjected(_ layer: TemplateLayer) -> Bool {
    let users = (readOnly ?? []).filter { $0.layer == layer.id }
    return !users.isEmpty && users.allSatisfy { $0.missing == .eject } && !disks.contains { $0.backing == layer.id }
      && !layers.contains { $0.backing == layer.id }
  }

  /// The layers below a disk or another layer, from the top down.
  public func chain(below backing: Int?) -> [TemplateLayer] {
    var chain: [TemplateLayer] = []
    var next = backing
    while let id = next, let layer = layer(id), !chain.contains(layer) {
      chain.append(layer)
      next = layer.backing
    }
    return chain
  }
}

/// What makes two files the same layer: everything but the place of the layer below.
public struct LayerDigest: Sendable, Hashable, Codable {
  /// The file's size, in bytes.
  public var fileSize: UInt64
  /// The image's header without the name of its backing file, as text.
  public var header: String
  /// SHA-256 of what follows the header's cluster (raw images: of the whole file), in hexadecimal.
  public var sha256: String

  /// A layer's digest.
  public init(fileSize: UInt64, header: String, sha256: String) {
    self.fileSize = fileSize
    self.header = header
    self.sha256 = sha256
  }
}

/// A disk as the destination has prepared it.
public struct PreparedDisk: Sendable, Hashable, Codable {
  /// A layer of the chain at the destination.
  public struct Layer: Sendable, Hashable, Codable {
    /// The file's path at the destination.
    public var path: String
    /// The file's format.
    public var format: ImageFormat

    /// A layer.
    public init(path: String, format: ImageFormat) {
      self.path = path
      self.format = format
    }
  }

  /// The disk's target, such as `vda`.
  public var target: ResourceName
  /// The disk's file (where it is copied, its stub) and the layers below it, from the top down; empty where a medium is ejected.
  public var chain: [Layer]

  /// A prepared disk.
  public init(target: ResourceName, chain: [Layer]) {
    self.target = target
    self.chain = chain
  }
}

/// How the destination wants to be reached.
public struct DestinationEndpoint: Sendable, Hashable, Codable {
  /// The libvirt URI that the source's libvirtd and agent open.
  public var libvirtURI: String
  /// The address that memory and disks are sent to; the ports are libvirt's choice.
  public var migrationAddress: String
  /// The name in the certificate that QEMU shows there; nil where the transfer has no TLS.
  public var tlsName: String?

  /// An endpoint.
  public init(libvirtURI: String, migrationAddress: String, tlsName: String? = nil) {
    self.libvirtURI = libvirtURI
    self.migrationAddress = migrationAddress
    self.tlsName = tlsName
  }
}

/// What the destination has prepared.
public struct Preparation: Sendable, Hashable, Codable {
  /// The disks, in the order of the plan: those that are copied, then those that stay and those that are only read.
  public var disks: [PreparedDisk]
  /// How to reach the destination.
  public var endpoint: DestinationEndpoint
  /// The bytes of templates that had to be copied.
  public var templateBytes: UInt64
  /// What a view of the disks is begun with; nil unless the plan asks for it, and from agents that do not know it.
  public var view: PreparedView?

  /// A preparation.
  public init(disks: [PreparedDisk], endpoint: DestinationEndpoint, templateBytes: UInt64, view: PreparedView? = nil) {
    self.disks = disks
    self.endpoint = endpoint
    self.templateBytes = templateBytes
    self.view = view
  }
}

/// Where a guest's console is after the move.
public struct Console: Sendable, Hashable, Codable {
  /// `vnc` or `spice`.
  public var type: String
  /// The address that it listens on.
  public var address: String
  /// Its TCP port.
  public var port: Int

  /// A console.
  public init(type: String, address: String, port: Int) {
    self.type = type
    self.address = address
    self.port = port
  }
}

/// The destination's word, read back from its libvirt, that the guest is there as planned.
public struct Confirmation: Sendable, Hashable, Codable {
  /// The guest's console; nil where it has none.
  public var console: Console?
  /// The state of a guest that has ended since it arrived, in libvirt's words; nil where it has a process.
  public var ended: String?

  /// A confirmation.
  public init(console: Console?, ended: String? = nil) {
    self.console = console
    self.ended = ended
  }
}
