/// A method that the broker answers. AMQP allows one at a time on a channel.
enum Operation: Equatable {
  case openChannel
  case selectConfirms
  case declareExchange(Exchange)
  case declareQueue(Queue)
  case inspectQueue(String)
  case bind(Binding)
  case setPrefetch(UInt16)
  case consume(queue: String, tag: String, noAck: Bool, exclusive: Bool, arguments: Table)
  case cancel(tag: String)
  case deleteQueue(String)
  case deleteExchange(String)
}

extension Operation: CustomStringConvertible {
  var description: String {
    switch self {
    case .openChannel: "open the channel"
    case .selectConfirms: "turn on publisher confirms"
    case .declareExchange(let exchange): "declare exchange '\(exchange.name)'"
    case .declareQueue(let queue): queue.name.isEmpty ? "declare a queue" : "declare queue '\(queue.name)'"
    case .inspectQueue(let name): "inspect queue '\(name)'"
    case .bind(let binding):
      switch binding.destination {
      case .queue(let name): "bind queue '\(name)' to exchange '\(binding.source)'"
      case .exchange(let name): "bind exchange '\(name)' to exchange '\(binding.source)'"
      }
    case .setPrefetch(let count): "set the prefetch to \(count)"
    case .consume(let queue, _, _, _, _): "consume from queue '\(queue)'"
    case .cancel(let tag): "cancel consumer '\(tag)'"
    case .deleteQueue(let name): "delete queue '\(name)'"
    case .deleteExchange(let name): "delete exchange '\(name)'"
    }
  }
}

extension Operation {
  /// The method that a channel.close names when it is this operation that the broker refuses.
  var methodID: MethodID {
    switch self {
    case .openChannel: MethodID(classID: 20, methodID: 10)
    case .selectConfirms: MethodID(classID: 85, methodID: 10)
    case .declareExchange: MethodID(classID: 40, methodID: 10)
    case .deleteExchange: MethodID(classID: 40, methodID: 20)
    case .declareQueue, .inspectQueue: MethodID(classID: 50, methodID: 10)
    case .deleteQueue: MethodID(classID: 50, methodID: 40)
    case .bind(let binding):
      switch binding.destination {
      case .queue: MethodID(classID: 50, methodID: 20)
      case .exchange: MethodID(classID: 40, methodID: 30)
      }
    case .setPrefetch: MethodID(classID: 60, methodID: 10)
    case .consume: .basicConsume
    case .cancel: MethodID(classID: 60, methodID: 30)
    }
  }

  /// Whether a method is the broker's answer to this operation.
  func isAnswered(by method: InboundMethod) -> Bool {
    switch (self, method) {
    case (.openChannel, .openChannelOK), (.selectConfirms, .selectConfirmsOK),
      (.declareExchange, .declareExchangeOK), (.declareQueue, .declareQueueOK), (.inspectQueue, .declareQueueOK),
      (.setPrefetch, .setPrefetchOK), (.consume, .consumeOK), (.cancel, .cancelOK),
      (.deleteQueue, .deleteQueueOK), (.deleteExchange, .deleteExchangeOK):
      true
    case (.bind(let binding), .bindQueueOK):
      if case .queue = binding.destination { true } else { false }
    case (.bind(let binding), .bindExchangeOK):
      if case .exchange = binding.destination { true } else { false }
    default: false
    }
  }
}
