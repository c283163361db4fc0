import LongshoreClient
import LongshoreMessages

/// Writes what is known as CloudStack's objects.
struct Rows: Sendable {
  /// What the hosts have.
  let inventory: Inventory
  /// The last job of each guest, by UUIDs.
  let jobs: [String: Job]

  /// The rows of what is known now.
  init(_ inventory: Inventory, jobs: [Job] = []) {
    self.inventory = inventory
    var last: [String: Job] = [:]
    for job in jobs {
      if let other = last[job.guest.uuid], (other.isPending ? 1 : 0, other.createdAt) > (job.isPending ? 1 : 0, job.createdAt) { continue }
      last[job.guest.uuid] = job
    }
    self.jobs = last
  }

  private static let hypervisor = "KVM"

  // MARK: Hosts

  /// The row of a host.
  func host(_ host: Inventory.Host) -> ResponseObject {
    let machine = host.told.machine
    let processors = machine.processors
    let running = inventory.guests.filter { $0.host.name == host.name && $0.isRunning }
    let memory = running.reduce(UInt64(0)) { $0.addingReportingOverflow($1.told.memory).partialValue }
    let virtual = running.reduce(0) { $0 + $1.told.processors }
    let speed = processors?.mhz ?? 0
    let total = (processors?.count ?? 0) * speed
    var row = ResponseObject()
    row.add("id", host.id)
    row.add("name", host.name.text)
    row.add("type", "Routing")
    row.add("state", host.isDown ? "Down" : "Up")
    row.add("resourcestate", machine.maintenance.isOn ? "Maintenance" : "Enabled")
    inventory.place.add(to: &row)
    row.add("clustertype", "CloudManaged")
    row.add("hypervisor", Self.hypervisor)
    row.add("hypervisorversion", machine.hypervisorVersion)
    row.add("version", machine.agentVersion)
    row.add("arch", processors?.architecture)
    row.add("cpunumber", processors?.count)
    row.add("cpusockets", processors?.sockets)
    row.add("cpuspeed", processors?.mhz)
    row.add("cpuallocated", Self.percent(Double(virtual), of: Double(processors?.count ?? 0)))
    row.add("cpuallocatedpercentage", Self.percent(Double(virtual), of: Double(processors?.count ?? 0)))
    row.add("cpuallocatedvalue", virtual * speed)
    row.add("cpuwithoverprovisioning", String(total))
    row.add("memorytotal", machine.memory)
    row.add("memorywithoverprovisioning", machine.memory.map { String($0) })
    row.add("memoryallocated", memory)
    row.add("memoryallocatedbytes", memory)
    row.add("memoryallocatedpercentage", Self.percent(Double(memory), of: Double(machine.memory ?? 0)))
    if let all = machine.memory, let free = machine.memoryAvailable { row.add("memoryused", all - min(all, free)) }
    row.add("capabilities", "hvm")
    row.add("lastpinged", CloudStackTime.text(host.toldAt))
    row.add("hahost", false)
    row.add("hasenoughcapacity", host.takesGuests)
    row.add("islocalstorageactive", host.told.pools.contains { $0.active && $0.sourceHosts == nil })
    row.add("encryptionsupported", true)
    return row
  }

  /// A part in percent, with the two digits that CloudStack writes.
  private static func percent(_ part: Double, of whole: Double) -> String {
    guard whole > 0 else { return "0%" }
    let hundredths = Int((part / whole * 10_000).rounded())
    let rest = hundredths % 100
    return rest == 0 ? "\(hundredths / 100)%" : "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)%"
  }

  // MARK: Pools

  /// The row of a pool.
  func pool(_ pool: Inventory.Pool) -> ResponseObject {
    let told = pool.told
    var row = ResponseObject()
    row.add("id", told.uuid)
    row.add("name", told.name)
    inventory.place.add(to: &row)
    row.add("ipaddress", told.sourceHosts?.first ?? pool.hosts.first?.name.text)
    row.add("path", told.sourceDirectory ?? told.path)
    row.add("type", Self.type(of: told, isShared: pool.isShared))
    row.add("state", pool.isUp ? (told.allowed ? "Up" : "Disabled") : "Maintenance")
    row.add("scope", pool.isShared ? "CLUSTER" : "HOST")
    row.add("hypervisor", Self.hypervisor)
    row.add("provider", "DefaultPrimary")
    row.add("overprovisionfactor", "1.0")
    row.add("disksizetotal", told.capacity)
    row.add("disksizeallocated", allocated(in: pool))
    row.add("disksizeused", told.allocation)
    row.add("capacitybytes", told.capacity)
    row.add("managed", false)
    row.add("istagarule", false)
    var capabilities = ResponseObject()
    capabilities.add("VOLUME_SNAPSHOT_QUIESCEVM", "false")
    row.add("storagecapabilities", capabilities)
    return row
  }

  /// The sizes that guests see of their disks in a pool, added up.
  private func allocated(in pool: Inventory.Pool) -> UInt64 {
    var sum: UInt64 = 0
    for guest in inventory.guests {
      for disk in guest.volumes where inventory.pool(of: disk, at: guest.host)?.uuid == pool.told.uuid {
        sum = sum.addingReportingOverflow(disk.capacity ?? 0).partialValue
      }
    }
    return sum
  }

  private static func type(of pool: HostInventory.Pool, isShared: Bool) -> String {
    switch pool.type {
    case "netfs": "NetworkFilesystem"
    case "dir", "fs": isShared ? "SharedMountPoint" : "Filesystem"
    case "logical": "CLVM"
    case "rbd": "RBD"
    case "gluster": "Gluster"
    case "iscsi", "iscsi-direct": "Iscsi"
    default: "Filesystem"
    }
  }

  // MARK: Guests

  /// The state of a guest, in CloudStack's word.
  func state(of guest: Inventory.Guest) -> String {
    if jobs[guest.told.uuid]?.isMoving == true { return "Migrating" }
    if guest.host.isDown { return "Unknown" }
    switch guest.told.state {
    case "running", "idle", "blocked", "paused", "pmsuspended": return "Running"
    case "in shutdown", "shutting down": return "Stopping"
    case "crashed": return "Error"
    default: return "Stopped"
    }
  }

  /// The row of a guest.
  /// - Parameter runsAt: The host that it is known to run at, where that is newer than the inventory.
  func virtualMachine(_ guest: Inventory.Guest, runsAt: Inventory.Host? = nil) -> ResponseObject {
    let told = guest.told
    let state = runsAt == nil ? state(of: guest) : "Running"
    let host = runsAt ?? guest.host
    var row = ResponseObject()
    row.add("id", told.uuid)
    row.add("name", told.name)
    row.add("displayname", told.title ?? told.name)
    row.add("instancename", told.name)
    Place.addOwner(to: &row)
    row.add("userid", Place.accountID)
    row.add("username", Place.account)
    row.add("state", state)
    row.add("haenable", false)
    inventory.place.add(to: &row, isInPod: false)
    if state != "Stopped" {
      row.add("hostid", host.id)
      row.add("hostname", host.name.text)
    }
    let template = guest.volumes.lazy.compactMap(\.template).first
    row.add("templateid", template.map { StableID.make("template", $0) })
    row.add("templatename", template)
    row.add("cpunumber", told.processors)
    row.add("cpuspeed", guest.host.told.machine.processors?.mhz)
    row.add("memory", told.memory >> 20)
    row.add("hypervisor", Self.hypervisor)
    row.add("arch", told.architecture)
    row.add("rootdeviceid", 0)
    row.add("rootdevicetype", "ROOT")
    row.add("vmtype", "User")
    let pool = guest.volumes.first.flatMap { inventory.pool(of: $0, at: guest.host) }.flatMap { inventory.pool(id: $0.uuid) }
    row.add("pooltype", pool.map { Self.type(of: $0.told, isShared: $0.isShared) })
    row.add("displayvm", true)
    row.add("passwordenabled", false)
    row.add("isdynamicallyscalable", false)
    row.add("deleteprotection", false)
    row.add("hasannotations", false)
    if let machine = told.machine {
      var details = ResponseObject()
      details.add("machine", machine)
      row.add("details", details)
    }
    row.add("nic", told.interfaces.enumerated().map { nic($0.element, number: $0.offset, of: told) })
    row.add("securitygroup", [ResponseValue]())
    row.add("affinitygroup", [ResponseValue]())
    row.add("tags", [ResponseValue]())
    if let job = jobs[told.uuid] {
      row.add("jobid", job.id.text)
      row.add("jobstatus", job.status.rawValue)
    }
    return row
  }

  private func nic(_ interface: HostInventory.Interface, number: Int, of guest: HostInventory.Guest) -> ResponseObject {
    var row = ResponseObject()
    row.add("id", StableID.make("nic", "\(guest.uuid) \(interface.mac ?? String(number))"))
    if let source = interface.source {
      row.add("networkid", StableID.make("network", "\(interface.type) \(source)"))
      row.add("networkname", source)
    }
    row.add("macaddress", interface.mac)
    row.add("isdefault", number == 0)
    row.add("type", "Shared")
    row.add("traffictype", "Guest")
    row.add("deviceid", String(number))
    return row
  }

  /// The row of what is known of a guest that no host tells.
  func unknownMachine(_ guest: GuestReference, at host: NodeName) -> ResponseObject {
    var row = ResponseObject()
    row.add("id", guest.uuid)
    row.add("name", guest.name)
    row.add("displayname", guest.name)
    row.add("instancename", guest.name)
    Place.addOwner(to: &row)
    row.add("state", "Running")
    inventory.place.add(to: &row, isInPod: false)
    row.add("hostid", inventory.host(named: host)?.id)
    row.add("hostname", host.text)
    row.add("hypervisor", Self.hypervisor)
    for list in ["nic", "securitygroup", "affinitygroup", "tags"] { row.add(list, [ResponseValue]()) }
    return row
  }

  // MARK: Volumes

  /// The row of a guest's disk.
  func volume(_ disk: HostInventory.Disk, of guest: Inventory.Guest) -> ResponseObject {
    let place = guest.volumes.firstIndex { $0.id == disk.id } ?? 0
    let pool = inventory.pool(of: disk, at: guest.host)
    var row = ResponseObject()
    row.add("id", disk.id)
    row.add("name", disk.volume ?? "\(guest.told.name)-\(disk.target)")
    inventory.place.add(to: &row)
    row.add("type", place == 0 ? "ROOT" : "DATADISK")
    row.add("deviceid", place)
    row.add("virtualmachineid", guest.told.uuid)
    row.add("vmname", guest.told.name)
    row.add("vmdisplayname", guest.told.title ?? guest.told.name)
    row.add("vmstate", state(of: guest))
    row.add("vmtype", "User")
    row.add("provisioningtype", "thin")
    row.add("size", disk.capacity)
    row.add("virtualsize", disk.capacity)
    row.add("physicalsize", disk.allocation)
    row.add("state", isMoving(disk, of: guest) ? "Migrating" : "Ready")
    Place.addOwner(to: &row)
    let shared = pool.flatMap { inventory.pool(id: $0.uuid) }
    row.add("storagetype", shared?.isShared == true ? "shared" : "local")
    row.add("storage", pool?.name)
    row.add("storageid", pool?.uuid)
    row.add("path", disk.volume)
    row.add("hypervisor", Self.hypervisor)
    row.add("templateid", disk.template.map { StableID.make("template", $0) })
    row.add("templatename", disk.template)
    row.add("templatedisplaytext", disk.template)
    row.add("destroyed", false)
    row.add("isextractable", false)
    row.add("displayvolume", true)
    row.add("quiescevm", false)
    row.add("supportsstoragesnapshot", false)
    row.add("deleteprotection", false)
    row.add("tags", [ResponseValue]())
    return row
  }

  /// Whether a disk is being copied.
  private func isMoving(_ disk: HostInventory.Disk, of guest: Inventory.Guest) -> Bool {
    guard let job = jobs[guest.told.uuid], job.isMoving else { return false }
    return job.disks.isEmpty || job.disks.contains { $0.target.text == disk.target }
  }
}
