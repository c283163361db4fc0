public import LongshoreMessages
public import MigrationCore

extension JournalStep {
  /// What a step of a host's migrations is in the journal: its messages go through the outbox.
  public init(_ step: HostStep, of host: HostAddress) {
    self.init(
      request: step.request, source: step.source, destination: step.destination, sourceEvent: step.sourceEvent,
      destinationEvent: step.destinationEvent, at: step.at)
    for message in step.messages {
      switch message {
      case .event(let event):
        events.append(event)
        outbox.append(.event(event, host: host))
      case .peer(let message): outbox.append(.peer(message))
      }
    }
  }
}

extension OutboxMessage {
  /// A numbered event.
  public static func event<Content>(_ event: NumberedEvent<Content>, host: HostAddress) -> OutboxMessage {
    OutboxMessage(
      exchange: Wire.events, routingKey: event.routingKey(host: host), body: MessageCoding.encode(event),
      contentType: Wire.eventContentType, messageID: event.id, correlationID: event.subject.text, type: event.type,
      headers: event.trace?.fields ?? [:])
  }

  /// A message to another agent.
  public static func peer(_ message: PeerMessage) -> OutboxMessage {
    let body = MessageCoding.encode(message)
    return OutboxMessage(
      exchange: Wire.peers, routingKey: (message.to?.routingKey ?? message.from.cluster.text), body: body,
      contentType: Wire.jsonContentType,
      messageID: "\(message.migration)/\(message.body.typeName)", correlationID: message.migration.text,
      type: message.body.typeName, headers: message.trace?.fields ?? [:], mandatory: true)
  }
}
