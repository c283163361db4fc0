internal import CLibvirt

extension Domain {
  /// Begins a backup (`virDomainBackupBegin`): what its disks hold now is kept for it, whatever the guest writes from then on, until the
  /// job is aborted. Also of a guest that stands still.
  ///
  /// - Parameters:
  ///   - xml: The backup's description. In pull mode its scratch files are images that exist.
  /// - Throws: ``LibvirtError/Code/operationInvalid`` where a job runs; what QEMU cannot do.
  public func beginBackup(_ xml: String) async throws(LibvirtError) {
    try await perform("begin a backup of domain \(name)") { call, domain throws(LibvirtError) in
      _ = try call.check(unsafe virDomainBackupBegin(domain, xml, nil, VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL.rawValue))
    }
  }

  /// The description of the backup that runs; nothing where none does.
  public func backupXML() async throws(LibvirtError) -> String? {
    do throws(LibvirtError) {
      return try await perform("read the backup of domain \(name)") { call, domain throws(LibvirtError) in
        try unsafe call.takeString(virDomainBackupGetXMLDesc(domain, 0))
      }
    } catch {
      guard error.code == .noDomainBackup || error.code == .operationInvalid else { throw error }
      return nil
    }
  }
}
