internal import Libvirt
internal import LongshoreMessages

/// Faults of released versions by which a migration fails that both hosts could carry out otherwise, from libvirt's release notes.
///
/// Those that an agent works around are not among them: libvirt before 10.0 keeps the source's paths in the definition unless it is
/// given one of its own (it always is), and before 10.1 never frees a port for disks that was chosen for it (none is).
struct KnownFaults {
  /// What runs at both hosts.
  struct Versions: Sendable, Hashable {
    var sourceLibvirt: SoftwareVersion
    var sourceQEMU: SoftwareVersion
    var libvirt: SoftwareVersion
    var qemu: SoftwareVersion
  }

  /// A fault that a guest meets.
  enum Fault: Sendable, Hashable {
    /// One that makes the migration fail.
    case certain(String)
    /// One that may, by what the processors are.
    case possible(String)
  }

  /// The faults that a guest with this `<cpu>` element meets.
  static func found(_ versions: Versions, cpu: String?) -> [Fault] {
    let (from, to) = (versions.sourceLibvirt, versions.libvirt)
    var found: [Fault] = []
    // Release notes of 10.2.0: "Fix migration from libvirt older than 9.10.0 when vmx is enabled".
    if cpu.map(hasVMX) == true {
      if isBrokenForVMX(to), !isBrokenForVMX(from) {
        found.append(.certain("libvirt \(to) does not take guests with the CPU feature vmx that were started by libvirt \(from)"))
      } else if isBrokenForVMX(from), to < SoftwareVersion(9, 10) {
        found.append(.certain("libvirt \(to) does not take guests with the CPU feature vmx that were started by libvirt \(from)"))
      }
    }
    // Release notes of 10.3.0: "Fix migration with custom XML".
    if cpu != nil, from >= SoftwareVersion(10, 2), from < SoftwareVersion(10, 3) {
      found.append(.possible("libvirt \(from) may take the guest's own CPU for an incompatible one when it is moved to other disks"))
    }
    // Release notes of 11.10.0, and QEMU's issue 3153.
    let tellsThreads = SoftwareVersion(10)
    if cpu != nil, versions.sourceQEMU < tellsThreads, versions.qemu >= tellsThreads, to < SoftwareVersion(11, 10) {
      found.append(
        .possible(
          "libvirt \(to) may not take a guest of QEMU \(versions.sourceQEMU) on QEMU \(versions.qemu), for the CPU feature ht, if it has several processors"
        ))
    }
    return found
  }

  /// The faults that some guests meet who are moved between hosts of these versions, in words.
  static func ofSomeGuests(_ versions: Versions) -> [String] {
    found(versions, cpu: "<cpu><feature policy='require' name='vmx'/></cpu>").map { fault in
      switch fault {
      case .certain(let what), .possible(let what): what
      }
    }
  }

  private static func isBrokenForVMX(_ version: SoftwareVersion) -> Bool {
    version >= SoftwareVersion(9, 10) && version < SoftwareVersion(10, 2)
  }

  /// Whether a `<cpu>` element, in libvirt's form, gives the guest what Intel calls VMX.
  private static func hasVMX(_ cpu: String) -> Bool {
    cpu.split(separator: "<").contains { element in
      element.hasPrefix("feature ") && element.contains("name='vmx'") && !element.contains("policy='disable'")
        && !element.contains("policy='forbid'")
    }
  }
}

extension DestinationChecks {
  func checkVersions(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    guard let libvirt = guest.libvirtVersion.flatMap(SoftwareVersion.init(text:)),
      let qemu = guest.hypervisorVersion.flatMap(SoftwareVersion.init(text:))
    else { return [] }
    let here = try await connection.versions()
    let versions = KnownFaults.Versions(sourceLibvirt: libvirt, sourceQEMU: qemu, libvirt: here.daemon, qemu: here.hypervisor)
    return check(versions, cpu: guest.cpu)
  }

  private func check(_ versions: KnownFaults.Versions, cpu: String?) -> [Check] {
    let faults = KnownFaults.found(versions, cpu: cpu)
    guard !faults.isEmpty else {
      return [
        CheckRule.knownFaults.passed(
          on: here.host, "libvirt \(versions.sourceLibvirt) there and \(versions.libvirt) on \(here.host) move it to each other")
      ]
    }
    return faults.map { fault in
      switch fault {
      case .certain(let what): CheckRule.knownFaults.failed(on: here.host, what)
      case .possible(let what): CheckRule.possibleFaults.failed(on: here.host, what)
      }
    }
  }
}
