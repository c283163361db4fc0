import Testing

@testable import DomainXML

@Suite("Reading a domain")
struct ReadingTests {
  let live: DomainDocument
  let passthrough: DomainDocument

  init() throws {
    live = try DomainDocument(parsing: Fixture.live)
    passthrough = try DomainDocument(parsing: Fixture.passthrough)
  }

  @Test("Identity")
  func identity() {
    #expect(live.name == "web-01")
    #expect(live.uuid == "3f1c9f6e-5d0a-4b6e-9a55-0d3c5f1b7a01")
    #expect(live.title == "Web server & cache")
    #expect(live.domainType == "kvm")
    #expect(live.runtimeID == 7)
    #expect(passthrough.name == "lab 'gpu'")
    #expect(passthrough.domainType == "qemu")
    #expect(passthrough.title == nil)
    #expect(passthrough.runtimeID == nil)
  }

  @Test("Memory and processors")
  func memoryAndProcessors() {
    #expect(live.memoryKiB == 4_194_304)
    #expect(live.currentMemoryKiB == 2_097_152)
    #expect(
      live.memoryBacking
        == MemoryBacking(usesHugePages: true, hugePageSizesKiB: [], isLocked: true, source: "memfd", isShared: true))
    #expect(
      live.numa
        == NUMAPlacement(guestCells: 2, memoryMode: "strict", hostNodes: [0, 1], processors: [1]))
    #expect(live.virtualCPUs == VirtualCPUs(maximum: 4, current: 2))
    #expect(live.cpuMode == "custom")
    #expect(live.cpuXML?.hasPrefix("<cpu mode='custom' match='exact' check='full'>\n") == true)
    #expect(live.cpuXML?.hasSuffix("</cpu>") == true)

    #expect(passthrough.currentMemoryKiB == 1_048_577)
    #expect(passthrough.virtualCPUs == VirtualCPUs(maximum: 2, current: 2))
    #expect(passthrough.numa.processors == [0, 1, 2, 3])
    #expect(
      passthrough.memoryBacking
        == MemoryBacking(usesHugePages: false, hugePageSizesKiB: [], isLocked: false, source: nil, isShared: false))
    #expect(passthrough.cpuXML == "<cpu mode='host-passthrough' check='none' migratable='on'/>")
  }

  @Test(
    "Sets of numbers are libvirt's",
    arguments: [
      ("0", [0]), ("0-3,^2,8", [0, 1, 3, 8]), ("^1,0-1", [0]), (" 4 , 2-3", [2, 3, 4]), ("", []), ("3-1", []), ("0-99999999999", []),
      ("all", []), ("-1", []),
    ])
  func sets(text: String, numbers: [Int]) { #expect(DomainDocument.numbers(in: text) == numbers) }

  @Test("What a guest is bound to")
  func bindings() throws {
    let document = try DomainDocument(
      parsing: """
        <domain type='kvm'><name>a</name>
          <vcpu cpuset='7'>2</vcpu>
          <cputune><vcpupin vcpu='0' cpuset='2-3'/><emulatorpin cpuset='1'/><iothreadpin iothread='1' cpuset='3,5'/></cputune>
          <memoryBacking><hugepages><page size='1' unit='G' nodeset='0'/><page size='2048' unit='KiB'/></hugepages></memoryBacking>
          <clock offset='utc'><timer name='rtc'/><timer name='tsc' frequency='2100000000'/></clock>
          <devices>
            <interface type='bridge'>
              <source bridge='ovs0'/><virtualport type='openvswitch'/><mtu size='9000'/>
            </interface>
            <serial type='tcp'><source mode='bind' host='192.0.2.1' service='4555'/></serial>
          </devices>
        </domain>
        """)
    #expect(document.numa.processors == [1, 2, 3, 5, 7])
    #expect(document.memoryBacking.hugePageSizesKiB == [1 << 20, 2048])
    #expect(document.tscFrequency == 2_100_000_000)
    #expect(document.interfaces.map(\.virtualPort) == ["openvswitch"])
    #expect(document.interfaces.map(\.mtu) == [9000])
    #expect(document.characterDevices.map(\.listenAddress) == ["192.0.2.1"])
  }

  @Test(
    "Units of memory are libvirt's",
    arguments: [
      ("<memory>1024</memory>", 1024), ("<memory unit='b'>1025</memory>", 2),
      ("<memory unit='bytes'>1024</memory>", 1), ("<memory unit='KB'>1000</memory>", 977),
      ("<memory unit='k'>7</memory>", 7), ("<memory unit='MiB'>2</memory>", 2048),
      ("<memory unit='M'> 2\n</memory>", 2048), ("<memory unit='MB'>1</memory>", 977),
      ("<memory unit='GiB'>1</memory>", 1 << 20), ("<memory unit='TiB'>1</memory>", 1 << 30),
      ("<memory unit='GiB'>99999999999999999</memory>", 0), ("<memory unit='furlong'>1</memory>", 0), ("", 0),
    ] as [(String, UInt64)])
  func units(element: String, expected: UInt64) throws {
    let document = try DomainDocument(parsing: "<domain type='kvm'><name>a</name>\(element)</domain>")
    #expect(document.memoryKiB == expected)
  }

  @Test(
    "A limit is none where it is libvirt's word for that",
    arguments: [
      ("<memtune><hard_limit unit='MiB'>3</hard_limit></memtune>", 3072), ("<memtune><soft_limit>7</soft_limit></memtune>", nil),
      ("<memtune><hard_limit unit='KiB'>9007199254740991</hard_limit></memtune>", nil), ("", nil),
    ] as [(String, UInt64?)])
  func limit(element: String, expected: UInt64?) throws {
    let document = try DomainDocument(parsing: "<domain type='kvm'><name>a</name>\(element)</domain>")
    #expect(document.memoryHardLimitKiB == expected)
  }

  @Test("Boot and firmware")
  func boot() {
    let system = live.operatingSystem
    #expect(system.type == "hvm")
    #expect(system.architecture == "x86_64")
    #expect(system.machine == "pc-q35-7.2")
    #expect(system.loader == "/usr/share/OVMF/OVMF_CODE_4M.ms.fd")
    #expect(system.nvram == "/var/lib/libvirt/qemu/nvram/web-01_VARS.fd")
    #expect(system.nvramTemplate == "/usr/share/OVMF/OVMF_VARS_4M.ms.fd")
    #expect(system.bootFiles.isEmpty)
    #expect(passthrough.operatingSystem.firmware == "efi")
    #expect(passthrough.operatingSystem.nvram == nil)
    #expect(passthrough.operatingSystem.bootFiles == ["/boot/vmlinuz", "/boot/initrd.img"])
    #expect(live.emulator == "/usr/bin/qemu-system-x86_64")
  }

  @Test("A linked clone with its chain")
  func linkedClone() throws {
    let disk = try #require(live.disk("vda"))
    #expect(disk.bus == "virtio")
    #expect(disk.device == .disk)
    #expect(disk.source == .file("/mnt/pools/primary/web-01-root.qcow2"))
    #expect(disk.source?.path == "/mnt/pools/primary/web-01-root.qcow2")
    #expect(disk.startupPolicy == "mandatory")
    #expect(disk.format == "qcow2")
    #expect(disk.cache == "none")
    #expect(disk.discard == "unmap")
    #expect(disk.serial == "WEB01ROOT")
    #expect(disk.hasMirror)
    #expect(!disk.isReadOnly && !disk.isShareable && !disk.isTransient && !disk.isEncrypted)
    #expect(
      disk.backingChain
        == .listed(
          [
            .init(file: "/mnt/pools/primary/web-base.qcow2", format: "qcow2"),
            .init(file: "/mnt/pools/primary/templates/debian-12.img", format: "raw"),
          ], isTerminated: true))
  }

  @Test("Chains that are absent, empty and open are told apart")
  func chains() throws {
    #expect(live.disk("vdaa")?.backingChain == BackingChain.none)
    #expect(live.disk("sda")?.backingChain == .unlisted)
    let open = try DomainDocument(
      parsing: """
        <domain type='kvm'><name>a</name><devices><disk type='file'><source file='/a'/><target dev='vda'/>
        <backingStore type='file'><format type='qcow2'/><source file='/b'/></backingStore></disk></devices></domain>
        """)
    #expect(
      open.disk("vda")?.backingChain == .listed([.init(file: "/b", format: "qcow2")], isTerminated: false))
    #expect(open.disk("vda")?.backingChain.layers.count == 1)
  }

  @Test("Disks are found by their exact target")
  func exactTarget() {
    #expect(live.disks.map(\.target) == ["vda", "vdaa", "sda"])
    #expect(live.disk("vdaa")?.source == .file("/mnt/pools/primary/web-01-data.img"))
    #expect(live.disk("vd") == nil)
    #expect(live.disk("VDA") == nil)
  }

  @Test("Drives and disks of other kinds")
  func otherDisks() throws {
    let drive = try #require(live.disk("sda"))
    #expect(drive.device == .cdrom && drive.isReadOnly && drive.startupPolicy == "optional")
    let empty = try #require(passthrough.disk("hdc"))
    #expect(empty.source == nil && empty.device == .cdrom)

    #expect(passthrough.disk("vda")?.source == .block("/dev/vg0/scratch"))
    #expect(passthrough.disk("vda")?.isShareable == true)
    #expect(
      passthrough.disk("vdb")?.source
        == .network(protocol: "rbd", name: "pool/image", hosts: ["mon1.example.org:6789", "mon2.example.org"]))
    #expect(passthrough.disk("vdb")?.isEncrypted == true)
    #expect(passthrough.disk("vdb")?.luksSecret == "1b3a1f3e-0000-4000-8000-000000000002")
    #expect(passthrough.disk("vda")?.luksSecret == nil)
    #expect(passthrough.disk("vdc")?.source == .volume(pool: "fast", volume: "scratch.qcow2"))
    #expect(passthrough.disk("vdc")?.isTransient == true)
    #expect(passthrough.disk("vdd")?.source == .other(type: "nvme"))
    #expect(
      passthrough.disks.compactMap { $0.source?.description } == [
        "block device /dev/vg0/scratch", "rbd pool/image at mon1.example.org:6789, mon2.example.org",
        "volume scratch.qcow2 in pool fast", "nvme source",
      ])
  }

  @Test("Network interfaces")
  func interfaces() {
    #expect(live.interfaces.map(\.attachment) == [.network("tenants"), .bridge("br0")])
    #expect(live.interfaces.map(\.macAddress) == ["52:54:00:12:34:56", "52:54:00:AB:CD:EF"])
    #expect(live.interfaces.map(\.target) == ["vnet3", "vnet4"])
    #expect(live.interfaces.map(\.model) == ["virtio", "virtio"])
    #expect(
      passthrough.interfaces.map(\.attachment)
        == [.other(type: "hostdev"), .other(type: "user"), .direct("eno1")])
  }

  @Test("Graphical consoles")
  func graphics() {
    #expect(
      live.graphics == [
        Graphics(
          type: "vnc", port: 5907, tlsPort: nil, webSocketPort: 5700, hasAutoPort: true,
          listeners: [.address("192.0.2.11")]),
        Graphics(
          type: "spice", port: 5908, tlsPort: 5909, webSocketPort: nil, hasAutoPort: true,
          listeners: [.network("tenants", address: "198.51.100.1")]),
      ])
    #expect(live.graphics.flatMap(\.listenAddresses) == ["192.0.2.11", "198.51.100.1"])
    #expect(passthrough.graphics.map(\.listeners) == [[.none], []])
    #expect(passthrough.graphics.map(\.port) == [nil, nil])
    #expect(passthrough.graphics.map(\.hasAutoPort) == [false, true])
  }

  @Test("Serial ports, consoles and channels")
  func characterDevices() {
    #expect(
      live.characterDevices == [
        CharacterDevice(
          kind: .serial, type: "pty", path: "/dev/pts/4", listenAddress: nil, logFile: "/var/log/libvirt/web-01-serial.log", name: nil),
        CharacterDevice(kind: .console, type: "pty", path: "/dev/pts/4", listenAddress: nil, logFile: nil, name: nil),
        CharacterDevice(
          kind: .channel, type: "unix", path: "/run/libvirt/qemu/channel/7-web-01/org.qemu.guest_agent.0",
          listenAddress: nil, logFile: nil, name: "org.qemu.guest_agent.0"),
      ])
  }

  @Test("What ties a guest to its host")
  func hostBound() {
    #expect(
      passthrough.hostDevices.map(\.description) == [
        "pci 0000:06:02.0", "usb 1234:beef", "mdev c2177883-f1bb-47f0-914d-32a22e3a8804", "pci 0000:07:10.2",
      ])
    #expect(
      passthrough.fileSystems == [
        FileSystemDevice(driver: "virtiofs", source: "/srv/share", target: "share"),
        FileSystemDevice(driver: "path", source: "/srv/nine", target: "nine"),
      ])
    #expect(passthrough.sharedMemories == [SharedMemoryDevice(name: "frames", model: "ivshmem-plain", role: "peer")])
    #expect(passthrough.memoryModulePaths == ["/srv/nvdimm.img"])
    #expect(passthrough.redirectedDevices == 1)
    #expect(passthrough.fixedVsockContext == 42)
    #expect(passthrough.launchSecurity == "sev")
    #expect(passthrough.hasCommandLineArguments)
    #expect(live.tpms == [TPMDevice(model: "tpm-crb", backend: "emulator", version: "2.0")])
    #expect(live.entropySources == ["/dev/urandom"])
    #expect(live.hostDevices.isEmpty && live.fileSystems.isEmpty && live.sharedMemories.isEmpty)
    #expect(!live.hasCommandLineArguments && live.launchSecurity == nil && live.fixedVsockContext == nil)
  }

  @Test("Look-alikes in metadata and other namespaces are not devices")
  func lookAlikes() throws {
    let document = try DomainDocument(
      parsing: """
        <domain type='kvm' xmlns:x='urn:x'><name>a</name>
          <metadata><x:devices><disk><target dev='vda'/></disk></x:devices></metadata>
          <devices><x:disk><target dev='vdb'/></x:disk><disk><x:target dev='vdc'/></disk></devices>
        </domain>
        """)
    #expect(document.disks.isEmpty)
    #expect(document.memoryKiB == 0 && document.uuid == nil && document.emulator == nil && document.cpuXML == nil)
  }
}
