internal import CRabbitMQ

extension Transport {
  /// Sends the method of an operation. Its answer comes as a frame.
  func send(_ operation: Operation) throws(AMQPError) {
    defer { arena.recycle() }
    let what = operation.description
    switch operation {
    case .openChannel:
      unsafe try send(AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t(out_of_band: amqp_empty_bytes), what)
    case .selectConfirms:
      try send(AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t(nowait: 0), what)
    case .declareExchange(let exchange):
      unsafe try send(
        AMQP_EXCHANGE_DECLARE_METHOD,
        amqp_exchange_declare_t(
          ticket: 0, exchange: arena.bytes(exchange.name), type: arena.bytes(exchange.kind.rawValue), passive: 0,
          durable: flag(exchange.durable), auto_delete: flag(exchange.autoDelete), internal: flag(exchange.isInternal),
          nowait: 0, arguments: arena.table(exchange.arguments)), what)
    case .declareQueue(let queue):
      unsafe try send(
        AMQP_QUEUE_DECLARE_METHOD,
        amqp_queue_declare_t(
          ticket: 0, queue: arena.bytes(queue.name), passive: 0, durable: flag(queue.durable),
          exclusive: flag(queue.exclusive), auto_delete: flag(queue.autoDelete), nowait: 0,
          arguments: arena.table(queue.declaredArguments)), what)
    case .inspectQueue(let name):
      unsafe try send(
        AMQP_QUEUE_DECLARE_METHOD,
        amqp_queue_declare_t(
          ticket: 0, queue: arena.bytes(name), passive: 1, durable: 0, exclusive: 0, auto_delete: 0, nowait: 0,
          arguments: amqp_empty_table), what)
    case .bind(let binding): try send(binding, what)
    case .setPrefetch(let count):
      try send(AMQP_BASIC_QOS_METHOD, amqp_basic_qos_t(prefetch_size: 0, prefetch_count: count, global: 0), what)
    case .consume(let queue, let tag, let noAck, let exclusive, let arguments):
      unsafe try send(
        AMQP_BASIC_CONSUME_METHOD,
        amqp_basic_consume_t(
          ticket: 0, queue: arena.bytes(queue), consumer_tag: arena.bytes(tag), no_local: 0, no_ack: flag(noAck),
          exclusive: flag(exclusive), nowait: 0, arguments: arena.table(arguments)), what)
    case .cancel(let tag):
      unsafe try send(AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t(consumer_tag: arena.bytes(tag), nowait: 0), what)
    case .deleteQueue(let name):
      unsafe try send(
        AMQP_QUEUE_DELETE_METHOD,
        amqp_queue_delete_t(ticket: 0, queue: arena.bytes(name), if_unused: 0, if_empty: 0, nowait: 0), what)
    case .deleteExchange(let name):
      unsafe try send(
        AMQP_EXCHANGE_DELETE_METHOD,
        amqp_exchange_delete_t(ticket: 0, exchange: arena.bytes(name), if_unused: 0, nowait: 0), what)
    }
  }

  private func send(_ binding: Binding, _ what: String) throws(AMQPError) {
    switch binding.destination {
    case .queue(let name):
      unsafe try send(
        AMQP_QUEUE_BIND_METHOD,
        amqp_queue_bind_t(
          ticket: 0, queue: arena.bytes(name), exchange: arena.bytes(binding.source),
          routing_key: arena.bytes(binding.routingKey), nowait: 0, arguments: arena.table(binding.arguments)), what)
    case .exchange(let name):
      unsafe try send(
        AMQP_EXCHANGE_BIND_METHOD,
        amqp_exchange_bind_t(
          ticket: 0, destination: arena.bytes(name), source: arena.bytes(binding.source),
          routing_key: arena.bytes(binding.routingKey), nowait: 0, arguments: arena.table(binding.arguments)), what)
    }
  }

  /// Settles a delivery.
  func send(_ settlement: Delivery.Settlement, tag: UInt64, multiple: Bool) throws(AMQPError) {
    let what = settlement.operation
    switch settlement {
    case .ack:
      try send(AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t(delivery_tag: tag, multiple: flag(multiple)), what)
    case .nack(let requeue):
      try send(
        AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t(delivery_tag: tag, multiple: flag(multiple), requeue: flag(requeue)), what)
    }
  }

  /// Confirms the broker's channel.close.
  func sendChannelCloseOK() throws(AMQPError) {
    try send(AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t(dummy: 0), "confirm the channel's end")
  }

  /// Confirms the broker's connection.close.
  func sendConnectionCloseOK() throws(AMQPError) {
    try send(
      AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t(dummy: 0), "confirm the connection's end", channel: 0)
  }

  /// Asks the broker to close the connection.
  func sendConnectionClose() throws(AMQPError) {
    defer { arena.recycle() }
    let close = unsafe amqp_connection_close_t(
      reply_code: UInt16(AMQP_REPLY_SUCCESS), reply_text: arena.bytes("closed by the client"), class_id: 0, method_id: 0)
    unsafe try send(AMQP_CONNECTION_CLOSE_METHOD, close, "close the connection", channel: 0)
  }

  private func flag(_ value: Bool) -> amqp_boolean_t { value ? 1 : 0 }

  private func send<Method>(
    _ id: amqp_method_number_t, _ method: Method, _ operation: String, channel: amqp_channel_t = Transport.channel
  ) throws(AMQPError) {
    var method = method
    // amqp_send_method encodes the struct before it returns and keeps no pointer to it.
    let status = unsafe withUnsafeMutablePointer(to: &method) { method in
      unsafe amqp_send_method(connection, channel, id, method)
    }
    try check(status, operation)
  }
}
