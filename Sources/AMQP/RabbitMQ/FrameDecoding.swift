internal import CRabbitMQ

extension InboundFrame {
  /// Copies a frame out of librabbitmq's memory; nil for a kind of frame that says nothing.
  ///
  /// `decoded` points to the C struct that belongs to the method's id (amqp_framing.h), and is valid until
  /// `amqp_maybe_release_buffers`.
  init?(_ frame: amqp_frame_t) {
    switch unsafe Int32(frame.frame_type) {
    case AMQP_FRAME_METHOD:
      self = unsafe .method(InboundMethod(frame.payload.method))
    case AMQP_FRAME_HEADER:
      let header = unsafe frame.payload.properties
      let properties = unsafe header.decoded?.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee
      self = unsafe .header(
        bodySize: header.body_size, properties.map { unsafe Message.Properties($0) } ?? Message.Properties())
    case AMQP_FRAME_BODY:
      self = unsafe .body([UInt8](frame.payload.body_fragment))
    default:
      return nil
    }
  }
}

extension InboundMethod {
  fileprivate init(_ method: amqp_method_t) {
    let id = unsafe method.id
    guard let decoded = unsafe method.decoded else {
      self = .other(id)
      return
    }
    func read<Decoded>(_: Decoded.Type) -> Decoded { unsafe decoded.assumingMemoryBound(to: Decoded.self).pointee }
    switch id {
    case AMQP_CHANNEL_OPEN_OK_METHOD: self = .openChannelOK
    case AMQP_CONFIRM_SELECT_OK_METHOD: self = .selectConfirmsOK
    case AMQP_EXCHANGE_DECLARE_OK_METHOD: self = .declareExchangeOK
    case AMQP_EXCHANGE_BIND_OK_METHOD: self = .bindExchangeOK
    case AMQP_EXCHANGE_DELETE_OK_METHOD: self = .deleteExchangeOK
    case AMQP_QUEUE_BIND_OK_METHOD: self = .bindQueueOK
    case AMQP_BASIC_QOS_OK_METHOD: self = .setPrefetchOK
    case AMQP_BASIC_CONSUME_OK_METHOD: self = .consumeOK
    case AMQP_BASIC_CANCEL_OK_METHOD: self = .cancelOK
    case AMQP_CONNECTION_CLOSE_OK_METHOD: self = .connectionCloseOK
    case AMQP_CONNECTION_UNBLOCKED_METHOD: self = .unblocked
    case AMQP_QUEUE_DECLARE_OK_METHOD:
      let body = unsafe read(amqp_queue_declare_ok_t.self)
      self = unsafe .declareQueueOK(
        QueueStatus(name: String(body.queue), messages: body.message_count, consumers: body.consumer_count))
    case AMQP_QUEUE_DELETE_OK_METHOD:
      self = .deleteQueueOK(messages: read(amqp_queue_delete_ok_t.self).message_count)
    case AMQP_BASIC_DELIVER_METHOD:
      let body = unsafe read(amqp_basic_deliver_t.self)
      self = unsafe .deliver(
        DeliveryHeader(
          consumerTag: String(body.consumer_tag), deliveryTag: body.delivery_tag, redelivered: body.redelivered != 0,
          exchange: String(body.exchange), routingKey: String(body.routing_key)))
    case AMQP_BASIC_RETURN_METHOD:
      let body = unsafe read(amqp_basic_return_t.self)
      self = unsafe .returned(
        ReturnHeader(
          replyCode: body.reply_code, replyText: String(body.reply_text), exchange: String(body.exchange),
          routingKey: String(body.routing_key)))
    case AMQP_BASIC_ACK_METHOD:
      let body = read(amqp_basic_ack_t.self)
      self = .ack(tag: body.delivery_tag, multiple: body.multiple != 0)
    case AMQP_BASIC_NACK_METHOD:
      let body = read(amqp_basic_nack_t.self)
      self = .nack(tag: body.delivery_tag, multiple: body.multiple != 0)
    case AMQP_BASIC_CANCEL_METHOD:
      self = unsafe .cancel(consumerTag: String(read(amqp_basic_cancel_t.self).consumer_tag))
    case AMQP_CHANNEL_CLOSE_METHOD:
      let body = unsafe read(amqp_channel_close_t.self)
      self = unsafe .channelClose(
        CloseReason(
          replyCode: body.reply_code, replyText: String(body.reply_text),
          method: MethodID(classID: body.class_id, methodID: body.method_id)))
    case AMQP_CONNECTION_CLOSE_METHOD:
      self = unsafe .connectionClose(CloseReason(read(amqp_connection_close_t.self)))
    case AMQP_CONNECTION_BLOCKED_METHOD:
      self = unsafe .blocked(reason: String(read(amqp_connection_blocked_t.self).reason))
    default: self = .other(id)
    }
  }
}

extension CloseReason {
  /// Copies a connection.close.
  init(_ body: amqp_connection_close_t) {
    self = unsafe CloseReason(
      replyCode: body.reply_code, replyText: String(body.reply_text),
      method: MethodID(classID: body.class_id, methodID: body.method_id))
  }
}
