internal import DomainXML
internal import LongshoreMessages

/// Looks for devices that tie a guest to its host, before libvirt or QEMU refuses the guest for them.
struct DeviceChecks: Sendable {
  let here: NodeName

  func check(_ guest: DomainDocument) -> [Check] {
    let rule = CheckRule.movableDevices
    let unmovable =
      guest.hostDevices.map { "the host device \($0.description)" }
      + guest.fileSystems.map { "the shared folder \($0.target ?? $0.source ?? "")" }
      + guest.sharedMemories.map { "the shared memory \($0.name)" }
      + guest.tpms.filter { $0.backend == "passthrough" }.map { _ in "the host's TPM" }
      // QEMU blocks it (`migrate_add_blocker` in its target/i386/sev.c).
      + [guest.launchSecurity].compactMap(\.self).map { "the encryption of its memory by the host's processor (\($0))" }
    let checks =
      unmovable.map { rule.failed(on: here, "\($0) ties the guest to \(here)") }
      // libvirt refuses all of them up to QEMU 5.2 (`qemuMigrationSrcIsAllowed`); later it is QEMU's and the device's to say.
      + guest.interfaces.filter { $0.attachment == .other(type: "vdpa") }.map {
        rule.unknown(on: here, "whether the vDPA interface \($0.macAddress ?? "") can be moved depends on its device")
      }
    return checks.isEmpty ? [rule.passed(on: here, "no device ties the guest to \(here)")] : checks
  }
}
