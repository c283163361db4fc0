internal import Glibc
internal import LongshoreMessages
internal import Synchronization
internal import SystemPackage

/// Listens on a port for the time of a check, and answers who knows its token.
///
/// A connection begins with the token, of ``tokenLength`` characters, and one more: ``check`` is answered with the token, ``measure``
/// besides with as much as the other side then sends, once that has ended.
final class PathListening: Sendable {
  static let tokenLength = 32
  static let check = UInt8(ascii: "c")
  static let measure = UInt8(ascii: "m")

  /// The port, with the token.
  let listener: PathListener

  private let descriptor: Int32
  private let received = Mutex<UInt64?>(nil)
  private let isClosed = Atomic(false)
  private let once: Bool

  private init(descriptor: Int32, listener: PathListener, once: Bool) {
    self.descriptor = descriptor
    self.listener = listener
    self.once = once
  }

  deinit { Glibc.close(descriptor) }

  /// What came in when the link was measured, in bytes a second.
  var bytesPerSecond: UInt64? { received.withLock(\.self) }

  /// Listens on the highest port of a range that is free, and answers until it is closed.
  ///
  /// libvirt and this agent's exports take the lowest port that is free, by trying to listen on it: from above they are not in each
  /// other's way.
  ///
  /// - Parameter address: The address as this host wants to be reached; where it is none of the host's own (a router translates it),
  ///   all of the host's.
  /// - Parameter once: Close it when somebody who knows the token was answered.
  /// - Returns: nil where no port is free.
  static func open(on address: String, ports: ClosedRange<UInt16>, once: Bool = false) async throws(ImageError) -> PathListening? {
    var generator = SystemRandomNumberGenerator()
    let digits = Array("0123456789abcdef")
    let token = String((0..<tokenLength).compactMap { _ in digits.randomElement(using: &generator) })
    return try await BlockingWork.run { () throws(ImageError) in
      let operation = "listen on \(address)"
      func make(_ descriptor: Int32, _ port: UInt16) -> PathListening {
        let listener = PathListener(
          address: address, port: port, token: token, firstPort: ports.lowerBound, lastPort: ports.upperBound)
        let listening = PathListening(descriptor: descriptor, listener: listener, once: once)
        Task { try? await BlockingWork.run { () throws(ImageError) in listening.serve() } }
        return listening
      }
      for port in ports.reversed() {
        for candidate in try SocketAddress.resolve(address, port: port, passive: true, operation: operation) {
          switch listen(at: candidate) {
          case .success(let descriptor): return make(descriptor, port)
          case .failure(.addressNotAvailable):
            for any in try SocketAddress.resolve("", port: port, passive: true, operation: operation) where any.family == candidate.family {
              if case .success(let descriptor) = listen(at: any) { return make(descriptor, port) }
            }
          case .failure(.addressInUse): continue
          case .failure(let error): throw ImageError(error, operation: "\(operation), port \(port)")
          }
        }
      }
      return nil
    }
  }

  private static func listen(at address: SocketAddress) -> Result<Int32, Errno> {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return .failure(Errno(rawValue: errno)) }
    var isOn: Int32 = 1
    // What is left of the connections of an earlier check does not keep the port.
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
    guard address.withPointer({ bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 8) == 0 else {
      let error = Errno(rawValue: errno)
      Glibc.close(descriptor)
      return .failure(error)
    }
    return .success(descriptor)
  }

  /// Ends it: nobody gets in any more.
  func close() {
    isClosed.store(true, ordering: .relaxed)
    // It wakes the thread that waits in `accept`, which Linux then lets fail with EINVAL.
    shutdown(descriptor, Int32(SHUT_RDWR))
  }

  private func serve() {
    while !isClosed.load(ordering: .relaxed) {
      let connection = accept(descriptor, nil, nil)
      if connection < 0 {
        guard errno == EINTR || errno == ECONNABORTED else { return }
        continue
      }
      // A tool that is started just before gets a connection that ends in seconds.
      _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
      let socket = PathSocket(connection)
      let isAnswered = answer(socket)
      socket.close()
      if once, isAnswered { return close() }
    }
  }

  /// Returns whether somebody who knows the token was answered.
  private func answer(_ socket: PathSocket) -> Bool {
    let token = Array(listener.token.utf8)
    guard let asked = socket.receive(token.count + 1), asked.dropLast().elementsEqual(token), socket.send(token) else {
      return false
    }
    guard asked.last == Self.measure else { return true }
    let rate = socket.receiveMeasure().bytesPerSecond
    received.withLock { $0 = rate }
    socket.sendMeasure()
    return true
  }
}

extension PathListener {
  /// Connects, and makes sure that the agent itself is at the other end.
  ///
  /// - Parameter measures: Send and receive what the link is measured with.
  /// - Returns: What came in, in bytes a second; nil where it was not measured.
  /// - Throws: Why nobody can get there.
  func tryOut(measures: Bool) async throws(ImageError) -> UInt64? {
    let listener = self
    return try await BlockingWork.run { () throws(ImageError) in
      let socket = try PathSocket.connect(to: listener.address, port: listener.port)
      defer { socket.close() }
      let token = Array(listener.token.utf8)
      guard socket.send(token + [measures ? PathListening.measure : PathListening.check]), socket.receive(token.count) == token else {
        throw ImageError(
          .changed, operation: "connect to \(listener.address.bracketedIfIPv6):\(listener.port)", message: "something else answers there")
      }
      guard measures else { return nil }
      socket.sendMeasure()
      return socket.receiveMeasure().bytesPerSecond
    }
  }
}
