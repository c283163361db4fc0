internal import AMQP
internal import ArgumentParser
internal import Dispatch
internal import Glibc
internal import Logging
internal import LongshoreAgent
internal import LongshoreMessages
internal import Synchronization

/// The connections of many agents in one process: two each, with what agents declare and consume.
struct FleetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fleet", abstract: "Keeps the connections of many agents, and tells when all of them are there.",
    discussion: """
      Prints `connected SECONDS` whenever all connections are there, with the time since the first of them was not, and `lost` \
      when the first goes. A line on standard input makes every agent send a message to the next one; `passed SECONDS` tells when \
      all have arrived. Ends with standard input, and deletes the queues.
      """)

  @Option(help: "The broker, as amqp:// URL.") var broker: String
  @Option(help: "How many agents.") var agents = 1000

  func run() async throws {
    let logger = Logger(label: "longshore-bench") { _ in SwiftLogNoOpLogHandler() }
    let members = try (0..<agents).map { try Member(number: $0, broker: broker, logger: logger) }
    let count = Count(expected: members.count * 2)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for member in members {
        for connection in [member.consuming, member.publishing] {
          group.addTask { try await connection.run() }
          group.addTask { for await state in connection.states { count.note(ObjectIdentifier(connection), isThere: state.isConnected) } }
        }
      }
      let arrivals = Arrivals()
      for member in members {
        let consumer = member.consuming.consume(member.host.inbox, prefetch: 64)
        group.addTask {
          for await delivery in consumer {
            try? await delivery.ack()
            await arrivals.arrived()
          }
        }
      }
      while await nextLine() != nil {
        let time = try await seconds {
          await arrivals.expect(members.count)
          try await withThrowingTaskGroup(of: Void.self) { sending in
            for (number, member) in members.enumerated() {
              let next = members[(number + 1) % members.count]
              sending.addTask {
                try await member.publishing.publish(Message("to \(next.host)"), to: Wire.peers, routingKey: next.host.routingKey)
              }
            }
            try await sending.waitForAll()
          }
          await arrivals.wait()
        }
        say("passed \(time)")
      }
      try await withThrowingTaskGroup(of: Void.self) { deleting in
        for member in members { deleting.addTask { try await member.publishing.deleteQueue(member.host.inbox) } }
        try await deleting.waitForAll()
      }
      group.cancelAll()
    }
  }

  /// A line of standard input, read where a thread may wait.
  private func nextLine() async -> String? {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: readLine()) }
    }
  }
}

/// Prints a line at once, also into a pipe, while standard input is being read.
private func say(_ line: String) {
  let bytes = Array("\(line)\n".utf8)
  _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}

/// The connections of one agent.
private struct Member: Sendable {
  let host: HostAddress
  let consuming: AMQPConnection
  let publishing: AMQPConnection

  init(number: Int, broker: String, logger: Logger) throws {
    guard let cluster = NodeName("fleet"), let name = NodeName("host-\(number)") else { throw ValidationError("no such host") }
    host = HostAddress(cluster: cluster, host: name)
    let topology = AgentTopology.topology(of: host)
    let configuration = try AMQPConfiguration(url: broker)
    consuming = try AMQPConnection(configuration: configuration, topology: topology, logger: logger)
    publishing = try AMQPConnection(configuration: configuration, topology: topology, logger: logger)
  }
}

/// Counts the connections that are there.
private final class Count: Sendable {
  private struct State {
    var there: Set<ObjectIdentifier> = []
    /// When the first of those that are not there went, or the beginning.
    var since = ContinuousClock.now
  }

  private let expected: Int
  private let state = Mutex(State())

  init(expected: Int) { self.expected = expected }

  func note(_ connection: ObjectIdentifier, isThere: Bool) {
    state.withLock { state in
      let hadAll = state.there.count == expected
      if isThere {
        guard state.there.insert(connection).inserted, state.there.count == expected else { return }
        say("connected \((ContinuousClock.now - state.since) / .seconds(1))")
      } else {
        guard state.there.remove(connection) != nil, hadAll else { return }
        state.since = .now
        say("lost")
      }
    }
  }
}

/// Counts the messages that arrive.
private actor Arrivals {
  private var missing = 0
  private var waiter: CheckedContinuation<Void, Never>?

  func expect(_ count: Int) { missing = count }

  func arrived() {
    missing -= 1
    guard missing == 0 else { return }
    waiter?.resume()
    waiter = nil
  }

  func wait() async {
    guard missing > 0 else { return }
    await withCheckedContinuation { waiter = $0 }
  }
}
