import Glibc
import Testing

@testable import LongshoreAgent

/// The sockets of a process, of which this one stands for another: the kernel makes no difference.
@Suite("Sockets of another process")
struct ProcessSocketsTests {
  /// A connection of TCP within this process.
  private struct Pair {
    let listener: Int32
    let client: Int32
    let server: Int32
    let port: UInt16

    init() throws {
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let (listener, length) = (listener, size)
      let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      self.client = client
      server = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          guard bind(listener, $0, length) == 0, listen(listener, 1) == 0, getsockname(listener, $0, &size) == 0,
            connect(client, $0, length) == 0
          else { return -1 }
          return accept(listener, nil, nil)
        }
      }
      port = UInt16(bigEndian: address.sin_port)
      try #require(server >= 0)
    }

    func close() { for descriptor in [listener, client, server] { _ = Glibc.close(descriptor) } }
  }

  private func place(of descriptor: Int32, in sockets: ProcessSockets) throws -> ProcessSockets.Place {
    try #require(sockets.places.first { $0.descriptor == descriptor })
  }

  @Test("a connection is known by its ends, its counters are read, and its pace is set, read and taken away")
  func pace() throws {
    let pair = try Pair()
    defer { pair.close() }
    let sockets = try #require(try ProcessSockets(pid: getpid()))
    defer { sockets.close() }
    try sockets.checkPermission()
    let server = try place(of: pair.server, in: sockets)
    let ends = try #require(try sockets.with(server) { $0.ends } ?? nil)
    #expect(ends == TCPSocket.Ends(remote: "127.0.0.1", localPort: pair.port, headers: 66))
    let listener = try place(of: pair.listener, in: sockets)
    #expect(try sockets.with(listener) { $0.listeningPort } == .some(pair.port))
    #expect(try sockets.with(listener) { $0.ends == nil } == true)
    #expect(send(pair.server, [UInt8](repeating: 7, count: 1000), 1000, 0) == 1000)
    let counters = try #require(try sockets.with(server) { $0.counters } ?? nil)
    #expect(counters.bytes == 1000 && counters.segments > 0 && counters.segmentSize > 500)

    func rate() -> UInt64 {
      var rate: UInt64 = 0
      var size = socklen_t(MemoryLayout<UInt64>.size)
      getsockopt(pair.server, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, &size)
      return rate
    }
    func isPaced(at rate: UInt64?) throws -> Bool? { try sockets.with(server) { $0.pace == rate } }
    #expect(try isPaced(at: nil) == true)
    #expect(try sockets.with(server) { $0.setPace(123_456) } == true)
    #expect(rate() == 123_456)
    #expect(try isPaced(at: 123_456) == true)
    #expect(try sockets.with(server) { $0.setPace(nil) } == true)
    #expect(rate() == .max)
    #expect(try isPaced(at: nil) == true)
  }

  @Test("what the process closes is closed: nothing of it is kept, and a descriptor that is another file's now is left alone")
  func closed() throws {
    let pair = try Pair()
    let sockets = try #require(try ProcessSockets(pid: getpid()))
    defer { sockets.close() }
    let server = try place(of: pair.server, in: sockets)
    _ = try sockets.with(server) { $0.setPace(1 << 20) }
    _ = Glibc.close(pair.server)
    var byte: UInt8 = 0
    #expect(recv(pair.client, &byte, 1, 0) == 0, "the other end sees the end at once")
    let other = open("/dev/null", O_RDONLY)
    #expect(try sockets.with(server) { _ in true } == nil)
    for descriptor in [other, pair.client, pair.listener] { _ = Glibc.close(descriptor) }
  }

  @Test("a process that has ended has no sockets")
  func ended() throws { #expect(try ProcessSockets(pid: Int32.max - 1) == nil) }
}
