/// The exchanges, queues and bindings that a connection needs, in the order in which they are declared at every connect.
public struct Topology: Hashable, Sendable {
  /// One thing to declare.
  public enum Element: Hashable, Sendable {
    /// An exchange.
    case exchange(Exchange)
    /// A queue.
    case queue(Queue)
    /// A binding.
    case binding(Binding)
  }

  /// What is declared, in order.
  public var elements: [Element]

  /// Creates a topology from elements in any order that makes sense.
  public init(_ elements: [Element] = []) {
    self.elements = elements
  }

  /// Creates a topology that declares the exchanges first, then the queues, then the bindings.
  public init(exchanges: [Exchange] = [], queues: [Queue] = [], bindings: [Binding] = []) {
    elements = exchanges.map(Element.exchange) + queues.map(Element.queue) + bindings.map(Element.binding)
  }
}

/// An exchange to be declared.
public struct Exchange: Hashable, Sendable {
  /// How an exchange routes. Plug-ins add others.
  public struct Kind: Hashable, Sendable, RawRepresentable {
    /// The name on the wire.
    public var rawValue: String
    /// A kind by its name on the wire.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Routes to queues bound with exactly the message's key.
    public static let direct = Kind(rawValue: "direct")
    /// Routes by patterns of words.
    public static let topic = Kind(rawValue: "topic")
    /// Routes to every bound queue.
    public static let fanout = Kind(rawValue: "fanout")
    /// Routes by headers.
    public static let headers = Kind(rawValue: "headers")
  }

  /// The name.
  public var name: String
  /// How it routes.
  public var kind: Kind
  /// Whether it survives a restart of the broker.
  public var durable: Bool
  /// Whether it goes with its last binding.
  public var autoDelete: Bool
  /// Whether only other exchanges may publish to it.
  public var isInternal: Bool
  /// Further arguments, such as `alternate-exchange`.
  public var arguments: Table

  /// Creates an exchange; durable unless said otherwise.
  public init(
    _ name: String, kind: Kind, durable: Bool = true, autoDelete: Bool = false, isInternal: Bool = false,
    arguments: Table = [:]
  ) {
    self.name = name
    self.kind = kind
    self.durable = durable
    self.autoDelete = autoDelete
    self.isInternal = isInternal
    self.arguments = arguments
  }
}

/// A queue to be declared.
public struct Queue: Hashable, Sendable {
  /// How a queue keeps its messages.
  public struct Kind: Hashable, Sendable, RawRepresentable {
    /// The value of `x-queue-type`.
    public var rawValue: String
    /// A kind by its value of `x-queue-type`.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// On one node.
    public static let classic = Kind(rawValue: "classic")
    /// Replicated by Raft; always durable, never exclusive.
    public static let quorum = Kind(rawValue: "quorum")
    /// A log that can be read again; always durable.
    public static let stream = Kind(rawValue: "stream")
  }

  /// The name; empty to have the broker choose one at every connect. A binding that follows directly may leave its
  /// queue's name empty too: AMQP takes the queue declared last.
  public var name: String
  /// How it keeps its messages; the virtual host's default if absent.
  public var kind: Kind?
  /// Whether it survives a restart of the broker.
  public var durable: Bool
  /// Whether it belongs to this connection alone and goes with it.
  public var exclusive: Bool
  /// Whether it goes with its last consumer.
  public var autoDelete: Bool
  /// Whether only one of its consumers gets messages while the others stand by.
  public var singleActiveConsumer: Bool
  /// Where rejected and expired messages go.
  public var deadLetterExchange: String?
  /// Further arguments, such as `x-max-age`.
  public var arguments: Table

  /// Creates a queue; durable unless said otherwise.
  public init(
    _ name: String, kind: Kind? = nil, durable: Bool = true, exclusive: Bool = false, autoDelete: Bool = false,
    singleActiveConsumer: Bool = false, deadLetterExchange: String? = nil, arguments: Table = [:]
  ) {
    self.name = name
    self.kind = kind
    self.durable = durable
    self.exclusive = exclusive
    self.autoDelete = autoDelete
    self.singleActiveConsumer = singleActiveConsumer
    self.deadLetterExchange = deadLetterExchange
    self.arguments = arguments
  }

  /// All arguments as they go over the wire.
  var declaredArguments: Table {
    var table = arguments
    if let kind { table["x-queue-type"] = .string(kind.rawValue) }
    if singleActiveConsumer { table["x-single-active-consumer"] = .bool(true) }
    if let deadLetterExchange { table["x-dead-letter-exchange"] = .string(deadLetterExchange) }
    return table
  }
}

/// A binding to be declared: from an exchange to a queue or to another exchange.
public struct Binding: Hashable, Sendable {
  /// Where the messages go.
  public enum Destination: Hashable, Sendable {
    /// To the queue of this name.
    case queue(String)
    /// To the exchange of this name.
    case exchange(String)
  }

  /// Where the messages go.
  public var destination: Destination
  /// The exchange that they come from.
  public var source: String
  /// The key or pattern.
  public var routingKey: String
  /// Further arguments, such as those of a headers exchange.
  public var arguments: Table

  /// Creates a binding.
  public init(_ destination: Destination, to source: String, routingKey: String = "", arguments: Table = [:]) {
    self.destination = destination
    self.source = source
    self.routingKey = routingKey
    self.arguments = arguments
  }
}

extension Topology {
  /// Refuses names and tables that AMQP can't carry.
  func validate() throws(AMQPError) {
    for element in elements {
      let operation: String
      let texts: [String]
      let arguments: Table
      switch element {
      case .exchange(let exchange):
        operation = Operation.declareExchange(exchange).description
        texts = [exchange.name, exchange.kind.rawValue]
        arguments = exchange.arguments
      case .queue(let queue):
        operation = Operation.declareQueue(queue).description
        texts = [queue.name]
        arguments = queue.declaredArguments
      case .binding(let binding):
        operation = Operation.bind(binding).description
        switch binding.destination {
        case .queue(let name), .exchange(let name): texts = [name, binding.source, binding.routingKey]
        }
        arguments = binding.arguments
      }
      for text in texts { try ShortString.check(text, "name '\(text.prefix(40))…'", operation: operation) }
      try arguments.validate(operation: operation)
    }
  }
}
