internal import Logging

/// Says once that the broker is away, and once that it is back. The attempts between go to the debug level, unless another
/// kind of failure appears.
struct OutageLog {
  private let logger: Logger
  private var lastCode: AMQPError.Code?

  init(logger: Logger) {
    self.logger = logger
  }

  mutating func failed(_ error: AMQPError, retryIn wait: Duration) {
    logger.log(
      level: lastCode == error.code ? .debug : .warning, "no connection to the broker",
      metadata: [AMQPLoggingKeys.error: "\(error)", AMQPLoggingKeys.retryIn: "\(wait)"])
    lastCode = error.code
  }

  mutating func connected(_ address: AMQPConfiguration.Address) {
    logger.info("connected to the broker", metadata: [AMQPLoggingKeys.address: "\(address)"])
    lastCode = nil
  }
}
