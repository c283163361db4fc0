extension Session {
  /// Queues a message; it goes out when the channel is ready and no alarm is on.
  mutating func publish(_ publication: Publication, id: PublishID) {
    waiting.append((id, publication))
  }

  /// Forgets a publish whose caller no longer waits. Returns whether it was known.
  ///
  /// A message that was sent already can't be called back; its confirm will find nobody.
  mutating func abandonPublish(_ id: PublishID) -> Bool {
    if waiting.removeFirst(where: { $0.id == id }) { return true }
    guard let sequence = unconfirmed.first(where: { $0.value.id == id })?.key else { return false }
    unconfirmed[sequence] = nil
    return true
  }

  /// basic.ack or basic.nack of one message or of all up to it.
  mutating func confirmed(_ tag: UInt64, multiple: Bool, nacked: Bool) -> [SessionEffect] {
    guard tag <= lastSequence || (multiple && tag == 0) else {
      return [
        .giveUp(
          AMQPError(
            .protocolViolation, operation: "receive a confirm",
            message: "message \(tag) was confirmed, \(lastSequence) were sent", isRetriable: true))
      ]
    }
    var effects: [SessionEffect] = []
    if multiple {
      let last = tag == 0 ? lastSequence : tag
      while lowestUnconfirmed <= last {
        effects += settle(lowestUnconfirmed, nacked: nacked)
        lowestUnconfirmed += 1
      }
    } else {
      effects += settle(tag, nacked: nacked)
      while lowestUnconfirmed <= lastSequence, unconfirmed[lowestUnconfirmed] == nil { lowestUnconfirmed += 1 }
    }
    return effects
  }

  private mutating func settle(_ sequence: UInt64, nacked: Bool) -> [SessionEffect] {
    guard let entry = unconfirmed.removeValue(forKey: sequence) else { return [] }
    if nacked {
      let error = AMQPError(
        .nacked, operation: entry.publication.operation, message: "the broker did not take the message",
        isRetriable: true)
      return [.published(entry.id, error)]
    }
    return [.published(entry.id, entry.returned)]
  }

  /// basic.return: the message matched no queue. Its confirm follows.
  ///
  /// The broker names no sequence number. It returns messages in the order of their publication, so the first one that is
  /// the same is meant; of two that are the same in all that counts, it does not matter which one failed.
  mutating func returned(_ header: ReturnHeader, _ message: Message) {
    let match = unconfirmed.filter { _, entry in
      entry.returned == nil && entry.publication.mandatory && entry.publication.exchange == header.exchange
        && entry.publication.routingKey == header.routingKey && entry.publication.message.isReturned(as: message)
    }
    guard let sequence = match.keys.min(), let operation = match[sequence]?.publication.operation else { return }
    unconfirmed[sequence]?.returned = AMQPError(
      .unroutable, operation: operation, message: header.replyText, replyCode: header.replyCode)
  }
}

extension Message {
  /// Whether a returned message can be this one. Headers are left out: the broker removes and re-types some.
  fileprivate func isReturned(as other: Message) -> Bool {
    properties.messageID == other.properties.messageID && properties.correlationID == other.properties.correlationID
      && properties.type == other.properties.type && properties.replyTo == other.properties.replyTo
      && body == other.body
  }
}
