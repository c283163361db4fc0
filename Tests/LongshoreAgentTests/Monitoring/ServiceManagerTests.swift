import Glibc
import Testing

@testable import LongshoreAgent

/// A socket that takes datagrams, as systemd's does; `next` is the oldest that was not read, nil where there is none.
func withNotifySocket(_ address: String, _ body: (_ next: () -> String?) async throws -> Void) async throws {
  var name = sockaddr_un()
  name.sun_family = sa_family_t(AF_UNIX)
  var bytes = Array(address.utf8)
  if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
  withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: bytes) }
  let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
  try #require(descriptor >= 0)
  defer { close(descriptor) }
  let length = socklen_t(2 + bytes.count)
  let bound = withUnsafePointer(to: &name) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
  }
  try #require(bound == 0)
  try await body {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
    return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
  }
}

@Suite("What systemd is told")
struct ServiceManagerTests {
  @Test("goes in one datagram to a path or to an abstract name")
  func datagrams() async throws {
    try await withTemporaryFolder { folder in
      for address in ["\(folder.path)/notify", "@longshore-test-\(getpid())"] {
        try await withNotifySocket(address) { next in
          let manager = ServiceManager(environment: ["NOTIFY_SOCKET": address])
          manager.tell(.ready, .status("two\nlines"))
          manager.tell([])
          manager.tell(.watchdog)
          manager.tell(.reloading(monotonicMicroseconds: 7))
          #expect(next() == "READY=1\nSTATUS=two lines")
          #expect(next() == "WATCHDOG=1")
          #expect(next() == "RELOADING=1\nMONOTONIC_USEC=7")
          #expect(next() == nil)
        }
      }
    }
  }

  @Test("is nothing where nobody listens")
  func nobody() {
    ServiceManager(environment: [:]).tell(.ready)
    ServiceManager(environment: ["NOTIFY_SOCKET": "vsock:2:1234"]).tell(.ready)
    ServiceManager(environment: ["NOTIFY_SOCKET": "/nowhere/\(String(repeating: "n", count: 200))"]).tell(.ready)
    ServiceManager(environment: ["NOTIFY_SOCKET": "/nowhere/notify"]).tell(.ready)
  }

  @Test("comes as often as the watchdog of this process wants it")
  func watchdog() {
    func interval(_ variables: [String: String]) -> Int64? {
      ServiceManager(environment: variables, processID: 7).watchdogMilliseconds
    }
    #expect(interval([:]) == nil && interval(["WATCHDOG_USEC": "0"]) == nil && interval(["WATCHDOG_USEC": "x"]) == nil)
    #expect(interval(["WATCHDOG_USEC": "30000000"]) == 30_000)
    #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"]) == 30_000)
    #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"]) == nil)
  }
}
