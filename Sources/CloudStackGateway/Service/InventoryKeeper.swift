import LongshoreClient
import LongshoreMessages

/// Asks the hosts what they are and have, at most every few seconds however many want to know.
actor InventoryKeeper {
  /// Times.
  struct Times: Sendable {
    /// How old what was told may be, in milliseconds.
    var age: Int64 = 3_000
    /// How long hosts may take to answer.
    var answer = Duration.seconds(3)
    /// A host that has not answered for this long is down, in milliseconds.
    var down: Int64 = 10_000
    /// A host that has not answered for this long is not told of any more, in milliseconds.
    var forgotten: Int64 = 86_400_000
  }

  /// The most messages that one host's guests are asked for.
  private static let mostPages = 64

  private let cluster: NodeName
  private let bus: any ClusterBus
  private let state: ClusterState
  private let times: Times
  private let now: @Sendable () -> Timestamp
  private var hosts: [NodeName: Inventory.Host] = [:]
  private var misses: [NodeName: Int] = [:]
  private var askedAt: Timestamp?
  private var latest: Inventory?
  private var asking: Asking?
  /// How often something was changed.
  private var changes = 0

  /// A question that is under way.
  private struct Asking {
    let start: Timestamp
    let changes: Int
    let answer: Task<Result<Inventory, APIError>, Never>
  }

  /// - Parameter state: Says which hosts answer.
  init(
    _ cluster: NodeName, bus: any ClusterBus, state: ClusterState, times: Times = Times(), now: @escaping @Sendable () -> Timestamp
  ) {
    self.cluster = cluster
    self.bus = bus
    self.state = state
    self.times = times
    self.now = now
  }

  /// What the hosts are and have.
  /// - Parameter time: What was told before it is too old; nil for what is told often enough.
  /// - Throws: ``APIError`` where they cannot be asked.
  func inventory(notBefore time: Timestamp? = nil) async throws(APIError) -> Inventory {
    let now = now()
    // A host's clock may be before this one.
    let oldest = max(now.adding(milliseconds: -times.age), time.flatMap { $0 <= now ? $0 : nil } ?? Timestamp(milliseconds: 0))
    if let latest, let askedAt, askedAt >= oldest { return latest }
    // What is under way may have been answered before that time, or before the change.
    if let asking, asking.start < oldest || asking.changes != changes { _ = await asking.answer.value }
    return try await (asking ?? begin()).answer.value.get()
  }

  /// Asks anew whenever somebody next wants to know: something was changed.
  func forget() {
    askedAt = nil
    changes += 1
  }

  private func begin() -> Asking {
    let (start, changes) = (now(), changes)
    let begun = Asking(start: start, changes: changes, answer: Task { await self.ask(start, changes) })
    asking = begun
    return begun
  }

  private func ask(_ start: Timestamp, _ changes: Int) async -> Result<Inventory, APIError> {
    defer { asking = nil }
    let answering = await state.model.hosts.values.filter { $0.description != nil && !$0.isSilent }.map(\.name)
    let expected = Set(hosts.filter { !$0.value.isDown }.keys).union(answering)
    do {
      // The first time nobody knows who will answer.
      let replies = try await bus.askAll(.inventory(InventoryQuestion()), within: times.answer) { replies in
        !expected.isEmpty && expected.isSubset(of: replies.map(\.from.host))
      }
      var told: [NodeName: HostInventory] = [:]
      for reply in replies {
        guard case .inventory(let inventory) = reply.body else { continue }
        told[reply.from.host] = await whole(inventory, of: reply.from.host)
      }
      take(told, at: start)
      guard !hosts.isEmpty else {
        return .failure(APIError(.serviceUnavailable, "No host of cluster \(cluster) answers", .agentUnavailable))
      }
      let inventory = Inventory(cluster, hosts: Array(hosts.values))
      latest = inventory
      if changes == self.changes { askedAt = start }
      return .success(inventory)
    } catch {
      return .failure(APIError(any: error))
    }
  }

  /// An inventory with the guests that had no room in its message.
  private func whole(_ inventory: HostInventory, of host: NodeName) async -> HostInventory {
    var all = inventory
    for _ in 0..<Self.mostPages {
      guard let next = all.next else { break }
      guard
        case .inventory(let more) = try? await bus.ask(
          .inventory(InventoryQuestion(after: next)), of: host, within: times.answer
        ).body
      else { break }
      all.guests += more.guests
      all.next = more.next
    }
    return all
  }

  private func take(_ told: [NodeName: HostInventory], at time: Timestamp) {
    for (name, inventory) in told {
      misses[name] = 0
      let id = inventory.machine.uuid ?? StableID.make("host", "\(cluster) \(name)")
      hosts[name] = Inventory.Host(name: name, id: id, told: inventory, toldAt: time, isDown: false)
    }
    for (name, host) in hosts where told[name] == nil {
      misses[name, default: 0] += 1
      let silence = time.milliseconds - host.toldAt.milliseconds
      // One answer may be late.
      if misses[name, default: 0] >= 2, silence >= times.down { hosts[name]?.isDown = true }
      if silence >= times.forgotten {
        hosts[name] = nil
        misses[name] = nil
      }
    }
  }
}
