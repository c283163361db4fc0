internal import LongshoreMessages

/// Whether something that belongs to no migration that runs can be removed, and why.
struct OrphanVerdict: Sendable, Hashable {
  var isRemovable: Bool
  var why: String

  static func removable(_ why: String) -> OrphanVerdict { OrphanVerdict(isRemovable: true, why: why) }
  static func kept(_ why: String) -> OrphanVerdict { OrphanVerdict(isRemovable: false, why: why) }
}

extension OrphanVerdict {
  /// What is known of a file whose migration does not run.
  struct File: Sendable, Hashable {
    /// What it is.
    var kind: Orphan.Kind
    /// What became of its migration.
    var fate: MigrationFate
    /// Whether the journal has it with the identity that it has. What is not registered is looked at only in this host's work folders.
    var isRegistered: Bool
    /// Whether it is a file, no link or folder.
    var isRegular: Bool
    /// Whether QEMU has it open.
    var isInUse = false
    /// The domain that names it.
    var user: String?
  }

  /// The verdict on a file.
  init(_ file: File) {
    if !file.isRegular {
      self = .kept("it is not a regular file, and Longshore makes no other")
    } else if file.isInUse {
      self = .kept("QEMU has it open")
    } else if let user = file.user {
      self = .kept("it is a disk of the domain \(user)")
    } else if case .unreadable = file.fate {
      self = .kept("it is of a migration that \(file.fate.words)")
    } else if file.kind == .setAside, case .guestHere = file.fate {
      self = .kept("the guest was on this host when the migration ended: it may be the guest's only disk")
    } else if file.kind == .setAside, !file.isRegistered, case .unknown = file.fate {
      self = .kept("it was set aside, and until when it was to be kept is not known any more: delete it by hand if nobody needs it")
    } else {
      let proof = file.isRegistered ? "registered by" : "in this host's work folder of"
      self = .removable("\(proof) a migration that \(file.fate.words), and nothing uses it")
    }
  }

  /// What is known of a domain whose guest was on the other host when its last migration ended.
  struct Guest: Sendable, Hashable {
    /// Its state as libvirt names it.
    var state: String
    /// Whether it has a process.
    var isActive: Bool
    /// Whether there is a saved state, from which the next start would go on.
    var hasManagedSave = false
    /// The first of its disks that is not proven to be gone.
    var existingDisk: String?
    /// The other host.
    var elsewhere: NodeName
  }

  /// The verdict on a domain.
  init(_ guest: Guest) {
    if guest.isActive {
      self = .kept("it is \(guest.state), and its last migration left the guest on \(guest.elsewhere): look at both hosts")
    } else if guest.hasManagedSave {
      self = .kept("it has a saved state: undefine it by hand if nobody needs that")
    } else if let disk = guest.existingDisk {
      self = .kept("its disk \(disk) is there, or may be (no active pool is where it should be): undefine it by hand if it is a left-over")
    } else {
      self = .removable("its last migration left the guest on \(guest.elsewhere); it is \(guest.state) and none of its disks is here")
    }
  }
}
