import Testing

@testable import Libvirt

@Suite("A connection")
struct ConnectionTests {
  @Test("tells about its host")
  func host() async throws {
    try await TestDriver.withConnection { connection in
      #expect(await connection.isAlive())
      #expect(try await !connection.hostname().isEmpty)
      #expect(try await connection.capabilities().contains("<capabilities>"))
      #expect(try await connection.freeMemory() > 0)
      let versions = try await connection.versions()
      #expect(versions.library >= SoftwareVersion(9))
      #expect(versions.daemon == versions.library)
    }
  }

  @Test("names what it could not open, and why")
  func cannotOpen() async throws {
    let error = await #expect(throws: LibvirtError.self) {
      try await LibvirtConnection.open("qemu+unix:///system?socket=/nonexistent/libvirt.sock")
    }
    #expect(error?.operation == "open qemu+unix:///system?socket=/nonexistent/libvirt.sock")
    #expect(error?.code == .systemError)
    #expect(error?.isConnectionLost == true)
    #expect(error?.isRetriable == true)
    #expect(error?.message.contains("/nonexistent/libvirt.sock") == true)
  }

  @Test("refuses calls once it is closed, and closes twice without harm")
  func closed() async throws {
    let connection = try await LibvirtConnection.open(TestDriver.uri)
    let domain = try #require(try await connection.domain(named: "test"))
    await connection.close()
    await connection.close()
    #expect(await connection.isAlive() == false)
    #expect(try await connection.waitUntilClosed() == .client)
    let error = await #expect(throws: LibvirtError.self) { try await domain.state() }
    #expect(error?.code == .invalidConnection)
    #expect(error?.operation == "read the state of domain test")
  }

  @Test("stops waiting for its end when the task is cancelled")
  func cancelledWait() async throws {
    try await TestDriver.withConnection { connection in
      let waiting = Task { try await connection.waitUntilClosed() }
      waiting.cancel()
      await #expect(throws: CancellationError.self) { try await waiting.value }
      #expect(await connection.isAlive())
    }
  }

  @Test("gives each of many calls at once the error of its own")
  func errorsBelongToTheirCalls() async throws {
    try await TestDriver.withConnection(limits: CallLimits(control: 8)) { connection in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<200 {
          group.addTask {
            do throws(LibvirtError) {
              if number.isMultiple(of: 2) {
                _ = try await connection.domain(uuid: "not a UUID")
              } else {
                _ = try await connection.defineDomain(xml: "<domain")
              }
              return false
            } catch {
              return error.code == (number.isMultiple(of: 2) ? .invalidArgument : .xmlError)
                || error.code == .xmlDetail && !number.isMultiple(of: 2)
            }
          }
        }
        for try await isRight in group { #expect(isRight) }
      }
    }
  }

  @Test("reads the host's UUID where its driver gives one")
  func hostUUID() async throws {
    try await TestDriver.withConnection { connection in
      let uuid = try await connection.hostUUID()
      let xml = try await connection.capabilities()
      #expect((uuid != nil) == xml.contains("<uuid>"))
    }
  }

  @Test("says what a driver cannot do")
  func unsupported() async throws {
    try await TestDriver.withConnection { connection in
      let error = await #expect(throws: LibvirtError.self) {
        try await connection.compareHypervisorCPU("<cpu/>", arch: "x86_64")
      }
      #expect(error?.code == .noSupport)
      #expect(error?.isRetriable == false)
    }
  }

  @Test(
    "sends keep-alive in whole seconds, at least one",
    arguments: [
      (.milliseconds(10), 1), (.seconds(5), 5), (.milliseconds(7_900), 7),
    ] as [(Duration, Int32)])
  func keepAlive(interval: Duration, seconds: Int32) {
    #expect(KeepAlive(interval: interval).seconds == seconds)
  }
}
