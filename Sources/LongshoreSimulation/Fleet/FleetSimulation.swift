internal import LongshoreMessages
internal import MigrationCore

/// A fleet in which nothing fails, in simulated time: the decisions of every host are the product's (``HostMigrations``), transfers share
/// links (``FleetLinks``), and what takes time at a host takes a set time.
///
/// It tells how long large changes take, and what they cost the broker.
struct FleetSimulation {
  /// How long things take, in milliseconds: about what they take in the lab.
  private enum Cost {
    static let message: Int64 = 2
    /// An agent takes and journals one message after the other.
    static let taking: Int64 = 1
    static let inspecting: Int64 = 100
    static let checking: Int64 = 200
    static let makingStubs: Int64 = 150
    static let looking: Int64 = 30
    static let retiring: Int64 = 50
  }

  /// What happened, in figures.
  struct Figures {
    var moves = 0
    /// Migrations that have ended.
    var ended = 0
    /// When all was done, in milliseconds.
    var makespan: Int64 = 0
    /// No plan needs less: what the busiest link has to carry, stage after stage, or the largest guest alone.
    var bound = 0.0
    /// Messages between agents, replies and numbered events, and progress.
    var peerMessages = 0
    var events = 0
    var progress = 0
    /// The most messages that one agent took in a second, and the most that waited in one inbox.
    var busiestAgent = 0
    var deepestInbox = 0
    /// The most messages that the broker took in a second, progress left out.
    var busiestBroker = 0
    /// Steps of the machines.
    var steps = 0
    /// The longest time that a guest waited for its turn, in milliseconds.
    var longestWait: Int64 = 0
  }

  /// Indirect, so that it costs little to be moved about in the queue.
  private indirect enum Happening {
    case order(move: Int)
    case arrives(PeerMessage, at: Int)
    case sourceDid(SourceEvent, id: MigrationID, at: Int)
    case destinationDid(DestinationEvent, id: MigrationID, at: Int)
    case asks(PeerMessage.Body, id: MigrationID, at: Int, pause: Int64)
    case mayBeTransferred(move: Int)
    case stage
  }

  private struct Host {
    var migrations: HostMigrations
    /// When the inbox has taken all that has arrived.
    var takenUntil: Int64 = 0
    /// The second in which messages are counted, and how many there were.
    var second: Int64 = -1
    var messages = 0
    /// What has been begun, by migration.
    var begunAtSource: [MigrationID: Set<SourceEffect>] = [:]
    var begunAtDestination: [MigrationID: Set<DestinationEffect>] = [:]
  }

  private let shape: FleetShape
  private let occasion: FleetOccasion
  private let moves: [FleetMove]
  private let addresses: [HostAddress]
  private let endpoint = DestinationEndpoint(libvirtURI: "qemu+tls://there/system", migrationAddress: "there")
  private let definition: Inspection
  private var hosts: [Host]
  private var links: FleetLinks
  private var queue = TimeQueue<Happening>()
  private var now: Int64 = 0
  /// The stage that is next, and how many moves of the one before have not ended.
  private var stage = 0
  private var left = 0
  private var acceptedAt: [Int64]
  private var transferBegan: [Int64]
  /// When each transfer is looked at next, and when it ends as it goes now.
  private var looks: [Int64]
  private var ends: [Int64]
  private var brokerSecond: (second: Int64, messages: Int) = (-1, 0)
  private(set) var figures = Figures()

  /// Runs an occasion to its end.
  init(_ shape: FleetShape, _ occasion: FleetOccasion) {
    self.shape = shape
    self.occasion = occasion
    moves = occasion.stages.flatMap(\.self)
    let cluster = Self.name("fleet", NodeName.init)
    let addresses = (0..<shape.hosts).map { HostAddress(cluster: cluster, host: Self.name("h\($0)", NodeName.init)) }
    self.addresses = addresses
    hosts = addresses.map { Host(migrations: HostMigrations(here: $0, journal: "journal", limits: FleetShape.limits)) }
    links = FleetLinks(capacities: shape.capacities)
    transferBegan = Array(repeating: 0, count: moves.count)
    acceptedAt = transferBegan
    looks = transferBegan.map { _ in .max }
    ends = looks
    definition = Self.inspection
    figures.moves = moves.count
    figures.bound = Self.bound(occasion, shape)
    queue.add(.stage, at: 0)
    run()
    figures.makespan = now
  }

  private mutating func run() {
    while let (time, happening) = queue.next() {
      now = time
      switch happening {
      case .stage: beginStage()
      case .order(let move): order(move)
      case .arrives(let message, let host): arrived(message, at: host)
      case .sourceDid(let event, let id, let host):
        take(try? hosts[host].migrations.step(of: event, for: id, at: clock), at: host)
      case .destinationDid(let event, let id, let host):
        take(hosts[host].migrations.step(of: event, for: id, at: clock), at: host)
      case .asks(let body, let id, let host, let pause): ask(body, of: id, at: host, after: pause)
      case .mayBeTransferred(let move): lookAtTransfer(move)
      }
    }
  }

  private var clock: Now { Now(wall: Timestamp(milliseconds: now), bootID: "boot", bootMilliseconds: now) }

  // MARK: - Stages

  private mutating func beginStage() {
    guard stage < occasion.stages.count else { return }
    let first = occasion.stages[..<stage].reduce(0) { $0 + $1.count }
    left = occasion.stages[stage].count
    stage += 1
    // An operator's orders, a thousand a second.
    for number in 0..<left { queue.add(.order(move: first + number), at: now + Int64(number)) }
    if left == 0 { queue.add(.stage, at: now) }
  }

  private mutating func order(_ number: Int) {
    let move = moves[number]
    countAtBroker()
    countAtAgent(move.source)
    acceptedAt[number] = now
    let destination = addresses[move.destination]
    take(
      try? hosts[move.source].migrations.accept(
        RequestKey(id: Self.id(number), digest: ""),
        order: MigrateCommand(guest: definition.plan.guest.name, destination: MigrateCommand.Destination(host: destination.host)),
        guest: GuestReference(uuid: "g\(move.guest)", name: "guest"), destination: destination, deadlineSeconds: 30 * 86_400,
        patience: Patience(), at: clock), at: move.source)
    // The answer.
    figures.peerMessages += 1
    countAtBroker()
    admit(to: .source, at: move.source)
  }

  // MARK: - Steps

  private mutating func admit(to side: MigrationSide, at host: Int) {
    for step in hosts[host].migrations.admission(to: side, at: clock) { take(step, at: host) }
  }

  private mutating func take(_ step: HostStep?, at host: Int) {
    guard let step else { return }
    figures.steps += 1
    hosts[host].migrations.adopt(step)
    for message in step.messages {
      countAtBroker()
      switch message {
      case .event: figures.events += 1
      case .peer(let message): send(message)
      }
    }
    if let migration = step.source { sourceChanged(migration, startsTransfer: step.startsTransfer, at: host) }
    if let migration = step.destination { destinationChanged(migration, at: host) }
  }

  private mutating func send(_ message: PeerMessage) {
    figures.peerMessages += 1
    guard let host = message.to.flatMap({ Int($0.host.text.dropFirst()) }) else { return }
    countAtAgent(host)
    // What arrives waits for what has arrived before.
    let taken = max(now + Cost.message, hosts[host].takenUntil) + Cost.taking
    hosts[host].takenUntil = taken
    figures.deepestInbox = max(figures.deepestInbox, Int((taken - now - Cost.message) / Cost.taking))
    queue.add(.arrives(message, at: host), at: taken)
  }

  private mutating func arrived(_ message: PeerMessage, at host: Int) {
    take(
      hosts[host].migrations.step(of: message, endpoint: endpoint, at: clock) { _ throws(Never) in nil }, at: host)
    admit(to: .destination, at: host)
  }

  private mutating func sourceChanged(_ migration: SourceMigration, startsTransfer: Bool, at host: Int) {
    let id = migration.id
    guard !migration.isTerminal else {
      hosts[host].begunAtSource[id] = nil
      figures.ended += 1
      left -= 1
      if left == 0 { queue.add(.stage, at: now + (stage < occasion.stages.count ? occasion.pause : 0)) }
      return admit(to: .source, at: host)
    }
    let effects = migration.outstanding(at: clock)
    let begun = hosts[host].begunAtSource[id] ?? []
    hosts[host].begunAtSource[id] = Set(effects.map(\.key))
    for effect in effects where !begun.contains(effect.key) {
      switch effect {
      case .inspect: begin(.inspected(inspection(of: migration)), after: Cost.inspecting, of: id, at: host)
      case .ask(let body): ask(body, of: id, at: host, after: nil)
      case .observe(let step):
        begin(
          .observed(Observation(source: .inactive("shut off"), destination: .active(.running, job: .none)), step: step),
          after: Cost.looking, of: id, at: host)
      case .retireSource: begin(.sourceRetired, after: Cost.retiring, of: id, at: host)
      default: break
      }
    }
    if startsTransfer { transfer(Self.number(of: id)) }
  }

  private mutating func begin(_ event: SourceEvent, after time: Int64, of id: MigrationID, at host: Int) {
    queue.add(.sourceDid(event, id: id, at: host), at: now + time)
  }

  /// Says something until the machine moves on.
  private mutating func ask(_ body: PeerMessage.Body, of id: MigrationID, at host: Int, after last: Int64?) {
    guard let migration = hosts[host].migrations.sources[id], hosts[host].begunAtSource[id]?.contains(.ask(body)) == true else { return }
    countAtBroker()
    send(PeerMessage(migration: id, from: addresses[host], to: migration.destination, journal: "journal", body: body))
    let pause = migration.pauseBeforeAskingAgain(after: last)
    queue.add(.asks(body, id: id, at: host, pause: pause), at: now + pause)
  }

  private mutating func destinationChanged(_ migration: DestinationMigration, at host: Int) {
    let id = migration.id
    guard !migration.isTerminal else {
      hosts[host].begunAtDestination[id] = nil
      return admit(to: .destination, at: host)
    }
    let effects = migration.outstanding
    let begun = hosts[host].begunAtDestination[id] ?? []
    hosts[host].begunAtDestination[id] = Set(effects)
    for effect in effects where !begun.contains(effect) {
      let (event, time): (DestinationEvent?, Int64) =
        switch effect {
        case .check: (.checked([]), Cost.checking)
        case .makeStubs: (.stubsMade([], view: nil), Cost.makingStubs)
        case .postCheck: (.postChecked(Confirmation(console: nil), []), Cost.looking)
        case .keepFiles: (.filesKept, Cost.looking)
        default: (nil, 0)
        }
      if let event { queue.add(.destinationDid(event, id: id, at: host), at: now + time) }
    }
  }

  // MARK: - Transfers

  private mutating func transfer(_ number: Int) {
    let move = moves[number]
    transferBegan[number] = now
    figures.longestWait = max(figures.longestWait, now - acceptedAt[number])
    expect(
      links.begin(
        number, bytes: FleetShape.bytes(of: move.guest), over: shape.resources(from: move.source, to: move.destination), at: now))
  }

  private mutating func lookAtTransfer(_ number: Int) {
    guard looks[number] == now else { return }
    guard ends[number] <= now else {
      looks[number] = ends[number]
      return queue.add(.mayBeTransferred(move: number), at: ends[number])
    }
    // One a second.
    figures.progress += Int((now - transferBegan[number]) / 1000)
    expect(links.end(number, at: now))
    take(
      try? hosts[moves[number].source].migrations.step(
        of: .transferEnded(error: nil, TransferTotals(downtimeMs: 150, diskBytes: 0, memoryBytes: 0)), for: Self.id(number), at: clock),
      at: moves[number].source)
  }

  /// A transfer that ends later than expected is only found to do so when it is looked at: most ends change often.
  private mutating func expect(_ changed: [(flow: Int, end: Int64)]) {
    for (flow, end) in changed {
      ends[flow] = max(end, now)
      guard ends[flow] < looks[flow] else { continue }
      looks[flow] = ends[flow]
      queue.add(.mayBeTransferred(move: flow), at: ends[flow])
    }
  }

  // MARK: - Figures

  private mutating func countAtBroker() {
    if brokerSecond.second != now / 1000 { brokerSecond = (now / 1000, 0) }
    brokerSecond.messages += 1
    figures.busiestBroker = max(figures.busiestBroker, brokerSecond.messages)
  }

  private mutating func countAtAgent(_ host: Int) {
    if hosts[host].second != now / 1000 {
      hosts[host].second = now / 1000
      hosts[host].messages = 0
    }
    hosts[host].messages += 1
    figures.busiestAgent = max(figures.busiestAgent, hosts[host].messages)
  }

  /// What the stages need at least, in milliseconds, and the pauses between them.
  private static func bound(_ occasion: FleetOccasion, _ shape: FleetShape) -> Double {
    let capacities = shape.capacities
    let stages = occasion.stages.map { moves in
      var load = [Double](repeating: 0, count: capacities.count)
      var longest = 0.0
      for move in moves {
        let bytes = FleetShape.bytes(of: move.guest)
        let resources = shape.resources(from: move.source, to: move.destination)
        for resource in resources { load[resource] += bytes }
        longest = max(longest, bytes / (resources.map { capacities[$0] }.min() ?? .infinity))
      }
      return max(longest, zip(load, capacities).map(/).max() ?? 0) * 1000
    }
    return stages.reduce(0, +) + Double(occasion.pause) * Double(max(0, stages.count - 1))
  }

  // MARK: - Names

  private static func id(_ number: Int) -> MigrationID { name("m\(number)", MigrationID.init) }

  private static func number(of id: MigrationID) -> Int { Int(id.text.dropFirst()) ?? 0 }

  private static func name<Value>(_ text: String, _ parse: (String) -> Value?) -> Value {
    guard let value = parse(text) else { preconditionFailure("\(text) is not a \(Value.self)") }
    return value
  }

  private func inspection(of migration: SourceMigration) -> Inspection {
    var inspection = definition
    inspection.plan.guest.uuid = migration.guest.uuid
    return inspection
  }

  /// A guest with one disk and no template.
  private static var inspection: Inspection {
    let pool = name("pool", ResourceName.init)
    return Inspection(
      plan: MigrationPlan(
        guest: GuestDescription(
          uuid: "", name: name("guest", ResourceName.init), persistent: true, memoryKiB: 1, domainType: "kvm", architecture: "x86_64",
          machine: "q35", emulator: nil, cpu: nil, networks: []),
        disks: [
          PlannedDisk(
            target: name("vda", ResourceName.init), format: .qcow2, virtualSize: 1, allocation: 1, sourcePool: pool, destinationPool: pool,
            volume: name("volume", ResourceName.init), backing: nil)
        ], layers: []), checks: [], sourcePaths: [:], layerPaths: [:], definition: "<domain/>", autostart: false)
  }
}
