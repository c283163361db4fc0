package import AMQP
import Logging
import LongshoreMessages

extension LinkSettings {
  /// Whether nobody on the network can read what is said to the broker: over TLS, or to this machine itself.
  public var isProtected: Bool {
    guard let configuration = try? AMQPConfiguration(url: broker) else { return false }
    return configuration.tls != nil
      || configuration.addresses.allSatisfy { $0.host == "localhost" || $0.host == "::1" || $0.host.hasPrefix("127.") }
  }

  /// The connection's configuration.
  package func configuration() throws(LinkError) -> AMQPConfiguration {
    var configuration: AMQPConfiguration
    do throws(AMQPError) {
      configuration = try AMQPConfiguration(url: broker)
    } catch {
      throw LinkError(.invalidSettings, "the broker's URL is wrong: \(error.message)", while: "reading the settings")
    }
    if let password { configuration.password = password }
    if caFile != nil || certificateFile != nil {
      guard var tls = configuration.tls else {
        throw LinkError(
          .invalidSettings, "certificates need a broker URL that begins with amqps://", while: "reading the settings")
      }
      tls.caFile = caFile ?? tls.caFile
      tls.certificateFile = certificateFile ?? tls.certificateFile
      tls.keyFile = keyFile ?? tls.keyFile
      configuration.tls = tls
    }
    configuration.connectionName = configuration.connectionName ?? "longshore \(LongshoreVersion.current)"
    // A command has nothing in flight that is worth waiting for when it ends.
    configuration.shutdownTimeout = .zero
    return configuration
  }

  /// Refuses settings with which no connection can be made, whatever the broker does.
  package func validate() throws(LinkError) {
    let configuration = try configuration()
    do throws(AMQPError) {
      _ = try AMQPConnection(configuration: configuration, logger: logger)
    } catch {
      throw LinkError(error, while: "reading the settings")
    }
  }

  /// The connection's log: none, or all of it on the standard error stream.
  var logger: Logger {
    guard isVerbose else { return Logger(label: "longshore") { _ in SwiftLogNoOpLogHandler() } }
    var logger = Logger(label: "longshore") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .debug
    return logger
  }

  /// The log of what somebody should look at, on the standard error stream.
  var warnings: Logger {
    var logger = Logger(label: "longshore") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .warning
    return logger
  }
}
