import DomainXML
import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("Devices that tie a guest to its host")
struct DeviceChecksTests {
  private static func guest(_ devices: String, _ rest: String = "") throws -> DomainDocument {
    try DomainDocument(
      parsing: """
        <domain type='kvm'><name>g</name><uuid>7a1b6c1e-6d35-4b0c-9f57-0c1d1a6d3c11</uuid><memory unit='MiB'>64</memory>
        <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>\(rest)<devices>\(devices)</devices></domain>
        """)
  }

  private static func check(_ devices: String, _ rest: String = "") throws -> [Check] {
    DeviceChecks(here: try #require(NodeName("alpha"))).check(try guest(devices, rest))
  }

  @Test(
    "Each is refused by its name",
    arguments: [
      (
        "<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='3' slot='0' function='0'/></source></hostdev>",
        "host device"
      ),
      (
        "<interface type='hostdev'><source><address type='pci' domain='0' bus='3' slot='16' function='0'/></source></interface>",
        "host device"
      ),
      ("<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='share'/></filesystem>", "shared folder share"),
      ("<shmem name='window'><model type='ivshmem-plain'/></shmem>", "shared memory window"),
      ("<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>", "the host's TPM"),
    ])
  func refused(_ device: String, _ name: String) throws {
    let checks = try Self.check(device)
    #expect(checks.map(\.outcome) == [.refused] && checks[0].code == .unmovableDevice)
    #expect(checks[0].message.contains(name), "\(checks[0].message)")
  }

  @Test("So is memory that the host's processor encrypts")
  func encryption() throws {
    let checks = try Self.check("", "<launchSecurity type='sev'><policy>0x1</policy></launchSecurity>")
    #expect(checks.map(\.outcome) == [.refused] && checks[0].message.contains("sev"))
  }

  @Test("Of a vDPA interface it is said that it is not known")
  func vdpa() throws {
    let checks = try Self.check(
      "<interface type='vdpa'><mac address='52:54:00:00:00:01'/><source dev='/dev/vhost-vdpa-0'/></interface>")
    #expect(checks.map(\.outcome) == [.warning] && checks[0].message.contains("52:54:00:00:00:01"))
  }

  @Test("What moves with the guest is not in the way")
  func movable() throws {
    let checks = try Self.check(
      """
      <interface type='bridge'><source bridge='br0'/></interface><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
      <redirdev bus='usb' type='spicevmc'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
      """)
    #expect(checks.map(\.outcome) == [.passed])
  }

  @Test("What devices use of the host's files has to be at the destination")
  func paths() throws {
    let guest = try Self.guest(
      """
      <rng model='virtio'><backend model='random'>/dev/hwrng</backend></rng>
      <rng model='virtio'><backend model='builtin'/></rng>
      <memory model='nvdimm'><source><path>/srv/nvdimm</path></source><target><size unit='MiB'>128</size></target></memory>
      <interface type='vhostuser'><source type='unix' path='/run/switch/0.sock' mode='client'/></interface>
      <interface type='vhostuser'><source type='unix' path='/run/switch/1.sock' mode='server'/></interface>
      """)
    #expect(HostNeeds(of: guest, cpu: nil).paths == ["/dev/hwrng", "/run/switch/0.sock", "/srv/nvdimm"])
  }
}
