internal import LongshoreMessages
internal import MigrationCore

/// What a simulated fleet consists of. Racks and pools have the same size however many there are.
struct FleetShape {
  /// Hosts of a rack, which share its uplink.
  static let rack = 40
  /// Hosts that share a pool: two racks.
  static let pool = 80
  /// Bytes a second of a host's link (10 Gbit/s), in each direction.
  static let hostRate = 1.25e9
  /// Bytes a second of a rack's uplink (100 Gbit/s), in each direction.
  static let rackRate = 12.5e9
  /// Bytes a second that a pool's server reads and writes, each.
  static let poolRate = 5e9
  /// The limits of a host: the agent's defaults.
  static let limits = HostMigrations.Limits(outgoing: 4, incoming: 4, pair: 3, pool: 4)

  let hosts: Int
  let guests: Int

  var racks: Int { (hosts + Self.rack - 1) / Self.rack }
  var pools: Int { (hosts + Self.pool - 1) / Self.pool }

  func rack(of host: Int) -> Int { host / Self.rack }
  func pool(of host: Int) -> Int { host / Self.pool }

  /// What carries how much: the hosts' outgoing and incoming links, the racks', what pools read and write.
  var capacities: [Double] {
    Array(repeating: Self.hostRate, count: 2 * hosts) + Array(repeating: Self.rackRate, count: 2 * racks)
      + Array(repeating: Self.poolRate, count: 2 * pools)
  }

  /// What a move from a host to another uses.
  func resources(from source: Int, to destination: Int) -> [FleetLinks.Resource] {
    var resources = [2 * source, 2 * destination + 1]
    if rack(of: source) != rack(of: destination) { resources += [2 * (hosts + rack(of: source)), 2 * (hosts + rack(of: destination)) + 1] }
    return resources + [2 * (hosts + racks + pool(of: source)), 2 * (hosts + racks + pool(of: destination)) + 1]
  }

  /// The bytes of a guest's memory and disks, always the same for its number: 3 to 74 GiB, 24 on the average.
  static func bytes(of guest: Int) -> Double {
    var numbers = Randomness(seed: UInt64(guest))
    let memory = [2, 4, 4, 8, 8, 16, 32][numbers.below(7)]
    return Double(memory + 1 + numbers.below(30) + (numbers.once(in: 10) ? 12 : 0)) * 0x1p30
  }
}

/// A guest that is to go somewhere.
struct FleetMove {
  let guest: Int
  let source: Int
  let destination: Int
}

/// What is done with a fleet: in stages, each of which begins when the one before has ended.
struct FleetOccasion {
  let name: String
  /// The moves of each stage.
  let stages: [[FleetMove]]
  /// How long the hosts need between two stages, in milliseconds.
  var pause: Int64 = 0

  /// All guests of a rack go to the other racks, those of one host to many others.
  static func rackDrained(_ shape: FleetShape, _ places: FleetPlaces) -> FleetOccasion {
    var places = places
    let rack = 0..<min(FleetShape.rack, shape.hosts / 2)
    return FleetOccasion(name: "a rack drained", stages: [places.leave(rack, to: rack.upperBound..<shape.hosts, shape)])
  }

  /// All guests on a pool go to hosts with other pools.
  static func poolEvacuated(_ shape: FleetShape, _ places: FleetPlaces) -> FleetOccasion {
    var places = places
    let pool = 0..<min(FleetShape.pool, shape.hosts / 2)
    return FleetOccasion(name: "a pool evacuated", stages: [places.leave(pool, to: pool.upperBound..<shape.hosts, shape)])
  }

  /// Every host is rebooted once, a rack of ten at a time: the guests of the first go to the nine others, those of each other one into
  /// the rack that was rebooted before it. A reboot takes five minutes.
  static func rollingReboot(_ shape: FleetShape, _ places: FleetPlaces) -> FleetOccasion {
    var places = places
    let row = min(10, shape.racks)
    func hosts(ofRack rack: Int) -> Range<Int> { rack * FleetShape.rack..<min((rack + 1) * FleetShape.rack, shape.hosts) }
    let stages = (0..<row).map { turn in
      stride(from: 0, to: shape.racks, by: row).flatMap { first -> [FleetMove] in
        let last = min(first + row, shape.racks) - 1
        guard first + turn <= last else { return [] }
        let others = turn > 0 ? hosts(ofRack: first + turn - 1) : hosts(ofRack: first).upperBound..<hosts(ofRack: last).upperBound
        return places.leave(hosts(ofRack: first + turn), to: others, shape)
      }
    }
    return FleetOccasion(name: "a rolling reboot", stages: stages, pause: 300_000)
  }
}

/// Where the guests are.
struct FleetPlaces {
  private(set) var guests: [[Int]]
  private var load: [Double]

  init(_ shape: FleetShape) {
    guests = Array(repeating: [], count: shape.hosts)
    load = Array(repeating: 0, count: shape.hosts)
    for guest in 0..<shape.guests {
      guests[guest % shape.hosts].append(guest)
      load[guest % shape.hosts] += FleetShape.bytes(of: guest)
    }
  }

  /// Moves all guests of hosts to others: the largest first, each to the least loaded of some that follow each other.
  mutating func leave(_ hosts: Range<Int>, to others: Range<Int>, _ shape: FleetShape) -> [FleetMove] {
    var moves: [FleetMove] = []
    var next = others.lowerBound
    for host in hosts {
      for guest in guests[host].sorted(by: { FleetShape.bytes(of: $0) > FleetShape.bytes(of: $1) }) {
        let candidates = (0..<min(8, others.count)).map { others.lowerBound + (next + $0 - others.lowerBound) % others.count }
        next = others.lowerBound + (next + 8 - others.lowerBound) % others.count
        guard let destination = candidates.min(by: { load[$0] < load[$1] }) else { continue }
        moves.append(FleetMove(guest: guest, source: host, destination: destination))
        guests[destination].append(guest)
        load[destination] += FleetShape.bytes(of: guest)
      }
      guests[host] = []
      load[host] = 0
    }
    return moves
  }
}
