import Testing

@testable import Libvirt

@Suite("Events", .timeLimit(.minutes(10)))
struct EventTests {
  /// A domain on a host that no other test's connections share: their events, and that they listen and cease to, are none of this.
  private func withDomain(_ body: (LibvirtConnection, Domain) async throws -> Void) async throws {
    try await TestDriver.withOwnHost { uri in try await TestDriver.withDomain(uri, body) }
  }

  @Test("come in order, with the domain they are about")
  func lifecycle() async throws {
    try await withDomain { connection, domain in
      let events = try await connection.events()
      try await domain.start()
      try await domain.suspend()
      try await domain.resume()
      try await domain.destroy()
      var seen: [DomainEvent.Kind] = []
      for await event in events where event.isNews(of: domain) {
        #expect(event.name == domain.name)
        seen.append(event.kind)
        if case .lifecycle(.stopped) = event.kind { break }
      }
      #expect(
        seen == [
          .lifecycle(.started(.booted)), .lifecycle(.suspended(.paused)), .lifecycle(.resumed(.unpaused)),
          .lifecycle(.stopped(.destroyed)),
        ])
    }
  }

  @Test("reach every subscriber")
  func subscribers() async throws {
    try await withDomain { connection, domain in
      let first = try await connection.events()
      let second = try await connection.events()
      try await domain.start()
      for events in [first, second] {
        let event = await events.first { $0.isNews(of: domain) }
        #expect(event?.kind == .lifecycle(.started(.booted)))
      }
    }
  }

  @Test("end when the connection is closed")
  func closed() async throws {
    let connection = try await LibvirtConnection.open(TestDriver.uri)
    let events = try await connection.events()
    let reader = Task { for await _ in events {} }
    await connection.close()
    await reader.value
  }

  @Test("end when the connection is lost, and are refused afterwards")
  func lost() async throws {
    let connection = try await LibvirtConnection.open(TestDriver.uri)
    let events = try await connection.events()
    connection.connectionWasClosed(.keepAlive)
    for await _ in events {}
    #expect(try await connection.waitUntilClosed() == .keepAlive)
    #expect(await connection.isAlive() == false)
    let late = try await connection.events()
    for await _ in late {}
    await connection.close()
  }

  @Test("of a kind that is not known keep their numbers")
  func unknown() {
    #expect(LifecycleEvent(event: 99, detail: 7) == .other(event: 99, detail: 7))
    let detail = LifecycleEvent(event: 5, detail: 77)
    #expect(detail == .stopped(.init(rawValue: 77)))
    #expect(detail.description == "stopped (unknown (77))")
    #expect(LifecycleEvent(event: 4, detail: 1) == .resumed(.migrated))
    #expect(LifecycleEvent(event: 4, detail: 1).description == "resumed (migrated)")
  }
}
