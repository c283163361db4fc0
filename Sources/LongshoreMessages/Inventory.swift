/// Of what an inventory is wanted.
public struct InventoryQuestion: Sendable, Hashable, Codable {
  /// Comes after all UUIDs of guests: for who asks for no guest.
  public static let lastGuest = ResourceName("ffffffff-ffff-ffff-ffff-ffffffffffff")

  /// Name or UUID of the one guest to tell; nil for all.
  public var guest: ResourceName?
  /// Tell the guests whose UUIDs come after this one alone: ``HostInventory/next`` of the answer before.
  public var after: ResourceName?

  /// A question.
  public init(guest: ResourceName? = nil, after: ResourceName? = nil) {
    self.guest = guest
    self.after = after
  }
}

/// What a host is and has, as its libvirt tells it when it is asked: the machine, its pools, and its guests with their disks.
///
/// While libvirt is away there are neither pools nor guests, and ``Machine/libvirtVersion`` is absent.
public struct HostInventory: Sendable, Hashable, Codable {
  /// The most that the guests of one answer take, in bytes: the rest of ``Wire/maximumMessageSize`` is for the host and its pools. About
  /// 700 guests with two disks each.
  public static let guestsSize = 768 << 10

  /// The host.
  public var machine: Machine
  /// The settings that can be changed over the bus.
  public var settings: HostSettings
  /// Its pools, by name.
  public var pools: [Pool]
  /// Its guests, running or not, by UUID.
  public var guests: [Guest]
  /// The UUID of the last guest that is told, where more follow that the message has no room for; they are asked for with
  /// ``InventoryQuestion/after``.
  public var next: ResourceName?

  /// An inventory.
  public init(machine: Machine, settings: HostSettings, pools: [Pool] = [], guests: [Guest] = [], next: ResourceName? = nil) {
    self.machine = machine
    self.settings = settings
    self.pools = pools
    self.guests = guests
    self.next = next
  }

  /// A host.
  public struct Machine: Sendable, Hashable, Codable {
    /// Its processors.
    public struct Processors: Sendable, Hashable, Codable {
      /// The logical processors that are online.
      public var count: Int
      /// The sockets, of all NUMA nodes together.
      public var sockets: Int
      /// Their frequency, in MHz; absent where libvirt does not know it.
      public var mhz: Int?
      /// Their architecture, such as `x86_64`.
      public var architecture: String

      /// Processors.
      public init(count: Int, sockets: Int, mhz: Int? = nil, architecture: String) {
        self.count = count
        self.sockets = sockets
        self.mhz = mhz
        self.architecture = architecture
      }
    }

    /// The host's UUID, in lower case: the setting `hostUUID`, or that by which libvirt tells hosts apart; absent where there is neither.
    public var uuid: String?
    /// The agent's version.
    public var agentVersion: String
    /// libvirt's version, such as `9.0.0`; absent while libvirt is away.
    public var libvirtVersion: String?
    /// The hypervisor as libvirt names its driver, such as `QEMU`; absent while libvirt is away.
    public var hypervisor: String?
    /// The hypervisor's version, such as `7.2.0`; absent while libvirt is away.
    public var hypervisorVersion: String?
    /// Its processors; absent while libvirt is away.
    public var processors: Processors?
    /// Its memory, in bytes; absent while libvirt is away.
    public var memory: UInt64?
    /// The memory that guests can still take without swapping, with what the kernel can give back, in bytes; absent where the kernel does
    /// not say it.
    public var memoryAvailable: UInt64?
    /// Whether it takes guests.
    public var maintenance: Maintenance
    /// Migrations that run now, out of and into this host.
    public var migrations: Int

    /// A host.
    public init(
      uuid: String? = nil, agentVersion: String, libvirtVersion: String? = nil, hypervisor: String? = nil, hypervisorVersion: String? = nil,
      processors: Processors? = nil, memory: UInt64? = nil, memoryAvailable: UInt64? = nil, maintenance: Maintenance, migrations: Int
    ) {
      self.uuid = uuid
      self.agentVersion = agentVersion
      self.libvirtVersion = libvirtVersion
      self.hypervisor = hypervisor
      self.hypervisorVersion = hypervisorVersion
      self.processors = processors
      self.memory = memory
      self.memoryAvailable = memoryAvailable
      self.maintenance = maintenance
      self.migrations = migrations
    }
  }

  /// A storage pool.
  public struct Pool: Sendable, Hashable, Codable {
    /// The pool's UUID, in lower case.
    public var uuid: String
    /// The pool's name.
    public var name: String
    /// The pool's type as libvirt names it: `dir`, `netfs` and so on.
    public var type: String
    /// Whether it is active.
    public var active: Bool
    /// Whether the host's configuration lets guests be moved into it.
    public var allowed: Bool
    /// Its size, in bytes, as of libvirt's last refresh; so are the two below.
    public var capacity: UInt64
    /// The space in use, in bytes.
    public var allocation: UInt64
    /// Its free space, in bytes.
    public var available: UInt64
    /// The folder that its volumes are in; absent for types without one.
    public var path: String?
    /// The servers of a pool on the network, without ports; absent where it names none.
    public var sourceHosts: [String]?
    /// The exported folder of a network file system; absent where there is none.
    public var sourceDirectory: String?

    /// A pool.
    public init(
      uuid: String, name: String, type: String, active: Bool, allowed: Bool, capacity: UInt64, allocation: UInt64, available: UInt64,
      path: String? = nil, sourceHosts: [String]? = nil, sourceDirectory: String? = nil
    ) {
      self.uuid = uuid
      self.name = name
      self.type = type
      self.active = active
      self.allowed = allowed
      self.capacity = capacity
      self.allocation = allocation
      self.available = available
      self.path = path
      self.sourceHosts = sourceHosts
      self.sourceDirectory = sourceDirectory
    }
  }

  /// A guest.
  public struct Guest: Sendable, Hashable, Codable {
    /// A migration that a guest is in.
    public struct Motion: Sendable, Hashable, Codable {
      /// The migration's id.
      public var id: MigrationID
      /// Whether the guest comes to this host by it. A guest that is being moved is known to both hosts.
      public var incoming: Bool

      /// A migration.
      public init(_ id: MigrationID, incoming: Bool) {
        self.id = id
        self.incoming = incoming
      }
    }

    /// The guest's UUID, in lower case.
    public var uuid: String
    /// The guest's name.
    public var name: String
    /// The guest's title for people; absent where it has none.
    public var title: String?
    /// The guest's state as libvirt names it: `running`, `shut off` and so on.
    public var state: String
    /// Whether it has a definition that stays when it stops.
    public var persistent: Bool
    /// Its virtual processors, those that are plugged in now.
    public var processors: Int
    /// The memory that it has at boot, in bytes.
    public var memory: UInt64
    /// Its architecture, such as `x86_64`; absent where its definition does not say it.
    public var architecture: String?
    /// Its machine type, such as `pc-q35-7.2`; absent where its definition does not say it.
    public var machine: String?
    /// Its disks and drives, in the order of its definition.
    public var disks: [Disk]
    /// Its network interfaces, in the order of its definition.
    public var interfaces: [Interface]
    /// The migration that it is in, until that has ended at this host; absent where it is in none.
    public var migration: Motion?

    /// A guest.
    public init(
      uuid: String, name: String, title: String? = nil, state: String, persistent: Bool, processors: Int, memory: UInt64,
      architecture: String? = nil, machine: String? = nil, disks: [Disk] = [], interfaces: [Interface] = [], migration: Motion? = nil
    ) {
      self.uuid = uuid
      self.name = name
      self.title = title
      self.state = state
      self.persistent = persistent
      self.processors = processors
      self.memory = memory
      self.architecture = architecture
      self.machine = machine
      self.disks = disks
      self.interfaces = interfaces
      self.migration = migration
    }
  }

  /// A disk or drive of a guest.
  public struct Disk: Sendable, Hashable, Codable {
    /// Names the disk for good, as a UUID of version 5 (RFC 4122) of the guest's UUID and the disk's `<serial>`, or its target where it has
    /// no serial of its own.
    ///
    /// It says nothing of pool, volume or path, so that a disk keeps its id when its guest moves and the volume with it, into whatever
    /// pool and under whatever name: it is the same to the guest. CloudStack, whose volumes keep their ids as well, gives each disk a
    /// serial that is made of the volume's id; such a disk keeps its id here too when it is attached under another target.
    public var id: String
    /// The disk's target, such as `vda`.
    public var target: String
    /// The bus, such as `virtio`; absent where the definition does not say it.
    public var bus: String?
    /// What the guest sees: `disk`, `cdrom`, `floppy` or `lun`.
    public var device: String
    /// Whether the guest cannot write to it.
    public var readOnly: Bool
    /// The serial number that the guest sees; absent where it has none.
    public var serial: String?
    /// The pool that its volume is in; absent for an empty drive, and where libvirt knows no volume of an active pool there.
    public var pool: String?
    /// The volume's name in the pool; absent as the pool.
    public var volume: String?
    /// Where it is: a path for a file or device, else what libvirt says of the source; absent for an empty drive.
    public var source: String?
    /// The format of its own image, such as `qcow2`; absent where the definition does not say it.
    public var format: String?
    /// The size that the guest sees, in bytes; absent where libvirt knows no volume, or its storage does not answer in time.
    public var capacity: UInt64?
    /// The space that its own image takes, in bytes; absent as the capacity.
    public var allocation: UInt64?
    /// The name of the template's volume or file behind a linked clone; absent for a full clone, and where it is not known.
    public var template: String?

    /// A disk.
    public init(
      id: String, target: String, bus: String? = nil, device: String, readOnly: Bool, serial: String? = nil, pool: String? = nil,
      volume: String? = nil, source: String? = nil, format: String? = nil, capacity: UInt64? = nil, allocation: UInt64? = nil,
      template: String? = nil
    ) {
      self.id = id
      self.target = target
      self.bus = bus
      self.device = device
      self.readOnly = readOnly
      self.serial = serial
      self.pool = pool
      self.volume = volume
      self.source = source
      self.format = format
      self.capacity = capacity
      self.allocation = allocation
      self.template = template
    }
  }

  /// A network interface of a guest.
  public struct Interface: Sendable, Hashable, Codable {
    /// The MAC address; absent where the definition does not say it.
    public var mac: String?
    /// What it is attached to, as libvirt names it: `bridge`, `network`, `direct` or another word.
    public var type: String
    /// The name of the bridge, the network or the host's interface; absent for other types.
    public var source: String?
    /// The device model, such as `virtio`; absent where the definition does not say it.
    public var model: String?

    /// An interface.
    public init(mac: String? = nil, type: String, source: String? = nil, model: String? = nil) {
      self.mac = mac
      self.type = type
      self.source = source
      self.model = model
    }
  }
}
