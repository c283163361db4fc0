internal import Glibc
internal import SystemPackage

/// One TCP connection of a check, with limits on the time of everything. All calls block.
struct PathSocket {
  /// How long a connection, a read or a write may take, in milliseconds. Of the packets that ask for a connection the second comes after
  /// one second and the third after three (Linux, `tcp_syn_retries`).
  static let limit: Int32 = 4_000

  /// How much is sent to measure a link: until so many bytes, or this time after a least number of bytes, or the longest time.
  static let mostBytes = 32 << 20
  static let leastBytes = 6 << 20
  static let enoughSeconds = 1.0
  static let mostSeconds = 4.0

  private static let chunk = 128 << 10

  let descriptor: Int32

  /// Takes a connected socket over, and makes its calls end in time.
  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    var time = timeval(tv_sec: Int(Self.limit / 1000), tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    // What waits here and is not under way would take a slow link long after the measurement's end.
    var unsent = Int32(2 * Self.chunk)
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, &unsent, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Connects to a port.
  ///
  /// - Throws: The system's reason; `timedOut` where nothing came back.
  static func connect(to address: String, port: UInt16) throws(ImageError) -> PathSocket {
    let operation = "connect to \(address.bracketedIfIPv6):\(port)"
    var last = ImageError(.system, operation: operation, message: "the name has no address")
    for candidate in try SocketAddress.resolve(address, port: port, passive: false, operation: operation) {
      do throws(ImageError) {
        return try connect(to: candidate, operation: operation)
      } catch {
        last = error
      }
    }
    throw last
  }

  private static func connect(to address: SocketAddress, operation: String) throws(ImageError) -> PathSocket {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw .last(operation: operation) }
    do throws(ImageError) {
      if address.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0 {
        guard errno == EINPROGRESS else { throw ImageError.last(operation: operation) }
        try waitForConnection(descriptor, operation)
      }
      _ = fcntl(descriptor, F_SETFL, 0)
      return PathSocket(descriptor)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  private static func waitForConnection(_ descriptor: Int32, _ operation: String) throws(ImageError) {
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    let ready = Glibc.poll(&poll, 1, limit)
    guard ready != 0 else {
      throw ImageError(.timedOut, operation: operation, message: "nothing came back within \(limit / 1000) s")
    }
    guard ready > 0 else { throw .last(operation: operation) }
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
    if failure != 0 { throw ImageError(Errno(rawValue: failure), operation: operation) }
  }

  func close() { Glibc.close(descriptor) }

  /// Says that nothing more will be sent.
  func finish() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Sends all of some bytes; false where that failed or took too long.
  func send(_ bytes: [UInt8]) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// Receives so many bytes; nil where they did not come.
  func receive(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: count)
    while bytes.count < count {
      let received = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, count - bytes.count, 0) }
      guard received > 0 else { return nil }
      bytes += buffer[..<received]
    }
    return bytes
  }

  /// Sends what a link is measured with, and says that nothing more comes.
  func sendMeasure() {
    // No pattern that a device on the way could make smaller.
    var generator = SystemRandomNumberGenerator()
    let block = (0..<Self.chunk / 8).flatMap { _ in withUnsafeBytes(of: generator.next()) { [UInt8]($0) } }
    let begin = Self.now()
    var sent = 0
    while sent < Self.mostBytes {
      let seconds = Self.now() - begin
      if seconds > Self.mostSeconds || (seconds > Self.enoughSeconds && sent >= Self.leastBytes) { break }
      guard send(block) else { break }
      sent += block.count
    }
    finish()
  }

  /// Receives what a link is measured with, to its end.
  func receiveMeasure() -> RateMeter {
    var meter = RateMeter()
    var buffer = [UInt8](repeating: 0, count: Self.chunk)
    // The peer ends it; one that does not is not read for ever.
    while meter.total <= 2 * Self.mostBytes {
      let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      guard count > 0 else { break }
      meter.note(bytes: meter.total + count, at: Self.now())
    }
    return meter
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// An address of TCP, as the system's calls take it.
struct SocketAddress {
  let family: Int32
  private let bytes: [UInt8]

  /// The addresses of a name or of an address in text, in the system's order of preference.
  ///
  /// - Parameter passive: For listening; an empty name is then all addresses of this host.
  static func resolve(_ name: String, port: UInt16, passive: Bool, operation: String) throws(ImageError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(name.isEmpty ? nil : name, String(port), &hints, &list)
    guard result == 0 else { throw ImageError(.system, operation: operation, message: String(cString: gai_strerror(result))) }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let info = next?.pointee {
      next = info.ai_next
      guard let address = info.ai_addr else { continue }
      addresses.append(
        SocketAddress(family: info.ai_family, bytes: [UInt8](UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen)))))
    }
    return addresses
  }

  func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    var storage = sockaddr_storage()
    return withUnsafeMutableBytes(of: &storage) { buffer in
      buffer.copyBytes(from: bytes.prefix(buffer.count))
      // `sockaddr_storage` is as large and aligned as every address, and begins as `sockaddr` does (RFC 2553, 3.10).
      let pointer = buffer.baseAddress?.assumingMemoryBound(to: sockaddr.self)
      guard let pointer else { preconditionFailure("a storage without an address") }
      return body(pointer, socklen_t(min(bytes.count, buffer.count)))
    }
  }
}
