import LongshoreMessages

/// What a host has, and its settings, for people.
enum InventoryText {
  /// A host with its pools and guests.
  static func host(_ inventory: HostInventory, of host: NodeName, zone: TimeZoneOffset, style: Style) -> [String] {
    let machine = inventory.machine
    var lines = [style.bold(host.text) + (machine.maintenance.isOn ? "  " + style.yellow("in maintenance") : "")]
    lines.append("  uuid      \((machine.uuid ?? "unknown").printable)")
    let hypervisor = [machine.hypervisor, machine.hypervisorVersion].compactMap(\.self).joined(separator: " ")
    let libvirt = machine.libvirtVersion.map { "libvirt \($0), \(hypervisor)" } ?? "libvirt is away"
    lines.append("  versions  longshored \(machine.agentVersion), \(libvirt)".printable)
    if let processors = machine.processors {
      let speed = processors.mhz.map { ", \($0) MHz" } ?? ""
      let sockets = Quantity.count(processors.sockets, "socket")
      lines.append("  CPUs      \(processors.count) in \(sockets), \(processors.architecture)\(speed)".printable)
    }
    if let memory = machine.memory {
      lines.append("  memory    \(Quantity.bytes(memory))" + (machine.memoryAvailable.map { ", \(Quantity.bytes($0)) available" } ?? ""))
    }
    lines.append("  moving    \(Quantity.count(machine.migrations, "migration"))")
    lines += settings(inventory.settings, zone: zone).map { "  \($0)" }
    if !inventory.pools.isEmpty { lines += [""] + pools(inventory.pools, style: style) }
    if !inventory.guests.isEmpty { lines += [""] + guests(inventory.guests, style: style) }
    return lines
  }

  /// Pools, one a row.
  private static func pools(_ pools: [HostInventory.Pool], style: Style) -> [String] {
    var table = TextTable("POOL", "TYPE", "STATE", "FREE", "SIZE", "PATH", "SOURCE")
    for pool in pools {
      let source = ((pool.sourceHosts ?? []).joined(separator: ",") + (pool.sourceDirectory.map { ":\($0)" } ?? ""))
      table.add(
        pool.name, pool.type, (pool.active ? "active" : "inactive") + (pool.allowed ? "" : ", not allowed"),
        pool.active ? Quantity.bytes(pool.available) : "", pool.active ? Quantity.bytes(pool.capacity) : "", pool.path ?? "", source)
    }
    return table.lines(style: style)
  }

  /// Guests, one a row, with their disks and interfaces below.
  private static func guests(_ guests: [HostInventory.Guest], style: Style) -> [String] {
    var table = TextTable("GUEST", "STATE", "CPUS", "MEMORY", "MIGRATION", "UUID")
    var details: [[String]] = []
    for guest in guests {
      let migration = guest.migration.map { "\($0.incoming ? "in" : "out"), \($0.id)" } ?? ""
      table.add(
        guest.name, guest.state + (guest.persistent ? "" : ", transient"), String(guest.processors), Quantity.bytes(guest.memory),
        migration,
        guest.uuid)
      details.append(guest.disks.map(disk) + guest.interfaces.map(interface))
    }
    return table.lines(style: style, details: details)
  }

  private static func disk(_ disk: HostInventory.Disk) -> String {
    let place: String =
      if let pool = disk.pool, let volume = disk.volume { "\(pool)/\(volume)" } else { disk.source ?? "empty" }
    let size = disk.capacity.map { ", \(Quantity.bytes($0))" + (disk.allocation.map { " (\(Quantity.bytes($0)) taken)" } ?? "") } ?? ""
    return "\(disk.target)  \(disk.device == "disk" ? "" : "\(disk.device) ")\(place)\(size)"
      + (disk.format.map { ", \($0)" } ?? "") + (disk.template.map { ", clone of \($0)" } ?? "") + (disk.readOnly ? ", read-only" : "")
  }

  private static func interface(_ interface: HostInventory.Interface) -> String {
    "\(interface.mac ?? "no address")  \(interface.type)" + (interface.source.map { " \($0)" } ?? "")
      + (interface.model.map { ", \($0)" } ?? "")
  }

  /// Settings, a line each.
  static func settings(_ settings: HostSettings, zone: TimeZoneOffset) -> [String] {
    let deadline = settings.deadlineSeconds
    let origin =
      switch (deadline.origin, deadline.since) {
      case (.configuration, _): "by the host's configuration"
      case (.request, let since?): "by a request of \(zone.dateAndTime(of: since))"
      case (.request, nil): "by a request"
      }
    return ["deadline  \(Quantity.seconds(Double(deadline.value))), \(origin)"]
  }

  /// What was changed, a line each.
  static func changes(_ changes: [HostSettingChange]) -> [String] {
    if changes.isEmpty { return ["nothing: it was so before"] }
    return changes.map { change in
      switch change.setting {
      case .deadlineSeconds: "deadline  \(Quantity.seconds(Double(change.from))) -> \(Quantity.seconds(Double(change.to)))"
      }
    }
  }
}
