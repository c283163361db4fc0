internal import LongshoreMessages
internal import MigrationCore

/// The names of everything in a simulated world. They are short, so that they need no memory of their own.
enum Catalogue {
  static let cluster = parsed("lab", NodeName.init)
  static let hosts = ["alpha", "beta", "gamma"].map { HostAddress(cluster: cluster, host: parsed($0, NodeName.init)) }
  static let endpoints = hosts.map {
    DestinationEndpoint(libvirtURI: "to:\($0.host)", migrationAddress: "at:\($0.host)", tlsName: nil)
  }
  static let guests = ["web", "db", "mail", "wiki", "git", "log"].enumerated().map { number, name in
    GuestReference(uuid: "uuid-\(number)", name: name)
  }
  static let guestNames = guests.map { parsed($0.name, ResourceName.init) }
  /// Those of the migrations that somebody orders, then those of drains.
  static let ids = (0..<firstMove).map { parsed("m\($0)", MigrationID.init) } + moves
  static let drains = (0..<3).map { parsed("d\($0)", MigrationID.init) }
  static let targets = ["vda", "vdb"].map { parsed($0, ResourceName.init) }
  static let ownPool = parsed("own", ResourceName.init)
  static let sharedPool = parsed("shared", ResourceName.init)
  static let volumes = guests.flatMap { [parsed("\($0.name)-0", ResourceName.init), parsed("\($0.name)-1", ResourceName.init)] }
  static let template = parsed("template", ResourceName.init)
  static let confirmation = Confirmation(console: nil)
  static let passed = Check(.domainExists, on: hosts[0].host, .passed, "passed")

  /// The number of a host; nil for none of this world.
  static func number(of host: HostAddress) -> Int? { hosts.firstIndex { $0.host == host.host } }

  /// The number of a guest, by its UUID.
  static func guest(_ uuid: String) -> Int { guests.firstIndex { $0.uuid == uuid } ?? 0 }

  /// The number of a migration, which its id says.
  static func number(of id: MigrationID) -> Int { Int(id.text.dropFirst()) ?? moveNumbers[id] ?? 0 }

  /// The guest of a migration that a drain orders.
  static func guest(ofMove id: MigrationID) -> Int {
    moveNumbers[id].map { ($0 - firstMove) / tries / Drain.roundLimit % guests.count } ?? 0
  }

  private static let firstMove = 200
  /// How often a drain can try to move a guest in a round: once to each other host.
  private static let tries = World.hostCount - 1
  private static let moves = drains.flatMap { drain in
    guests.flatMap { guest in
      (1...Drain.roundLimit).flatMap { round in
        (1...tries).map { DrainMove.id(drain, guest: guest.uuid, round: round, attempt: $0) }
      }
    }
  }
  private static let moveNumbers = Dictionary(
    moves.enumerated().map { ($1, firstMove + $0) }, uniquingKeysWith: { first, _ in first })

  /// What the source reads of a guest, by all that it depends on.
  static func inspection(of guest: Int, in setup: Setup, from sourcePool: Int, to destinationPool: ResourceName) -> Inspection {
    let source = sourcePool == World.sharedPool ? Self.sharedPool : ownPool
    let disks = (0..<setup.disks).map { disk in
      PlannedDisk(
        target: targets[disk], format: .qcow2, virtualSize: 1, allocation: 1, sourcePool: source, destinationPool: destinationPool,
        volume: volumes[World.volume(of: guest, disk, in: setup)], backing: setup.isLinked && disk == 0 ? 0 : nil)
    }
    let layers =
      setup.isLinked
      ? [
        TemplateLayer(
          id: 0, pool: destinationPool, volume: template, format: .qcow2, fileSize: 1, virtualSize: 1, backing: nil)
      ] : []
    let description = GuestDescription(
      uuid: guests[guest].uuid, name: guestNames[guest], persistent: setup.isPersistent, memoryKiB: 1, domainType: "kvm",
      architecture: "x86_64", machine: "q35", emulator: nil, cpu: nil, networks: [])
    return Inspection(
      plan: MigrationPlan(
        guest: description, disks: disks, layers: layers, verify: setup.verifies ? true : nil, arrivesPaused: setup.isFenced ? true : nil),
      checks: [],
      sourcePaths: [:], layerPaths: [:],
      definition: setup.isPersistent ? "<domain/>" : nil, autostart: setup.autostart)
  }

  /// What a view is begun with: nothing of it matters but that it is there.
  static let view = PreparedView(socket: "nbd", scratch: [])

  static func refused(_ code: Reason.Code, on host: Int) -> Check { Check(code, on: hosts[host].host, .refused, "refused") }

  private static func parsed<Value>(_ text: String, _ parse: (String) -> Value?) -> Value {
    guard let value = parse(text) else { preconditionFailure("\(text) is not a \(Value.self)") }
    return value
  }
}
