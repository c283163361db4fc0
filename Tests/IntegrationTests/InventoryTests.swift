import FoundationEssentials
import LongshoreMessages
import Testing

extension SlowLinkTests {
  /// What hosts tell of what they have, and the settings that are changed over the bus.
  @Suite(.serialized, .enabled(if: Client.longshore != nil, Client.missingLongshore)) struct Inventories {
    @Test("a guest is told with its disks, at both hosts while it moves, and its disks keep their ids in another pool")
    func guest() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let there = try await lab.told(of: .alpha, "--guest", guest.name)
          let before = try #require(there.guests.first)
          #expect(there.guests.count == 1 && before.uuid == guest.uuid && before.name == guest.name && before.migration == nil)
          #expect(before.state == "running" && before.persistent && before.memory == 128 << 20 && before.architecture == "x86_64")
          #expect(before.disks.map(\.target) == ["vda", "vdb"] && before.disks.map(\.pool) == ["primary", "primary"])
          #expect(before.disks.map(\.template) == [Guest.template, nil] && before.disks.allSatisfy { $0.device == "disk" && !$0.readOnly })
          #expect(try await before.disks.map(\.source) == guest.disks(on: .alpha))
          for disk in before.disks {
            let info = try await lab.on(.alpha, "qemu-img", "info", "-U", "--output", "json", #require(disk.source))
            let image = try JSONDecoder().decode(DiskImages.Image.self, from: Data(info.utf8))
            #expect(disk.capacity == UInt64(image.virtualSize) && disk.format == image.format)
            #expect(disk.volume?.hasPrefix("\(guest.name)-") == true && disk.allocation ?? 0 > 0)
          }
          let machine = there.machine
          let uuid = try #require(machine.uuid)
          #expect(try await lab.shell(on: .alpha, "virsh capabilities").contains("<uuid>\(uuid)</uuid>"))
          #expect(machine.hypervisor == "QEMU" && machine.libvirtVersion != nil && machine.processors?.count ?? 0 > 0)
          // Of a machine whose memory was plugged in while it ran, libvirt can tell less than what the kernel has available.
          #expect(machine.memory ?? 0 > 0 && machine.memoryAvailable ?? 0 > 0 && !machine.maintenance.isOn)
          let pool = try #require(there.pools.first { $0.name == "primary" })
          #expect(try pool.active && pool.allowed && pool.path == lab.folder(.primary, on: .alpha))
          #expect(pool.capacity > 0 && pool.uuid.count == 36 && there.pools.map(\.name) == there.pools.map(\.name).sorted())
          #expect(try await lab.told(of: .beta).guests.isEmpty)

          let id = try await lab.withLink(of: .beta, rate: "5mbit") {
            let pools = MigrateCommand.Pools(default: ResourceName("secondary"))
            let id = try await orchestrator.migrate(guest, from: .alpha, pools: pools)
            try await orchestrator.progress(of: id, until: \.isCopyingDisks)
            #expect(try await lab.told(of: .alpha).guests.map(\.migration) == [.init(id, incoming: false)])
            let coming = try await lab.told(of: .beta)
            #expect(coming.guests.map(\.migration) == [.init(id, incoming: true)] && coming.machine.migrations == 1)
            return id
          }
          _ = try await orchestrator.end(of: id)
          try await orchestrator.waitForRest(of: .beta)
          let after = try #require(try await lab.told(of: .beta, "--guest", guest.uuid).guests.first)
          #expect(after.disks.map(\.id) == before.disks.map(\.id) && Set(after.disks.map(\.id)).count == 2)
          #expect(after.disks.map(\.pool) == ["secondary", "secondary"] && after.migration == nil && after.interfaces == before.interfaces)
          #expect(
            after.disks.map(\.capacity) == before.disks.map(\.capacity) && after.disks.map(\.template) == before.disks.map(\.template))
          #expect(try await lab.told(of: .alpha).guests.isEmpty)
        }
      }
    }

    @Test("two hundred guests are told in one answer")
    func manyGuests() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await finally {
        try await lab.shell(
          on: .alpha,
          #"""
          for number in $(seq 200); do
            for disk in a b; do qemu-img create -q -f qcow2 "$1/many-$number-$disk.qcow2" 64M; done
          done
          virsh --quiet pool-refresh primary
          for number in $(seq 200); do
            cat >"/run/many-$number.xml" <<END
          <domain type='qemu'><name>many-$number</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os><devices>
          $(for disk in a b; do printf "<disk type='file'><driver name='qemu' type='qcow2'/><source file='%s'/><target dev='vd$disk'/></disk>" "$1/many-$number-$disk.qcow2"; done)
          </devices></domain>
          END
          done
          for number in $(seq 200); do echo "define /run/many-$number.xml"; done | virsh --quiet >/dev/null
          """#, lab.folder(.primary, on: .alpha))
        let told = try await lab.told(of: .alpha)
        #expect(told.guests.count == 200 && told.guests.map(\.uuid) == told.guests.map(\.uuid).sorted())
        #expect(
          told.guests.allSatisfy { $0.state == "shut off" && $0.disks.allSatisfy { $0.capacity == 64 << 20 && $0.pool == "primary" } })
      } do: {
        try await lab.shell(
          on: .alpha,
          #"for number in $(seq 200); do echo "undefine many-$number"; done | virsh --quiet >/dev/null; rm -f "$1"/many-* /run/many*; virsh --quiet pool-refresh primary"#,
          lab.folder(.primary, on: .alpha))
      }
    }

    @Test("the deadline of orders that give none is changed over the bus, outlives the agent, and counts")
    func deadline() async throws {
      let longshore = try #require(Client.longshore)
      let lab = try await Lab.find()
      try await lab.clear()
      func settings(_ words: String...) async throws -> Client.Ending {
        try await longshore.run(["settings"] + words + ["--timeout", "60s", "--broker", lab.brokerURL, "--cluster", Lab.cluster])
      }
      let configured = try await lab.told(of: .alpha).settings
      #expect(configured.deadlineSeconds.origin == .configuration)
      try await finally {
        let set = try await settings("set", "alpha", "--deadline", "7s")
        #expect(set.code == 0 && set.output.contains("alpha: deadline"), "\(set)")
        try await lab.restartAgent(on: .alpha)
        #expect(try await lab.told(of: .alpha).settings.deadlineSeconds.value == 7)
        try await Guest.with(.linked, in: lab) { guest in
          try await Orchestrator.with(lab) { orchestrator in
            try await lab.withTemplateAtDestination {
              let end = try await lab.withLink(of: .beta, rate: "5mbit") {
                try await orchestrator.end(of: orchestrator.migrate(guest, from: .alpha))
              }
              #expect(end.kind == .failed && end.reasons?.first?.code == .deadlinePassed, "\(end)")
            }
            try await guest.waitForWrite(on: .alpha)
          }
        }
      } do: {
        let reset = try await settings("reset", "alpha", "--deadline")
        #expect(reset.code == 0, "\(reset)")
        #expect(try await lab.told(of: .alpha).settings == configured)
      }
    }
  }
}

extension Lab {
  /// What `longshore host` tells of a host.
  fileprivate func told(of host: Host, _ words: String...) async throws -> HostInventory {
    let longshore = try #require(Client.longshore)
    let answer = try await longshore.run(
      ["host", host.rawValue, "--format", "json", "--timeout", "60s", "--broker", brokerURL, "--cluster", Self.cluster] + words)
    try #require(answer.code == 0, "\(answer)")
    return try MessageCoding.decode(HostInventory.self, from: Array(answer.output.utf8))
  }
}
