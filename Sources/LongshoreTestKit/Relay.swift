internal import Foundation
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A TCP relay in front of a broker, which breaks connections on demand.
public final class Relay: Sendable {
  /// Where bytes go.
  public enum Direction: Sendable, Hashable {
    /// From the client to the broker.
    case up
    /// From the broker to the client.
    case down
  }

  /// A text at whose passing a connection breaks, the first time that it passes.
  public struct Trigger: Sendable, Hashable {
    /// What breaks.
    public enum Kind: Sendable, Hashable {
      /// The connection, when half of the text has passed.
      case amid
      /// The connection, when all of the text has passed and the next bytes would go back.
      case unanswered
    }

    /// Where the text passes.
    public var direction: Direction
    /// The text.
    public var text: String
    /// What breaks.
    public var kind: Kind

    /// A trigger.
    public init(_ kind: Kind, _ direction: Direction, _ text: String) {
      self.kind = kind
      self.direction = direction
      self.text = text
    }
  }

  /// The relay cannot listen.
  public struct ListenFailure: Error, CustomStringConvertible {
    /// Where, and the system's reason.
    public var description: String
  }

  private struct Link {
    var client: Int32
    var broker: Int32
    var isSilent = false
    /// The direction in which nothing passes any more.
    var unanswered: Direction?
    var isClosed = false
    /// The last bytes that have passed, in which a text can have begun.
    var tails: [Direction: [UInt8]] = [:]
  }

  private struct State {
    var links: [Int: Link] = [:]
    var lastLink = 0
    var upstreamLimit: Int?
    var triggers: [Trigger] = []
    var heartbeats: [AsyncStream<Void>.Continuation] = []
    var isStopped = false
  }

  private let state = Mutex(State())
  private let listener: Int32
  private let target: sockaddr_in
  /// The address that the relay listens on.
  public let host: String
  /// The port that the relay listens on.
  public let port: UInt16

  /// Listens on a free port of an IPv4 address, and hands every connection on to a broker.
  ///
  /// - Parameters:
  ///   - target: The broker's IPv4 address, or `localhost`.
  ///   - targetPort: The broker's port.
  ///   - host: The IPv4 address to listen on.
  public init(to target: String, port targetPort: UInt16, on host: String = "127.0.0.1") throws {
    self.target = Self.address(target, targetPort)
    self.host = host
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var local = Self.address(host, 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let status = withUnsafeMutablePointer(to: &local) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) | listen(listener, 16) | getsockname(listener, address, &length)
      }
    }
    guard status == 0 else { throw ListenFailure(description: "listen on \(host): \(String(cString: strerror(errno)))") }
    port = UInt16(bigEndian: local.sin_port)
    Thread.detachNewThread { self.acceptAll() }
  }

  private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr(host == "localhost" ? "127.0.0.1" : host)
    return address
  }
}

// MARK: - Breaking connections

extension Relay {
  /// Breaks all connections at once.
  public func cut() {
    state.withLock { state in
      for link in state.links.values where !link.isClosed { Self.shut(link) }
    }
  }

  /// Lets nothing through on the present connections any more, without closing them.
  public func silence() {
    state.withLock { state in
      for id in state.links.keys { state.links[id]?.isSilent = true }
    }
  }

  /// Breaks the connections once so many more bytes have gone to the broker.
  public func cut(afterUpstreamBytes count: Int) {
    state.withLock { $0.upstreamLimit = count }
  }

  /// Breaks a connection each time that one of the texts passes, once for each.
  public func cut(at triggers: [Trigger]) {
    state.withLock { $0.triggers = triggers }
  }

  /// An element for each heartbeat of the broker that passes from now on, on any connection.
  public func heartbeats() -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    state.withLock { $0.heartbeats.append(continuation) }
    return stream
  }

  /// The triggers whose text has not passed.
  public var pendingTriggers: [Trigger] { state.withLock { $0.triggers } }

  /// Breaks all connections and listens no more.
  public func stop() {
    state.withLock { $0.isStopped = true }
    shutdown(listener, Int32(SHUT_RDWR))
    cut()
  }

  private static func shut(_ link: Link) {
    shutdown(link.client, Int32(SHUT_RDWR))
    shutdown(link.broker, Int32(SHUT_RDWR))
  }
}

// MARK: - Passing on

extension Relay {
  /// What happens to bytes that have come.
  private enum Verdict {
    case pass
    case swallow
    /// Pass so many of them, then break the connection.
    case cut(after: Int)
  }

  /// AMQP's frame for a heartbeat: type 8 on channel 0, no payload, the end.
  private static let heartbeat: [UInt8] = [8, 0, 0, 0, 0, 0, 0, 0xCE]

  private func acceptAll() {
    while true {
      let client = accept(listener, nil, nil)
      guard client >= 0 else {
        close(listener)
        return
      }
      let broker = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let status = withUnsafePointer(to: target) { pointer in
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
      Thread.detachNewThread { self.copy(id, from: client, to: broker, .up) }
      Thread.detachNewThread { self.copy(id, from: broker, to: client, .down) }
    }
  }

  private func copy(_ id: Int, from source: Int32, to sink: Int32, _ direction: Direction) {
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    copying: while true {
      let received = recv(source, &buffer, buffer.count, 0)
      guard received > 0 else { break }
      var count = received
      let verdict = state.withLock { Self.judge(buffer[..<received], on: id, direction, &$0) }
      switch verdict {
      case .pass: break
      case .swallow: continue
      case .cut(let passing): count = passing
      }
      var sent = 0
      while sent < count {
        let written = buffer.withUnsafeBytes { bytes in
          send(sink, bytes.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
        }
        guard written > 0 else { break copying }
        sent += written
      }
      if case .cut = verdict { break }
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

  private static func judge(_ bytes: ArraySlice<UInt8>, on id: Int, _ direction: Direction, _ state: inout State) -> Verdict {
    guard let link = state.links[id] else { return .swallow }
    if direction == .up, let limit = state.upstreamLimit {
      state.upstreamLimit = limit > bytes.count ? limit - bytes.count : nil
      return limit <= bytes.count ? .cut(after: 0) : .pass
    }
    if link.isSilent { return .swallow }
    if direction == .down, bytes.elementsEqual(heartbeat) {
      for watcher in state.heartbeats { watcher.yield() }
    }
    if direction == link.unanswered { return .cut(after: 0) }
    let tail = link.tails[direction] ?? []
    let passing = tail + bytes
    let longest = state.triggers.map(\.text.utf8.count).max() ?? 1
    state.links[id]?.tails[direction] = Array(passing.suffix(max(longest, 1) - 1))
    for (index, trigger) in state.triggers.enumerated() where trigger.direction == direction {
      guard let place = passing.firstRange(of: Array(trigger.text.utf8)) else { continue }
      state.triggers.remove(at: index)
      switch trigger.kind {
      case .amid: return .cut(after: max(0, place.lowerBound + place.count / 2 - tail.count))
      case .unanswered:
        state.links[id]?.unanswered = direction == .up ? .down : .up
        return .pass
      }
    }
    return .pass
  }
}
