import AMQP
import LongshoreMessages

extension AMQPOrchestratorLink {
  /// How long to wait for the next letter: those that another reader holds do not come.
  private static let letterPatience = Duration.seconds(2)

  public func countDeadLetters() async throws(LinkError) -> Int {
    let operation = "asking for the dead letters"
    do {
      return Int(try await connection.inspectQueue(Wire.deadLetters).messages)
    } catch let error as AMQPError {
      throw LinkError(error, while: operation)
    } catch {
      throw LinkError(.unreachable, "\(error)", while: operation)
    }
  }

  public func sortDeadLetters(
    _ judge: @Sendable ([DeadLetter]) async throws -> [DeadLetter.Fate]
  ) async throws -> [DeadLetter.Sorted] {
    let count = min(try await countDeadLetters(), DeadLetter.mostAtOnce)
    let deliveries = try await deadLetters(count)
    let letters = deliveries.map { DeadLetter($0) }
    var sorted: [DeadLetter.Sorted] = []
    for (fate, (letter, delivery)) in zip(try await judge(letters), zip(letters, deliveries)) {
      var failure: LinkError?
      do {
        switch fate {
        case .keep: try await delivery.nack(requeue: true)
        case .drop: try await delivery.ack()
        case .sendAgain:
          do {
            try await publish(letter)
            // Published and not yet deleted, it would only be sent twice: requests are known by their ids.
            try await delivery.ack()
          } catch let error as AMQPError where error.code == .unroutable {
            let key = letter.routingKey ?? ""
            failure = LinkError(.unknownHost, "no agent takes requests for \(key)", while: "sending the dead letter \(letter.id) again")
            try await delivery.nack(requeue: true)
          }
        }
      } catch let error as AMQPError {
        throw LinkError(error, while: "sorting the dead letter \(letter.id)")
      }
      sorted.append(DeadLetter.Sorted(letter: letter, fate: fate, failure: failure))
    }
    return sorted
  }

  private func publish(_ letter: DeadLetter) async throws {
    guard letter.isRequest, let key = letter.routingKey else { return }
    try await connection.publish(
      Message(
        body: letter.body,
        properties: Message.Properties(
          contentType: letter.contentType, correlationID: letter.correlationID, messageID: letter.messageID, type: letter.type,
          userID: user, appID: "longshore/\(LongshoreVersion.current)")), to: Wire.requests, routingKey: key)
  }

  /// The letters that come, so many at most, unacknowledged.
  private func deadLetters(_ count: Int) async throws -> [Delivery] {
    guard count > 0 else { return [] }
    let consumer = connection.consume(Wire.deadLetters, prefetch: UInt16(clamping: count))
    defer { consumer.stop() }
    waiting: for await state in consumer.states {
      switch state {
      case .active: break waiting
      case .inactive(let error?): throw LinkError(error, while: "reading the dead letters")
      case .inactive(nil), .paused, .ended: continue
      }
    }
    var taken: [Delivery] = []
    var deliveries = consumer.makeAsyncIterator()
    while taken.count < count {
      let limit = Task {
        try await Task.sleep(for: Self.letterPatience)
        consumer.stop()
      }
      let more = await deliveries.next(upTo: count - taken.count)
      limit.cancel()
      if more.isEmpty { break }
      taken += more
    }
    return taken
  }
}
