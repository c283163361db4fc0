import ArgumentParser
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreCommands

@Suite("The commands host and settings")
struct InventoryCommandTests {
  private static let disk = HostInventory.Disk(
    id: "c5a4b2f1-6d3e-5a7b-8c9d-0e1f2a3b4c5d", target: "vda", bus: "virtio", device: "disk", readOnly: false, pool: "fast",
    volume: "web-1.qcow2", source: "/pools/fast/web-1.qcow2", format: "qcow2", capacity: 20 << 30, allocation: 3 << 30,
    template: "debian.qcow2")

  private static func guest(_ number: Int) -> HostInventory.Guest {
    HostInventory.Guest(
      uuid: "u\(number)", name: "web-\(number)", state: "running", persistent: number != 2, processors: 4, memory: 8 << 30,
      disks: [disk, .init(id: "x", target: "sda", device: "cdrom", readOnly: true)],
      interfaces: [.init(mac: "52:54:00:12:34:56", type: "bridge", source: "br0", model: "virtio")],
      migration: number == 1 ? .init(Sample.migration, incoming: false) : nil)
  }

  private static func inventory(_ guests: [HostInventory.Guest], next: String? = nil) -> HostInventory {
    HostInventory(
      machine: .init(
        uuid: "3a1f0c5e-8b7d-4e2a-9c6f-5d4e3f2a1b0c", agentVersion: "0.1.0", libvirtVersion: "9.0.0", hypervisor: "QEMU",
        hypervisorVersion: "7.2.0", processors: .init(count: 64, sockets: 2, mhz: 2600, architecture: "x86_64"), memory: 256 << 30,
        memoryAvailable: 64 << 30, maintenance: Maintenance(isOn: true), migrations: 1),
      settings: HostSettings(deadlineSeconds: .init(7200, since: Sample.start)),
      pools: [
        .init(
          uuid: "p1", name: "fast", type: "netfs", active: true, allowed: true, capacity: 200 << 30, allocation: 188 << 30,
          available: 12 << 30, path: "/pools/fast", sourceHosts: ["nfs1"], sourceDirectory: "/export"),
        .init(uuid: "p2", name: "old", type: "dir", active: false, allowed: false, capacity: 0, allocation: 0, available: 0),
      ], guests: guests, next: next.flatMap(ResourceName.init))
  }

  @Test("a host is shown with its pools, and its guests with their disks, of all pages")
  func host() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { _, request in
      guard case .inventory(let question) = request.command else { return .failure(.silence) }
      return .success(
        Sample.reply(
          .inventory(question.after == nil ? Self.inventory([Self.guest(1)], next: "u1") : Self.inventory([Self.guest(2)]))))
    })
    #expect(try await harness.run("host", "alpha") == .done)
    #expect(harness.link.asked.map(\.routingKey) == ["lab.alpha", "lab.alpha"])
    #expect(
      harness.output.text == """
        alpha  in maintenance
          uuid      3a1f0c5e-8b7d-4e2a-9c6f-5d4e3f2a1b0c
          versions  longshored 0.1.0, libvirt 9.0.0, QEMU 7.2.0
          CPUs      64 in 2 sockets, x86_64, 2600 MHz
          memory    256 GiB, 64 GiB available
          moving    1 migration
          deadline  2h 00m, by a request of 2026-01-31 18:30:00

        POOL  TYPE   STATE                  FREE    SIZE     PATH         SOURCE
        fast  netfs  active                 12 GiB  200 GiB  /pools/fast  nfs1:/export
        old   dir    inactive, not allowed  -       -        -            -

        GUEST  STATE               CPUS  MEMORY   MIGRATION  UUID
        web-1  running             4     8.0 GiB  out, m-1   u1
          vda  fast/web-1.qcow2, 20 GiB (3.0 GiB taken), qcow2, clone of debian.qcow2
          sda  cdrom empty, read-only
          52:54:00:12:34:56  bridge br0, virtio
        web-2  running, transient  4     8.0 GiB  -          u2
          vda  fast/web-1.qcow2, 20 GiB (3.0 GiB taken), qcow2, clone of debian.qcow2
          sda  cdrom empty, read-only
          52:54:00:12:34:56  bridge br0, virtio

        """)
  }

  @Test("a guest that is not there is refused, and so is what a host refuses")
  func noGuest() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { _, _ in .success(Sample.reply(.inventory(Self.inventory([])))) })
    #expect(try await harness.run("host", "alpha", "--guest", "nobody", "--format", "json") == .refused)
    #expect(harness.link.asked.first?.request.command == .inventory(InventoryQuestion(guest: ResourceName("nobody"))))
    #expect(harness.error.text == "alpha has no guest nobody.\n")
    harness.link = FakeLink(answer: { _, _ in .success(Sample.reply(.rejected([Reason(.expired, "too late")]))) })
    #expect(try await harness.run("host", "alpha") == .refused)
  }

  @Test("a host that names no guest further on is not asked for ever")
  func endlessPages() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answer: { _, _ in .success(Sample.reply(.inventory(Self.inventory([Self.guest(1)], next: "u1")))) })
    #expect(try await harness.run("host", "alpha", "--quiet") == .done)
    #expect(harness.link.asked.count == 2)
  }

  @Test("settings are shown of all hosts that answer, without their guests")
  func settings() async throws {
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in
      .success([
        Sample.reply(.inventory(Self.inventory([])), from: Sample.beta),
        Sample.reply(
          .inventory(
            HostInventory(
              machine: .init(agentVersion: "1", maintenance: .init(isOn: false), migrations: 0),
              settings: HostSettings(deadlineSeconds: .init(86_400)))), from: Sample.alpha),
      ])
    })
    #expect(try await harness.run("settings") == .done)
    #expect(harness.link.asked.first?.request.command == .inventory(InventoryQuestion(after: InventoryQuestion.lastGuest)))
    #expect(
      harness.output.text == """
        alpha: deadline  1d 0h, by the host's configuration
        beta: deadline  2h 00m, by a request of 2026-01-31 18:30:00

        """)
  }

  @Test("settings are changed at each host that is named, until one refuses")
  func change() async throws {
    var harness = CommandHarness()
    let settings = HostSettings(deadlineSeconds: .init(172_800, since: Sample.start))
    harness.link = FakeLink(answer: { link, _ in
      let isFirst = link.asked.count == 1
      return .success(
        Sample.reply(
          isFirst
            ? .configured(settings, changes: [HostSettingChange(.deadlineSeconds, from: 86_400, to: 172_800)])
            : .rejected([Reason(.expired, "too late")])))
    })
    #expect(try await harness.run("settings", "set", "alpha", "beta", "gamma", "--deadline", "2d") == .refused)
    #expect(harness.link.asked.map(\.routingKey) == ["lab.alpha", "lab.beta"])
    #expect(harness.link.asked.first?.request.command == .configure(HostSettingsChange(deadlineSeconds: 172_800)))
    #expect(harness.output.text == "alpha: deadline  1d 0h -> 2d 0h\n")

    harness.link = FakeLink(answer: { _, _ in .success(Sample.reply(.configured(settings, changes: []))) })
    #expect(try await harness.run("settings", "reset", "alpha", "--deadline", "--format", "json") == .done)
    #expect(harness.link.asked.first?.request.command == .configure(HostSettingsChange(reset: [.deadlineSeconds])))
  }

  @Test("what cannot be a change is refused before anybody is asked")
  func usage() {
    for line in [
      ["settings", "set", "alpha"], ["settings", "set", "--deadline", "2d"], ["settings", "reset", "alpha"],
      ["settings", "set", "alpha", "--deadline", "31d"],
    ] {
      #expect(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(line) }
    }
  }
}
