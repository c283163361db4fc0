import DomainXML
import Libvirt
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("A guest in an inventory")
struct GuestReadingTests {
  private static let uuid = "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b"

  private static func definition(_ disks: String) -> String {
    """
    <domain type='kvm' id='7'>
      <name>web-1</name><uuid>\(uuid)</uuid><title>Web server 1</title>
      <memory unit='GiB'>2</memory><currentMemory unit='GiB'>1</currentMemory><vcpu current='2'>4</vcpu>
      <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
      <devices>\(disks)
        <interface type='bridge'><mac address='52:54:00:12:34:56'/><source bridge='br0'/><model type='virtio'/></interface>
        <interface type='network'><source network='default'/></interface>
        <interface type='user'/>
      </devices>
    </domain>
    """
  }

  private static func guest(
    _ disks: String, volumes: [DiskSource: StorageVolumeDescription] = [:], folders: [String: String] = [:]
  ) throws -> HostInventory.Guest {
    let reading = GuestReading(
      uuid: uuid, name: "web-1", state: "running", isPersistent: true, document: try DomainDocument(parsing: definition(disks)))
    return reading.inventory(volumes: volumes, folders: folders, motion: .init(MessageSamples.migration, incoming: true))
  }

  private static func disk(_ target: String, file: String, serial: String? = nil, below: String = "") -> String {
    """
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='\(file)'/>\(below)
      <target dev='\(target)' bus='virtio'/>\(serial.map { "<serial>\($0)</serial>" } ?? "")</disk>
    """
  }

  @Test("is what its definition says")
  func definition() throws {
    let guest = try Self.guest("<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>")
    #expect(guest.uuid == Self.uuid && guest.name == "web-1" && guest.title == "Web server 1")
    #expect(guest.state == "running" && guest.persistent)
    #expect(guest.processors == 2 && guest.memory == 2 << 30)
    #expect(guest.architecture == "x86_64" && guest.machine == "pc-q35-7.2")
    #expect(
      guest.interfaces == [
        .init(mac: "52:54:00:12:34:56", type: "bridge", source: "br0", model: "virtio"), .init(type: "network", source: "default"),
        .init(type: "user"),
      ])
    #expect(guest.migration == .init(MessageSamples.migration, incoming: true))
    let drive = try #require(guest.disks.first)
    #expect(drive.target == "sda" && drive.bus == "sata" && drive.device == "cdrom" && drive.readOnly)
    #expect(drive.source == nil && drive.pool == nil && drive.capacity == nil && drive.template == nil)
  }

  @Test("has volumes as their pools tell them, and knows files in a pool's folder that libvirt has not read yet")
  func volumes() throws {
    let told = StorageVolumeDescription(
      pool: "primary", name: "root.qcow2", capacity: 20 << 30, allocation: 3 << 30, format: "qcow2", backingPath: "/pools/a/debian.qcow2")
    let disks = try Self.guest(
      Self.disk("vda", file: "/pools/a/root.qcow2") + Self.disk("vdb", file: "/pools/b/new.qcow2")
        + Self.disk("vdc", file: "/elsewhere/data.qcow2"),
      volumes: [.file("/pools/a/root.qcow2"): told], folders: ["/pools/a": "primary", "/pools/b": "archive"]
    ).disks
    #expect(disks.map(\.pool) == ["primary", "archive", nil])
    #expect(disks.map(\.volume) == ["root.qcow2", "new.qcow2", nil])
    #expect(disks.map(\.source) == ["/pools/a/root.qcow2", "/pools/b/new.qcow2", "/elsewhere/data.qcow2"])
    #expect(disks.map(\.capacity) == [20 << 30, nil, nil] && disks.map(\.allocation) == [3 << 30, nil, nil])
    #expect(disks.map(\.template) == ["debian.qcow2", nil, nil])
  }

  @Test("has the template that QEMU has open, or none where libvirt says so, before what a header says")
  func templates() throws {
    func template(below: String) throws -> String? {
      let path = "/pools/a/root.qcow2"
      let told = StorageVolumeDescription(
        pool: "primary", name: "root.qcow2", capacity: 1, allocation: 1, format: "qcow2", backingPath: "/pools/a/old.qcow2")
      return try Self.guest(Self.disk("vda", file: path, below: below), volumes: [.file(path): told]).disks.first?.template
    }
    let layer = "<backingStore type='file'><format type='qcow2'/><source file='/t/new.qcow2'/><backingStore/></backingStore>"
    #expect(try template(below: layer) == "new.qcow2")
    #expect(try template(below: "<backingStore/>") == nil)
    #expect(try template(below: "") == "old.qcow2")
  }

  // MARK: - Ids

  @Test("has disks whose ids stay when they move to another pool, name and format")
  func idsOutliveMoves() throws {
    let before = try Self.guest(Self.disk("vda", file: "/pools/a/root.qcow2") + Self.disk("vdb", file: "/pools/a/d", serial: "5e41a1"))
    let after = try Self.guest(
      Self.disk("vda", file: "/pools/b/root-2.raw") + Self.disk("vdb", file: "/pools/c/other", serial: "5e41a1"))
    #expect(before.disks.map(\.id) == after.disks.map(\.id))
    #expect(Set(before.disks.map(\.id)).count == 2)
    // As any program can make it: UUID version 5 of the guest's UUID and this name.
    #expect(before.disks.first?.id == "10a7da28-87f8-5bb3-a213-5b813319a801")
  }

  @Test("has disks whose ids follow their serials to another target")
  func idsFollowSerials() throws {
    let before = try Self.guest(Self.disk("vda", file: "/a", serial: "1") + Self.disk("vdb", file: "/b", serial: "2")).disks
    let after = try Self.guest(Self.disk("vdb", file: "/a", serial: "1") + Self.disk("vda", file: "/b", serial: "2")).disks
    #expect(before.map(\.id) == after.map(\.id))
  }

  @Test("does not take a serial that two disks have for either's own")
  func doubledSerials() throws {
    let disks = try Self.guest(Self.disk("vda", file: "/a", serial: "1") + Self.disk("vdb", file: "/b", serial: "1")).disks
    let plain = try Self.guest(Self.disk("vda", file: "/a") + Self.disk("vdb", file: "/b")).disks
    #expect(disks.map(\.id) == plain.map(\.id) && disks.map(\.serial) == ["1", "1"])
  }

  @Test("is there with its name and state even where its definition cannot be read")
  func unreadable() {
    let guest = GuestReading(uuid: Self.uuid, name: "web-1", state: "running", isPersistent: false, document: nil)
      .inventory(volumes: [:], folders: [:], motion: nil)
    #expect(guest == HostInventory.Guest(uuid: Self.uuid, name: "web-1", state: "running", persistent: false, processors: 0, memory: 0))
  }

  // MARK: - Pages

  private static func guests(_ count: Int) -> [HostInventory.Guest] {
    (0..<count).map { number in
      let digits = String(number, radix: 16)
      return HostInventory.Guest(
        uuid: "00000000-0000-4000-8000-\(String(repeating: "0", count: 12 - digits.count))\(digits)", name: "guest-\(number)",
        state: "running", persistent: true, processors: 2, memory: 2 << 30,
        disks: ["vda", "vdb"].map { target in
          HostInventory.Disk(
            id: uuid, target: target, bus: "virtio", device: "disk", readOnly: false, serial: "0123456789abcdef0123", pool: "primary",
            volume: "\(uuid)-\(target).qcow2", source: "/var/lib/libvirt/pools/primary/\(uuid)-\(target).qcow2", format: "qcow2",
            capacity: 1 << 40, allocation: 1 << 39, template: "\(uuid).qcow2")
        }, interfaces: [.init(mac: "52:54:00:12:34:56", type: "bridge", source: "br0", model: "virtio")])
    }
  }

  @Test("goes with hundreds of others into a message, and the rest into the next ones, none twice and none left out")
  func pages() throws {
    let all = Self.guests(2000)
    var rest = all[...]
    var told: [HostInventory.Guest] = []
    var counts: [Int] = []
    while true {
      let page = HostInventory.page(of: Array(rest))
      told += page.guests
      counts.append(page.guests.count)
      let inventory = HostInventory(
        machine: .init(agentVersion: "1", maintenance: .init(isOn: false), migrations: 0),
        settings: HostSettings(deadlineSeconds: .init(86_400)), guests: page.guests, next: page.next)
      let reply = Reply(to: MessageSamples.migration, from: MessageSamples.source, body: .inventory(inventory))
      #expect(MessageCoding.encode(reply).count < Wire.maximumMessageSize)
      guard let next = page.next else { break }
      rest = rest.drop { $0.uuid <= next.text }
    }
    #expect(told == all)
    #expect(try #require(counts.first) >= 500, "\(counts)")
  }

  @Test("goes alone where it is too large for a message with others")
  func largeGuest() {
    let all = Self.guests(3)
    #expect(HostInventory.page(of: all, size: 10).guests == [all[0]])
    #expect(HostInventory.page(of: all, size: 10).next?.text == all[0].uuid)
    #expect(HostInventory.page(of: [all[2]], size: 10) == ([all[2]], nil))
    #expect(HostInventory.page(of: [], size: 10) == ([], nil))
  }
}
