import FoundationEssentials
import Testing

@testable import Libvirt

private let daemonURI = ProcessInfo.processInfo.environment["LONGSHORE_TEST_LIBVIRT"]

/// Against a real daemon with QEMU, which `LONGSHORE_TEST_LIBVIRT` names: `qemu:///system`.
///
/// The guests have no disks and stand still; everything made has a name of its own and is removed.
@Suite(
  "With a daemon",
  .enabled(if: daemonURI != nil, "set LONGSHORE_TEST_LIBVIRT to a libvirt URI to run these"),
  .timeLimit(.minutes(10)))
struct DaemonTests {
  private func withConnection<Value>(_ body: (LibvirtConnection) async throws -> Value) async throws -> Value {
    let connection = try await LibvirtConnection.open(#require(daemonURI))
    do {
      let value = try await body(connection)
      await connection.close()
      return value
    } catch {
      await connection.close()
      throw error
    }
  }

  private func domainXML(named name: String) -> String {
    """
    <domain type='qemu'>
      <name>\(name)</name>
      <memory unit='MiB'>16</memory>
      <os><type arch='x86_64'>hvm</type></os>
      <devices><controller type='usb' model='none'/><memballoon model='none'/></devices>
    </domain>
    """
  }

  @Test("tells about the host")
  func host() async throws {
    try await withConnection { connection in
      #expect(await connection.isAlive())
      let uuid = try #require(try await connection.hostUUID())
      #expect(try await connection.capabilities().contains(uuid))
      let versions = try await connection.versions()
      #expect(versions.daemon >= SoftwareVersion(9))
      #expect(versions.hypervisor > SoftwareVersion(2))
      let capabilities = try await connection.domainCapabilities(arch: "x86_64", virtType: "qemu")
      #expect(capabilities.contains("<domainCapabilities>"))
      #expect(try await connection.freeMemory() > 1 << 20)
      #expect(try await connection.secretValue(uuid: UUID().uuidString) == nil)
    }
  }

  @Test("compares processors")
  func processors() async throws {
    try await withConnection { connection in
      let plain = "<cpu mode='custom' match='exact'><model>qemu64</model></cpu>"
      #expect(try await connection.compareHypervisorCPU(plain, arch: "x86_64", virtType: "qemu") != .incompatible)
      let absent = """
        <cpu mode='custom' match='exact'><model>qemu64</model>
        <feature policy='require' name='avx512-vp2intersect'/></cpu>
        """
      let comparison = try await connection.compareHypervisorCPU(absent, arch: "x86_64", virtType: "qemu")
      #expect(comparison == .incompatible)
      let error = await #expect(throws: LibvirtError.self) {
        try await connection.compareHypervisorCPU(absent, arch: "x86_64", virtType: "qemu", failIncompatible: true)
      }
      #expect(error?.code == .cpuIncompatible)
    }
  }

  @Test("runs a domain and hears of it")
  func life() async throws {
    try await withConnection { connection in
      let domain = try await connection.defineDomain(xml: domainXML(named: TestDriver.uniqueName("longshore")))
      do {
        try await live(domain)
      } catch {
        try? await domain.destroy()
        try? await domain.undefine()
        throw error
      }
      try await domain.undefine()
      #expect(try await connection.domain(uuid: domain.uuid) == nil)
    }
  }

  private func live(_ domain: Domain) async throws {
    let events = try await domain.connection.events()
    try await domain.start(.paused)
    #expect(try await domain.state() == .paused(.user))
    #expect(try await domain.jobStatistics().kind == .none)
    let absent = await #expect(throws: LibvirtError.self) { try await domain.blockJob(disk: "vda") }
    #expect(absent?.code == .invalidArgument)
    #expect(try await domain.snapshotCount() == 0)
    #expect(try await domain.checkpointCount() == 0)
    #expect(try await domain.xml([.migratable, .secure]).contains(domain.uuid))
    try await domain.setMaxDowntime(milliseconds: 250)
    #expect(try await domain.maxDowntime() == 250)
    let abort = await #expect(throws: LibvirtError.self) { try await domain.abortJob() }
    #expect(abort?.code == .operationInvalid)
    let same = await #expect(throws: LibvirtError.self) {
      try await domain.migrate(
        toURI: "qemu+unix:///system?socket=/nonexistent/libvirt.sock", flags: [.live, .peerToPeer])
    }
    #expect(same?.operation.hasPrefix("migrate domain \(domain.name) to ") == true)
    #expect(same?.isConnectionLost == true || same?.code == .operationFailed)
    #expect(await domain.connection.isAlive())
    try await domain.destroy()
    #expect(try await domain.state() == .shutoff(.destroyed))
    var seen: [LifecycleEvent] = []
    for await event in events where event.uuid == domain.uuid {
      guard case .lifecycle(let change) = event.kind else { continue }
      seen.append(change)
      if case .stopped = change { break }
    }
    #expect(seen.contains(.started(.booted)))
    #expect(seen.contains(.suspended(.paused)))
    #expect(seen.last == .stopped(.destroyed))
  }

  @Test("keeps volumes in a folder")
  func pool() async throws {
    let name = TestDriver.uniqueName("longshore")
    let folder = URL.temporaryDirectory.appending(path: name).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await withConnection { connection in
      let pool = try await connection.createPool(
        xml: "<pool type='dir'><name>\(name)</name><target><path>\(folder)</path></target></pool>")
      do {
        try await keepVolumes(in: pool, folder)
      } catch {
        try? await pool.stop()
        throw error
      }
      try await pool.stop()
      #expect(try await connection.pool(named: name) == nil)
    }
  }

  private func keepVolumes(in pool: StoragePool, _ folder: String) async throws {
    let connection = pool.connection
    #expect(try await connection.pool(targetPath: folder)?.uuid == pool.uuid)
    #expect(try await connection.pool(targetPath: folder + "/nothing") == nil)
    #expect(try await pool.configuration().kind == .directory)
    #expect(try await pool.info().available > 0)
    let xml = """
      <volume><name>a.qcow2</name><capacity unit='MiB'>8</capacity><target><format type='qcow2'/></target></volume>
      """
    let volume = try await pool.createVolume(xml: xml)
    let again = await #expect(throws: LibvirtError.self) { try await pool.createVolume(xml: xml) }
    #expect(again?.code == .storageVolumeExists)
    #expect(try await volume.info() == .init(kind: .file, capacity: 8 << 20, allocation: volume.info().allocation))
    // What comes from elsewhere is seen after a refresh.
    #expect(FileManager.default.createFile(atPath: folder + "/b.raw", contents: Data(count: 4_096)))
    #expect(try await pool.volume(named: "b.raw") == nil)
    try await pool.refresh()
    #expect(try await pool.volume(named: "b.raw")?.info().capacity == 4_096)
    #expect(try await connection.volume(path: folder + "/a.qcow2")?.key == volume.key)
    try await volume.delete()
    #expect(try await pool.volumes().map(\.name) == ["b.raw"])
  }
}
