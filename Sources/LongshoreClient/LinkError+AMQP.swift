import AMQP
import LongshoreMessages

extension LinkError {
  /// The error that an AMQP error is to orchestrators.
  init(_ error: AMQPError, while operation: String, time: Duration = .zero) {
    switch error.code {
    case .accessRefused: self.init(.notPermitted, error.message, while: operation)
    case _ where error.replyCode == 403: self.init(.notPermitted, "\(error.operation): \(error.message)", while: operation)
    case _ where error.replyCode == 404:
      self.init(
        .topologyMissing, "no agent has prepared this broker yet (\(error.operation): \(error.message))", while: operation)
    case .timedOut:
      self.init(.noAnswer, "no answer within \(Quantity.seconds(Double(time.components.seconds)))", while: operation)
    case .invalidConfiguration, .invalidArgument: self.init(.invalidSettings, error.message, while: operation)
    default: self.init(.unreachable, "\(error.operation): \(error.message)", while: operation)
    }
  }
}
