import Testing

@testable import Libvirt

@Suite("A storage pool")
struct StorageTests {
  @Test("is found by name and by UUID, or not at all")
  func lookUp() async throws {
    try await TestDriver.withConnection { connection in
      let pool = try #require(try await connection.pool(named: "default-pool"))
      #expect(try await connection.pools().map(\.uuid).contains(pool.uuid))
      #expect(try await connection.pool(uuid: pool.uuid)?.name == "default-pool")
      #expect(try await connection.pool(named: "nothing") == nil)
      #expect(try await connection.volume(path: "/nothing/at/all") == nil)
      #expect(try await connection.describeVolume(path: "/nothing/at/all") == nil)
      #expect(try await connection.describeVolume(named: "nothing", inPool: "default-pool") == nil)
    }
  }

  @Test("tells what it is and how much it holds")
  func description() async throws {
    try await TestDriver.withConnection { connection in
      let pool = try #require(try await connection.pool(named: "default-pool"))
      #expect(try await pool.isActive())
      let configuration = try await pool.configuration()
      #expect(configuration.kind == .directory)
      #expect(configuration.targetPath == "/default-pool")
      #expect(configuration.uuid == pool.uuid)
      let info = try await pool.info()
      #expect(info.state == .running)
      #expect(info.capacity == 100 << 30)
      #expect(info.available <= info.capacity)
      try await pool.refresh()
    }
  }

  @Test("makes volumes, finds them and deletes them")
  func volumes() async throws {
    try await TestDriver.withConnection { connection in
      let pool = try #require(try await connection.pool(named: "default-pool"))
      let name = TestDriver.uniqueName("volume") + ".qcow2"
      let xml = """
        <volume><name>\(name)</name><capacity unit='MiB'>64</capacity>
        <target><format type='qcow2'/></target></volume>
        """
      let volume = try await pool.createVolume(xml: xml)
      let again = await #expect(throws: LibvirtError.self) { try await pool.createVolume(xml: xml) }
      #expect(again?.message.contains("already exists") == true)
      #expect(try await volume.path() == "/default-pool/\(name)")
      let info = try await volume.info()
      #expect(info.kind == .file)
      #expect(info.capacity == 64 << 20)
      #expect(try await volume.xml().contains("qcow2"))
      #expect(try await pool.volumes().map(\.key).contains(volume.key))
      #expect(try await pool.volume(named: name)?.key == volume.key)
      #expect(try await connection.volume(path: "/default-pool/\(name)")?.name == name)
      let described = try #require(try await connection.describeVolume(path: "/default-pool/\(name)"))
      #expect(described.pool == "default-pool" && described.name == name && described.format == "qcow2")
      #expect(described.capacity == 64 << 20 && described.backingPath == nil)
      #expect(try await connection.describeVolume(named: name, inPool: "default-pool") == described)
      #expect(try await connection.describeVolume(named: name, inPool: "nothing") == nil)
      try await volume.delete()
      #expect(try await pool.volume(named: name) == nil)
    }
  }

  @Test("describes a volume with what is behind it")
  func backing() throws {
    let volume = try StorageVolumeDescription(
      pool: "primary",
      xml: """
        <volume type='file'><name>web &amp; 1.qcow2</name><key>/p/web-1.qcow2</key><capacity unit='bytes'>21474836480</capacity>
        <allocation unit='bytes'>200704</allocation><target><path>/p/web-1.qcow2</path><format type='qcow2'/></target>
        <backingStore><path>/p/debian.qcow2</path><format type='qcow2'/></backingStore></volume>
        """)
    #expect(
      volume
        == StorageVolumeDescription(
          pool: "primary", name: "web & 1.qcow2", capacity: 20 << 30, allocation: 200_704, format: "qcow2",
          backingPath: "/p/debian.qcow2"))
    #expect(throws: LibvirtError.self) { try StorageVolumeDescription(pool: "primary", xml: "<volume><name>x</name></volume>") }
  }

  @Test("is refreshed again while it has jobs, with growing pauses, and not for ever")
  func refreshWhileBusy() async throws {
    let busy = LibvirtError(
      code: .internalError, domain: .storage, message: "internal error: pool 'p' has asynchronous jobs running.",
      operation: "refresh pool p")
    let clock = RecordingClock()
    let patience = StoragePool.RefreshPatience(attempts: 5, firstPause: .seconds(1), longestPause: .seconds(3))
    var attempts = 0
    try await StoragePool.retryWhileBusy(patience, clock: clock) { () async throws(LibvirtError) in
      attempts += 1
      if attempts < 4 { throw busy }
    }
    #expect(attempts == 4)
    #expect(clock.pauses == [.seconds(1), .seconds(2), .seconds(3)])

    attempts = 0
    let error = await #expect(throws: LibvirtError.self) {
      try await StoragePool.retryWhileBusy(patience, clock: clock) { () async throws(LibvirtError) in
        attempts += 1
        throw busy
      }
    }
    #expect(attempts == 5)
    #expect(error == busy)
    #expect(busy.isRetriable)
  }

  @Test("is not refreshed again for any other error")
  func refreshFails() async throws {
    let clock = RecordingClock()
    var attempts = 0
    await #expect(throws: LibvirtError.self) {
      try await StoragePool.retryWhileBusy(.init(), clock: clock) { () async throws(LibvirtError) in
        attempts += 1
        throw LibvirtError(code: .noStoragePool, domain: .storage, message: "gone", operation: "refresh pool p")
      }
    }
    #expect(attempts == 1)
    #expect(clock.pauses.isEmpty)
  }
}
