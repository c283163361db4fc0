import AMQP
import Foundation
import Logging
import LongshoreTestKit
import Testing

/// The broker of the tests, as the environment names it.
enum TestBroker {
  static let url = ProcessInfo.processInfo.environment["LONGSHORE_TEST_BROKER"]
  static let tlsURL = ProcessInfo.processInfo.environment["LONGSHORE_TEST_BROKER_TLS"]
  static let rabbitmqctl = ProcessInfo.processInfo.environment["LONGSHORE_TEST_RABBITMQCTL"]

  static let missing: Comment = "LONGSHORE_TEST_BROKER names no broker (an amqp:// URL)"
  static let missingTLS: Comment = "LONGSHORE_TEST_BROKER_TLS names no broker (an amqps:// URL with cacertfile)"
  static let missingControl: Comment = "LONGSHORE_TEST_RABBITMQCTL names no command that controls the broker"

  /// A short heartbeat for what is seen by heartbeats: so long all the same that a busy machine gives each side its turn within two.
  static let heartbeat = Duration.seconds(3)

  /// A configuration for the broker with short waits.
  static func configuration() throws -> AMQPConfiguration {
    var configuration = try AMQPConfiguration(url: #require(url))
    configuration.backOff = BackOff(minimum: .milliseconds(20), maximum: .milliseconds(100))
    configuration.connectionName = "longshore-tests"
    configuration.shutdownTimeout = .seconds(5)
    return configuration
  }

  /// A name that no other test has.
  static func name(_ purpose: String) -> String {
    "longshore-test.\(purpose).\(String(UInt64.random(in: .min ... .max), radix: 36))"
  }

  static var logger: Logger {
    var logger = Logger(label: "longshore.tests")
    logger.logLevel = .critical
    return logger
  }
}

/// Runs a connection while the body runs, and shuts it down gracefully afterwards.
func withConnection<Result: Sendable>(
  _ configuration: AMQPConfiguration? = nil, topology: Topology = Topology(), logger: Logger = TestBroker.logger,
  _ body: (AMQPConnection) async throws -> Result
) async throws -> Result {
  let connection = try AMQPConnection(
    configuration: configuration ?? TestBroker.configuration(), topology: topology, logger: logger)
  async let running: Void = connection.run()
  let result: Result
  do {
    result = try await body(connection)
  } catch {
    connection.beginShutdown()
    try? await running
    throw error
  }
  connection.beginShutdown()
  try await running
  return result
}

/// Runs the body with a queue of its own on a connected connection, and deletes the queue afterwards.
func withQueue<Result: Sendable>(
  _ queue: Queue = Queue(TestBroker.name("queue")), configuration: AMQPConfiguration? = nil,
  elements: [Topology.Element] = [], _ body: (AMQPConnection, String) async throws -> Result
) async throws -> Result {
  try await withConnection(configuration, topology: Topology([.queue(queue)] + elements)) { connection in
    try await connection.waitUntilConnected()
    let outcome: Swift.Result<Result, any Error>
    do {
      outcome = .success(try await body(connection, queue.name))
    } catch {
      outcome = .failure(error)
    }
    try await connection.waitUntilConnected()
    try await connection.deleteQueue(queue.name)
    return try outcome.get()
  }
}

extension AsyncSequence {
  /// The next element, which must be there.
  func first() async throws -> Element {
    for try await element in self { return element }
    throw EndedEarly()
  }

  /// The first element that matches.
  func first(matching matches: (Element) -> Bool) async throws -> Element {
    for try await element in self where matches(element) { return element }
    throw EndedEarly()
  }
}

struct EndedEarly: Error {}

/// The error that an operation throws, if it is of this library.
func amqpError(_ operation: () async throws -> Void) async -> AMQPError? {
  do {
    try await operation()
    return nil
  } catch {
    return error as? AMQPError
  }
}

extension Relay {
  /// Where the relay listens.
  var address: AMQPConfiguration.Address { AMQPConfiguration.Address(host: host, port: port) }
}

/// Runs the body with a relay in front of the tests' broker and a configuration that goes through it.
func withRelay<Result: Sendable>(
  _ body: (Relay, AMQPConfiguration) async throws -> Result
) async throws -> Result {
  var configuration = try TestBroker.configuration()
  let relay = try Relay(to: configuration.addresses[0].host, port: configuration.addresses[0].port)
  defer { relay.stop() }
  configuration.addresses = [relay.address]
  return try await body(relay, configuration)
}
