internal import Digests
internal import DomainXML
internal import Libvirt
internal import LongshoreMessages

/// What libvirt says of a guest.
struct GuestReading: Sendable {
  /// The UUID, in lower case.
  var uuid: String
  var name: String
  /// The state, as libvirt names it.
  var state: String
  var isPersistent: Bool
  /// The definition; nil where it cannot be read.
  var document: DomainDocument?

  /// The guest as an inventory tells it.
  ///
  /// - Parameters:
  ///   - volumes: What pools tell of the volumes that its disks are in.
  ///   - folders: The names of active pools of files, by their folders.
  ///   - motion: The migration that it is in.
  func inventory(
    volumes: [DiskSource: StorageVolumeDescription], folders: [String: String], motion: HostInventory.Guest.Motion?
  ) -> HostInventory.Guest {
    guard let document else {
      return HostInventory.Guest(
        uuid: uuid, name: name, state: state, persistent: isPersistent, processors: 0, memory: 0, migration: motion)
    }
    let disks = document.disks
    let serials = Dictionary(grouping: disks.compactMap(\.serial), by: \.self).mapValues(\.count)
    let system = document.operatingSystem
    return HostInventory.Guest(
      uuid: uuid, name: name, title: document.title, state: state, persistent: isPersistent,
      processors: document.virtualCPUs.current, memory: document.memoryKiB << 10, architecture: system.architecture,
      machine: system.machine,
      disks: disks.map { disk in
        tell(disk, serial: serials[disk.serial ?? ""] == 1 ? disk.serial : nil, volume: disk.source.flatMap { volumes[$0] }, folders)
      },
      interfaces: document.interfaces.map(HostInventory.Interface.init), migration: motion)
  }

  /// - Parameter serial: The disk's serial, where it is its own.
  private func tell(
    _ disk: Disk, serial: String?, volume: StorageVolumeDescription?, _ folders: [String: String]
  ) -> HostInventory.Disk {
    let path = disk.source?.path
    let name = serial.map { "serial:\($0)" } ?? "target:\(disk.target)"
    var told = HostInventory.Disk(
      id: NamedUUID.make(namespace: uuid, name: name) ?? uuid, target: disk.target, bus: disk.bus, device: disk.device.rawValue,
      readOnly: disk.isReadOnly, serial: disk.serial, source: path ?? disk.source?.description, format: disk.format)
    if let volume {
      told.pool = volume.pool
      told.volume = volume.name
      told.capacity = volume.capacity
      told.allocation = volume.allocation
    } else if let path, let pool = folders[PathText.folder(of: path)] {
      // A file that has come into the pool's folder since libvirt read it last.
      told.pool = pool
      told.volume = PathText.name(of: path)
    }
    // Of a guest that runs libvirt lists the layers that QEMU has open; else the image's header says what is behind it.
    let below = disk.backingChain.layers.first?.source?.path ?? (disk.backingChain == .none ? nil : volume?.backingPath)
    told.template = below.map(PathText.name(of:))
    return told
  }
}

extension HostInventory.Interface {
  fileprivate init(_ interface: NetworkInterface) {
    let (type, source): (String, String?) =
      switch interface.attachment {
      case .bridge(let name): ("bridge", name)
      case .network(let name): ("network", name)
      case .direct(let name): ("direct", name)
      case .other(let type): (type, nil)
      }
    self.init(mac: interface.macAddress, type: type, source: source, model: interface.model)
  }
}

extension HostInventory {
  /// As many guests, from the first on, as one message has room for.
  ///
  /// - Parameters:
  ///   - guests: The guests, by UUID.
  ///   - size: The room, in bytes.
  /// - Returns: These guests, at least one where there are any; and the UUID of the last of them, where more follow.
  static func page(of guests: [Guest], size: Int = guestsSize) -> (guests: [Guest], next: ResourceName?) {
    var taken = 0
    for (number, guest) in guests.enumerated() {
      taken += MessageCoding.encode(guest).count + 1
      if taken > size, number > 0 { return (Array(guests[..<number]), ResourceName(guests[number - 1].uuid)) }
    }
    return (guests, nil)
  }
}
