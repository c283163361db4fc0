internal import CRabbitMQ

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

extension Transport {
  /// Connects to one broker and logs in. Blocks for at most the connect and the handshake timeout.
  static func open(
    _ address: AMQPConfiguration.Address, _ configuration: AMQPConfiguration
  ) throws(AMQPError) -> Transport {
    let operation = "connect to \(address)"
    guard let connection = unsafe amqp_new_connection() else {
      throw AMQPError(.connectFailed, operation: operation, message: "out of memory", isRetriable: true)
    }
    do throws(AMQPError) {
      return unsafe try open(address, configuration, connection, operation)
    } catch {
      _ = unsafe amqp_destroy_connection(connection)
      throw error
    }
  }

  private static func open(
    _ address: AMQPConfiguration.Address, _ configuration: AMQPConfiguration, _ connection: amqp_connection_state_t,
    _ operation: String
  ) throws(AMQPError) -> Transport {
    let socket = unsafe try makeSocket(connection, configuration, address, operation)
    var timeout = timeval(configuration.connectTimeout)
    let status = unsafe amqp_socket_open_noblock(socket, address.host, Int32(address.port), &timeout)
    guard status == AMQP_STATUS_OK.rawValue else { throw .library(status, .connectFailed, operation) }

    let fileDescriptor = unsafe amqp_get_sockfd(connection)
    let frameMax = try sizeSendBuffer(fileDescriptor, operation)
    unsafe try login(connection, configuration, frameMax: frameMax, operation)

    let heartbeat = unsafe Duration.seconds(Int(amqp_get_heartbeat(connection)))
    let transport = unsafe Transport(
      address: address, connection: connection, fileDescriptor: fileDescriptor,
      frameMax: Int(amqp_get_frame_max(connection)), heartbeat: heartbeat)
    transport.setUserTimeout(transport.deadPeerTimeout)
    return transport
  }

  private static func makeSocket(
    _ connection: amqp_connection_state_t, _ configuration: AMQPConfiguration, _ address: AMQPConfiguration.Address,
    _ operation: String
  ) throws(AMQPError) -> OpaquePointer {
    let failure = AMQPError(.connectFailed, operation: operation, message: "out of memory", isRetriable: true)
    guard let tls = configuration.tls else {
      guard let socket = unsafe amqp_tcp_socket_new(connection) else { throw failure }
      return unsafe socket
    }
    guard let socket = unsafe amqp_ssl_socket_new(connection) else { throw failure }
    func failed(_ message: String) -> AMQPError {
      AMQPError(.tlsFailed, operation: operation, message: message, isRetriable: true)
    }
    unsafe amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
    unsafe amqp_ssl_socket_set_verify_peer(socket, tls.verifiesServer ? 1 : 0)
    // OpenSSL checks the name as a part of the verification instead.
    unsafe amqp_ssl_socket_set_verify_hostname(socket, 0)
    if let file = tls.caFile {
      guard unsafe amqp_ssl_socket_set_cacert(socket, file) == AMQP_STATUS_OK.rawValue else {
        throw failed("the CA file '\(file)' can't be read or holds no certificate")
      }
    } else if tls.verifiesServer, unsafe rabbitmq_ssl_trust_system(socket) != 1 {
      throw failed("the operating system's certificate authorities can't be loaded")
    }
    if tls.verifiesServer, unsafe rabbitmq_ssl_expect_name(socket, tls.serverName ?? address.host) != 1 {
      throw failed("'\(tls.serverName ?? address.host)' is not a name that a certificate can carry")
    }
    if let certificate = tls.certificateFile, let key = tls.keyFile {
      guard unsafe amqp_ssl_socket_set_key(socket, certificate, key) == AMQP_STATUS_OK.rawValue else {
        throw failed("the client certificate '\(certificate)' and its key '\(key)' can't be read or do not match")
      }
    }
    return unsafe socket
  }

  /// Makes the send buffer hold several frames and returns the largest frame of which four fit.
  ///
  /// With that, a socket that poll(2) reports as writable takes a whole frame at once; see ``isWritable``.
  private static func sizeSendBuffer(_ fileDescriptor: Int32, _ operation: String) throws(AMQPError) -> Int {
    let wanted = 4 * AMQP_DEFAULT_FRAME_SIZE
    let size = socklen_t(MemoryLayout<Int32>.size)
    // The kernel doubles what is asked for (socket(7)), and limits it to net.core.wmem_max before.
    var request = wanted / 2
    _ = unsafe setsockopt(fileDescriptor, SOL_SOCKET, SO_SNDBUF, &request, size)
    var granted: Int32 = 0
    var length = size
    guard unsafe getsockopt(fileDescriptor, SOL_SOCKET, SO_SNDBUF, &granted, &length) == 0 else {
      throw AMQPError(.connectFailed, operation: operation, message: "the socket broke at once", isRetriable: true)
    }
    // 4096 is the least that AMQP allows.
    return Int(min(AMQP_DEFAULT_FRAME_SIZE, max(4096, granted / 4)))
  }

  private static func login(
    _ connection: amqp_connection_state_t, _ configuration: AMQPConfiguration, frameMax: Int, _ operation: String
  ) throws(AMQPError) {
    var timeout = timeval(configuration.handshakeTimeout)
    unsafe amqp_set_handshake_timeout(connection, &timeout)
    let arena = Arena()
    var properties = unsafe arena.table(clientProperties(configuration))
    let heartbeat = Int32(configuration.heartbeat.components.seconds)
    let reply =
      switch configuration.authentication {
      case .password:
        unsafe rabbitmq_login_plain(
          connection, configuration.virtualHost, 0, Int32(frameMax), heartbeat, &properties, configuration.user,
          configuration.password)
      case .certificate:
        unsafe rabbitmq_login_external(
          connection, configuration.virtualHost, 0, Int32(frameMax), heartbeat, &properties, configuration.user)
      }
    switch unsafe reply.reply_type {
    case AMQP_RESPONSE_NORMAL: return
    case AMQP_RESPONSE_SERVER_EXCEPTION:
      throw unsafe refusal(reply.reply, operation)
    default:
      throw unsafe .library(reply.library_error, .connectFailed, operation)
    }
  }

  private static func refusal(_ method: amqp_method_t, _ operation: String) -> AMQPError {
    guard unsafe method.id == AMQP_CONNECTION_CLOSE_METHOD, let decoded = unsafe method.decoded else {
      return AMQPError(
        .protocolViolation, operation: operation, message: "the broker broke off the login", isRetriable: true)
    }
    let reason = unsafe CloseReason(decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee)
    // 403 ACCESS_REFUSED: user, password or permission; 530 NOT_ALLOWED: the virtual host.
    let isAccess = reason.replyCode == 403 || reason.replyCode == 530
    return AMQPError(
      isAccess ? .accessRefused : .connectionClosedByBroker, operation: operation, message: reason.replyText,
      replyCode: reason.replyCode, isRetriable: !isAccess)
  }

  /// What the client says of itself. Without the capabilities, the broker sends no alarms and no cancellations.
  private static func clientProperties(_ configuration: AMQPConfiguration) -> Table {
    var table: Table = [
      "product": "Longshore AMQP",
      "platform": "Swift",
      "capabilities": [
        "authentication_failure_close": true,
        "basic.nack": true,
        "connection.blocked": true,
        "consumer_cancel_notify": true,
        "exchange_exchange_bindings": true,
        "publisher_confirms": true,
      ],
    ]
    if let name = configuration.connectionName { table["connection_name"] = .string(name) }
    return table
  }
}

extension timeval {
  fileprivate init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
  }
}
