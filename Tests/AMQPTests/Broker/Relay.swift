import AMQP
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A TCP relay on the loopback in front of a broker, which breaks connections on demand.
final class Relay: Sendable {
  private struct Link {
    var client: Int32
    var broker: Int32
    var isSilent = false
    var isClosed = false
  }

  private struct State {
    var links: [Int: Link] = [:]
    var lastLink = 0
    var upstreamLimit: Int?
    var isStopped = false
  }

  private let state = Mutex(State())
  private let listener: Int32
  private let target: AMQPConfiguration.Address
  /// Where the relay listens.
  let address: AMQPConfiguration.Address

  init(to target: AMQPConfiguration.Address) throws {
    self.target = target
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var local = sockaddr_in()
    local.sin_family = sa_family_t(AF_INET)
    local.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let status = withUnsafeMutablePointer(to: &local) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) | listen(listener, 16) | getsockname(listener, address, &length)
      }
    }
    guard status == 0 else { throw POSIXError(.EADDRINUSE) }
    address = AMQPConfiguration.Address(host: "127.0.0.1", port: UInt16(bigEndian: local.sin_port))
    Thread.detachNewThread { self.acceptAll() }
  }

  /// Breaks all connections at once.
  func cut() {
    state.withLock { state in
      for link in state.links.values where !link.isClosed { Self.shut(link) }
    }
  }

  /// Lets nothing through on the present connections any more, without closing them.
  func silence() {
    state.withLock { state in
      for id in state.links.keys { state.links[id]?.isSilent = true }
    }
  }

  /// Breaks the connections once so many more bytes have gone to the broker.
  func cut(afterUpstreamBytes count: Int) {
    state.withLock { $0.upstreamLimit = count }
  }

  /// Breaks all connections and listens no more.
  func stop() {
    state.withLock { $0.isStopped = true }
    shutdown(listener, Int32(SHUT_RDWR))
    cut()
  }

  private static func shut(_ link: Link) {
    shutdown(link.client, Int32(SHUT_RDWR))
    shutdown(link.broker, Int32(SHUT_RDWR))
  }

  private func acceptAll() {
    while true {
      let client = accept(listener, nil, nil)
      guard client >= 0 else {
        close(listener)
        return
      }
      let broker = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var remote = sockaddr_in()
      remote.sin_family = sa_family_t(AF_INET)
      remote.sin_port = target.port.bigEndian
      remote.sin_addr.s_addr = inet_addr(target.host == "localhost" ? "127.0.0.1" : target.host)
      let status = withUnsafePointer(to: remote) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          connect(broker, address, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard status == 0 else {
        close(client)
        close(broker)
        continue
      }
      let id = state.withLock { state in
        state.lastLink += 1
        state.links[state.lastLink] = Link(client: client, broker: broker)
        return state.lastLink
      }
      Thread.detachNewThread { self.copy(id, from: client, to: broker, upstream: true) }
      Thread.detachNewThread { self.copy(id, from: broker, to: client, upstream: false) }
    }
  }

  private func copy(_ id: Int, from source: Int32, to sink: Int32, upstream: Bool) {
    var buffer = [UInt8](repeating: 0, count: 16384)
    copying: while true {
      let count = recv(source, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      let (isSilent, mustCut) = state.withLock { state in
        if upstream, let limit = state.upstreamLimit {
          state.upstreamLimit = limit > count ? limit - count : nil
          return (false, limit <= count)
        }
        return (state.links[id]?.isSilent ?? true, false)
      }
      if mustCut { break }
      if isSilent { continue }
      var sent = 0
      while sent < count {
        let written = buffer.withUnsafeBytes { bytes in
          send(sink, bytes.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
        }
        guard written > 0 else { break copying }
        sent += written
      }
    }
    state.withLock { state in
      guard let link = state.links[id] else { return }
      Self.shut(link)
      if link.isClosed {
        // Both directions have ended: nobody uses the descriptors any more.
        close(link.client)
        close(link.broker)
        state.links[id] = nil
      } else {
        state.links[id]?.isClosed = true
      }
    }
  }
}

/// Runs the body with a relay in front of the tests' broker and a configuration that goes through it.
func withRelay<Result: Sendable>(
  _ body: (Relay, AMQPConfiguration) async throws -> Result
) async throws -> Result {
  var configuration = try TestBroker.configuration()
  let relay = try Relay(to: configuration.addresses[0])
  defer { relay.stop() }
  configuration.addresses = [relay.address]
  return try await body(relay, configuration)
}
