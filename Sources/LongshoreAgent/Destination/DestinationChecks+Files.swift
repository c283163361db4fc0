internal import Libvirt
internal import LongshoreMessages

extension DestinationChecks {
  // MARK: Disks that stay

  /// Looks for the very files that the guest runs on. That a file is of the same name and has the same number is not enough, since two
  /// file systems can be copies of one: QEMU's lock on it has to be seen as well, which only the source's guest can hold.
  func checkSharedDisks(_ plan: MigrationPlan, on connection: LibvirtConnection) async throws -> [Check] {
    var checks: [Check] = []
    for disk in plan.shared ?? [] {
      if let found = try await obstacle(to: disk, on: connection) {
        checks.append(CheckRule.sharedDisks.failed(on: here.host, "disk \(disk.target) stays where it is, but \(found)"))
      } else {
        checks.append(CheckRule.sharedDisks.passed(on: here.host, "disk \(disk.target) is seen on \(here.host), and stays"))
      }
    }
    return checks
  }

  /// Why a disk that stays cannot be used here, in words; nil where it can.
  private func obstacle(to disk: SharedDisk, on connection: LibvirtConnection) async throws -> String? {
    var paths: [String] = []
    for file in disk.files {
      let (folder, missing) = try await folder(of: file.pool, on: connection)
      guard let folder else { return missing }
      let path = "\(folder)/\(file.volume)"
      guard let inode = FileProbe.inode(of: path) else { return "\(path) is not on \(here.host)" }
      guard inode == file.inode else { return "\(path) on \(here.host) is another file" }
      guard try await ExclusiveFile.isInUse(path) else {
        return "\(path) on \(here.host) is not seen to be in use, so that it is another file, or its locks are not shared"
      }
      paths.append(path)
    }
    guard let top = disk.files.first, let path = paths.first else { return "it has no file" }
    do {
      let chain = try await images.chain(of: path, format: top.format.rawValue).map(\.path)
      guard chain != paths.map(PathText.normalized) else { return nil }
      return "\(path) lies on \(chain.dropFirst().joined(separator: " over ")) as \(here.host) sees it"
    } catch {
      return "what it lies on cannot be read on \(here.host): \(error.message)"
    }
  }

  // MARK: Media

  /// Looks for the media in the guest's drives. That they have the same content is compared when they are put in place.
  func checkMedia(_ plan: MigrationPlan, on connection: LibvirtConnection) async throws -> [Check] {
    var checks: [Check] = []
    for disk in plan.readOnly ?? [] {
      guard let missing = disk.missing else { continue }
      let (found, isThere) = try await look(for: disk, plan, on: connection)
      if isThere {
        checks.append(CheckRule.media.passed(on: here.host, found))
      } else if missing == .eject {
        checks.append(CheckRule.media.waived(on: here.host, "\(found): the guest arrives with an empty drive"))
      } else {
        checks.append(CheckRule.media.failed(on: here.host, found))
      }
    }
    return checks
  }

  private func look(for disk: ReadOnlyDisk, _ plan: MigrationPlan, on connection: LibvirtConnection) async throws -> (String, Bool) {
    guard let layer = disk.layer else { return ("the medium in \(disk.target) is in no pool of the source", false) }
    for file in plan.chain(below: layer) {
      let (folder, missing) = try await folder(of: file.pool, on: connection)
      guard let folder else { return ("the medium in \(disk.target) is not on \(here.host): \(missing)", false) }
      guard FileProbe.exists("\(folder)/\(file.volume)") else {
        return ("the medium \(file.volume) in \(disk.target) is not in the pool \(file.pool) of \(here.host)", false)
      }
    }
    return ("the medium in \(disk.target) is on \(here.host)", true)
  }

  // MARK: Secrets

  func checkSecrets(_ plan: MigrationPlan, on connection: LibvirtConnection) async throws -> [Check] {
    var checks: [Check] = []
    for disk in plan.disks {
      guard let secret = disk.secret else { continue }
      do throws(LibvirtError) {
        checks.append(
          try await connection.secretValue(uuid: secret) == nil
            ? CheckRule.secrets.failed(on: here.host, "\(here.host) has no secret \(secret), which disk \(disk.target) is encrypted by")
            : CheckRule.secrets.passed(on: here.host, "\(here.host) has the secret \(secret) of disk \(disk.target)"))
      } catch {
        guard error.code == .noSecret || error.code == .invalidSecret else { throw error }
        checks.append(
          CheckRule.secrets.failed(
            on: here.host,
            error.code == .noSecret
              ? "the secret \(secret) of \(here.host), which disk \(disk.target) is encrypted by, has no value"
              : "the secret \(secret) of \(here.host), which disk \(disk.target) is encrypted by, cannot be read: \(error.message)"))
      }
    }
    return checks
  }

  // MARK: Pools

  /// The folder of a pool, and why there is none where there is none.
  private func folder(of name: ResourceName, on connection: LibvirtConnection) async throws -> (String?, String) {
    guard let pool = try await connection.pool(named: name.text) else { return (nil, "\(here.host) has no pool \(name)") }
    guard try await pool.isActive() else { return (nil, "the pool \(name) of \(here.host) is not active") }
    guard let folder = try await pool.configuration().targetPath else { return (nil, "the pool \(name) of \(here.host) has no folder") }
    guard await pulse.answers(folder) else { return (nil, "the file system of the pool \(name) of \(here.host) does not answer") }
    return (folder, "")
  }
}
