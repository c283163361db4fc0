import Libvirt
import Testing

@testable import LongshoreAgent

/// Which faults of libvirt's and QEMU's versions a guest meets.
@Suite("Known faults of versions") struct KnownFaultsTests {
  private static let vmx = "<cpu mode='custom'><model>Broadwell</model><feature policy='require' name='vmx'/></cpu>"
  private static let noVMX = "<cpu mode='custom'><model>Broadwell</model><feature policy='disable' name='vmx'/></cpu>"

  private func found(
    _ from: SoftwareVersion, _ to: SoftwareVersion,
    qemu: (SoftwareVersion, SoftwareVersion) = (SoftwareVersion(7, 2), SoftwareVersion(7, 2)),
    cpu: String?
  ) -> (certain: Int, possible: Int) {
    let faults = KnownFaults.found(
      KnownFaults.Versions(sourceLibvirt: from, sourceQEMU: qemu.0, libvirt: to, qemu: qemu.1), cpu: cpu)
    let certain = faults.count { if case .certain = $0 { true } else { false } }
    return (certain, faults.count - certain)
  }

  @Test(
    "guests with VMX do not get from libvirt 9.9 and older to 9.10, 10.0 and 10.1, nor back, nor from 10.2 on to those",
    arguments: [
      (SoftwareVersion(9, 9), SoftwareVersion(9, 10), true), (SoftwareVersion(9), SoftwareVersion(10, 1), true),
      (SoftwareVersion(10), SoftwareVersion(9), true), (SoftwareVersion(10, 4), SoftwareVersion(10), true),
      (SoftwareVersion(10), SoftwareVersion(10, 2), false), (SoftwareVersion(9, 10), SoftwareVersion(10, 1), false),
      (SoftwareVersion(9), SoftwareVersion(10, 4), false), (SoftwareVersion(9), SoftwareVersion(9), false),
    ])
  func virtualisation(from: SoftwareVersion, to: SoftwareVersion, fails: Bool) {
    #expect(found(from, to, cpu: Self.vmx).certain == (fails ? 1 : 0))
    #expect(found(from, to, cpu: Self.noVMX).certain == 0)
    #expect(found(from, to, cpu: nil) == (0, 0))
  }

  @Test("libvirt 10.2 may refuse at its source whatever goes to other disks")
  func otherDefinition() {
    #expect(found(SoftwareVersion(10, 2), SoftwareVersion(10, 4), cpu: Self.noVMX) == (0, 1))
    #expect(found(SoftwareVersion(10, 3), SoftwareVersion(10, 2), cpu: Self.noVMX) == (0, 0))
  }

  @Test("QEMU 10 tells of hardware threads, which libvirt understands since 11.10")
  func threads() {
    let newer = (SoftwareVersion(9, 2), SoftwareVersion(10, 1))
    #expect(found(SoftwareVersion(11), SoftwareVersion(11, 6), qemu: newer, cpu: Self.noVMX) == (0, 1))
    #expect(found(SoftwareVersion(11), SoftwareVersion(11, 10), qemu: newer, cpu: Self.noVMX) == (0, 0))
    #expect(found(SoftwareVersion(11), SoftwareVersion(11, 6), qemu: (newer.1, newer.1), cpu: Self.noVMX) == (0, 0))
  }
}
