import LongshoreClient
import LongshoreMessages

extension CommandRunner {
  /// The ids that a list is asked for: those of `id` and `ids`.
  private func ids(_ arguments: Arguments) -> Set<String>? {
    var ids = arguments.list("ids") ?? []
    if let id = arguments.text("id") { ids.insert(id.lowercased()) }
    return ids.isEmpty ? nil : ids
  }

  /// The host that a parameter names; nil where it is not given.
  private func host(_ name: String, _ arguments: Arguments, _ inventory: Inventory) throws(APIError) -> Inventory.Host? {
    guard let id = arguments.text(name) else { return nil }
    guard let host = inventory.host(id: id) else { throw arguments.invalid(name) }
    return host
  }

  /// The pool that a parameter names; nil where it is not given.
  private func pool(_ name: String, _ arguments: Arguments, _ inventory: Inventory) throws(APIError) -> Inventory.Pool? {
    guard let id = arguments.text(name) else { return nil }
    guard let pool = inventory.pool(id: id) else { throw arguments.invalid(name) }
    return pool
  }

  private func isKVM(_ arguments: Arguments) -> Bool {
    ["kvm", "any"].contains(arguments.text("hypervisor")?.lowercased() ?? "kvm")
  }

  func hosts(_ call: Call, _ rows: Rows) throws(APIError) -> Answer {
    let arguments = call.arguments
    let inventory = rows.inventory
    try inventory.place.holds(arguments)
    let one = try host("id", arguments, inventory)
    var notAt: NodeName?
    if let id = arguments.text("virtualmachineid") {
      guard let guest = inventory.guest(id: id), call.key.covers(guest.reference) else { throw arguments.invalid("virtualmachineid") }
      notAt = guest.host.name
    }
    let isRouting = (arguments.text("type")?.lowercased() ?? "routing") == "routing"
    let chosen = inventory.hosts.filter { host in
      guard isRouting, isKVM(arguments), one == nil || one?.name == host.name, host.name != notAt else { return false }
      if notAt != nil, !host.takesGuests { return false }
      if let name = arguments.text("name"), name != host.name.text { return false }
      if let state = arguments.text("state"), state.lowercased() != (host.isDown ? "down" : "up") { return false }
      let resource = host.told.machine.maintenance.isOn ? "maintenance" : "enabled"
      if let wanted = arguments.text("resourcestate"), wanted.lowercased() != resource { return false }
      return Self.has(arguments.text("keyword"), host.name.text)
    }
    return try arguments.answer(chosen.map(rows.host))
  }

  func machines(_ call: Call, _ rows: Rows) throws(APIError) -> Answer {
    let arguments = call.arguments
    let inventory = rows.inventory
    try inventory.place.holds(arguments)
    let ids = ids(arguments)
    let host = try host("hostid", arguments, inventory)
    let pool = try pool("storageid", arguments, inventory)
    let visible = inventory.guests.filter { call.key.covers($0.reference) }
    if let id = arguments.text("id"), !visible.contains(where: { $0.told.uuid == id.lowercased() }) { throw arguments.invalid("id") }
    let chosen = visible.filter { guest in
      guard isKVM(arguments), ids?.contains(guest.told.uuid) ?? true else { return false }
      if let host, guest.host.name != host.name { return false }
      if let pool, !guest.volumes.contains(where: { inventory.pool(of: $0, at: guest.host)?.uuid == pool.told.uuid }) { return false }
      if let state = arguments.text("state"), state.lowercased() != "present", state.lowercased() != rows.state(of: guest).lowercased() {
        return false
      }
      return Self.has(arguments.text("name"), guest.told.name) && Self.has(arguments.text("keyword"), guest.told.name, guest.told.title)
    }
    return try arguments.answer(chosen.map { rows.virtualMachine($0) })
  }

  func volumes(_ call: Call, _ rows: Rows) throws(APIError) -> Answer {
    let arguments = call.arguments
    let inventory = rows.inventory
    try inventory.place.holds(arguments)
    let ids = ids(arguments)
    let host = try host("hostid", arguments, inventory)
    let pool = try pool("storageid", arguments, inventory)
    let visible = inventory.guests.filter { call.key.covers($0.reference) }
    if let id = arguments.text("virtualmachineid"), !visible.contains(where: { $0.told.uuid == id.lowercased() }) {
      throw arguments.invalid("virtualmachineid")
    }
    if let id = arguments.text("id"), !visible.contains(where: { $0.volumes.contains { $0.id == id.lowercased() } }) {
      throw arguments.invalid("id")
    }
    var chosen: [ResponseObject] = []
    for guest in visible {
      if let host, guest.host.name != host.name { continue }
      if let id = arguments.text("virtualmachineid"), guest.told.uuid != id.lowercased() { continue }
      for disk in guest.volumes where ids?.contains(disk.id) ?? true {
        if let pool, inventory.pool(of: disk, at: guest.host)?.uuid != pool.told.uuid { continue }
        let row = rows.volume(disk, of: guest)
        if let type = arguments.text("type"), row["type"] != .text(type.uppercased()) { continue }
        if let state = arguments.text("state"), case .text(let value) = row["state"], value.lowercased() != state.lowercased() { continue }
        guard case .text(let name) = row["name"], arguments.text("name") ?? name == name, Self.has(arguments.text("keyword"), name) else {
          continue
        }
        chosen.append(row)
      }
    }
    return try arguments.answer(chosen)
  }

  func pools(_ call: Call, _ rows: Rows) throws(APIError) -> Answer {
    let arguments = call.arguments
    let inventory = rows.inventory
    try inventory.place.holds(arguments)
    let one = try pool("id", arguments, inventory)
    let host = try host("hostid", arguments, inventory)
    let chosen = inventory.pools.filter { pool in
      guard one == nil || one?.told.uuid == pool.told.uuid else { return false }
      if let host, !pool.hosts.contains(where: { $0.name == host.name }) { return false }
      return arguments.text("name") ?? pool.told.name == pool.told.name && Self.has(arguments.text("keyword"), pool.told.name)
    }.map(rows.pool).filter { row in
      for (parameter, field) in [("scope", "scope"), ("status", "state"), ("path", "path"), ("ipaddress", "ipaddress")] {
        guard let wanted = arguments.text(parameter) else { continue }
        guard case .text(let value) = row[field], value.lowercased() == wanted.lowercased() else { return false }
      }
      return true
    }
    return try arguments.answer(chosen)
  }
}
