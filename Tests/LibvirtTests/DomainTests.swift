import Testing

@testable import Libvirt

@Suite("A domain")
struct DomainTests {
  @Test("is found by name and by UUID, or not at all")
  func lookUp() async throws {
    try await TestDriver.withConnection { connection in
      let named = try #require(try await connection.domain(named: "test"))
      let same = try #require(try await connection.domain(uuid: named.uuid.uppercased()))
      #expect(same.name == "test")
      #expect(same.uuid == named.uuid)
      #expect(named.uuid == named.uuid.lowercased())
      #expect(named.uuid.count == 36)
      #expect(named.id == 1)
      #expect(try await connection.domain(named: "nobody") == nil)
      #expect(try await connection.domain(uuid: "00000000-0000-4000-8000-000000000000") == nil)
    }
  }

  @Test("is listed where the filter lets it")
  func list() async throws {
    try await TestDriver.withDomain { connection, domain in
      let all = try await connection.domains()
      let active = try await connection.domains(.active)
      let inactive = try await connection.domains(.inactive)
      #expect(domain.id == nil)
      #expect(all.contains { $0.uuid == domain.uuid })
      #expect(inactive.contains { $0.uuid == domain.uuid })
      #expect(!active.contains { $0.uuid == domain.uuid })
      #expect(active.contains { $0.name == "test" })
    }
  }

  @Test("goes through its life")
  func life() async throws {
    try await TestDriver.withDomain { connection, domain in
      #expect(try await domain.state() == .shutoff(.unknown))
      #expect(try await domain.isPersistent())
      #expect(try await !domain.isActive())
      try await domain.start()
      #expect(try await domain.state() == .running(.booted))
      #expect(try await domain.isActive())
      try await domain.suspend()
      #expect(try await domain.state() == .paused(.user))
      try await domain.resume()
      #expect(try await domain.state() == .running(.unpaused))
      try await domain.destroy()
      #expect(try await domain.state() == .shutoff(.destroyed))
      try await domain.undefine()
      let error = await #expect(throws: LibvirtError.self) { try await domain.state() }
      #expect(error?.code == .noDomain)
      #expect(try await connection.domain(uuid: domain.uuid) == nil)
    }
  }

  @Test("says that an operation does not fit its state")
  func wrongState() async throws {
    try await TestDriver.withDomain { _, domain in
      let error = await #expect(throws: LibvirtError.self) { try await domain.destroy() }
      #expect(error?.code == .operationInvalid)
      #expect(error?.operation == "destroy domain \(domain.name)")
      #expect(error?.isConnectionLost == false)
    }
  }

  @Test("has a definition with its settings")
  func definition() async throws {
    try await TestDriver.withDomain { _, domain in
      #expect(try await domain.xml(.inactive).contains("<name>\(domain.name)</name>"))
      #expect(try await !domain.autostart())
      try await domain.setAutostart(true)
      #expect(try await domain.autostart())
      #expect(try await domain.snapshotCount() == 0)
      #expect(try await domain.checkpointCount() == 0)
      #expect(try await !domain.hasManagedSave())
    }
  }

  @Test("outlives the variables that led to it")
  func lifetime() async throws {
    let domain = try await {
      let connection = try await LibvirtConnection.open(TestDriver.uri)
      return try #require(try await connection.domain(named: "test"))
    }()
    #expect(try await domain.state() == .running(.unknown))
    await domain.connection.close()
  }

  @Test("can be watched and asked while the lane of migrations is taken")
  func controlDoesNotWait() async throws {
    try await TestDriver.withDomain { connection, domain in
      let gate = Gate()
      connection.lanes[.migrations].submit { gate.waitBlocking() }
      let migration = Task {
        try await domain.migrate(toURI: "test:///default", flags: [.live, .peerToPeer])
      }
      let isPersistent = try await domain.isPersistent()
      #expect(isPersistent)
      gate.open()
      let error = await #expect(throws: LibvirtError.self) { try await migration.value }
      #expect(error?.code == .noSupport || error?.code == .argumentUnsupported)
      #expect(error?.operation == "migrate domain \(domain.name) to test:///default")
    }
  }
}
