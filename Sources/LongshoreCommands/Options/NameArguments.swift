import LongshoreMessages

/// Reads the names that stand on the command line.
enum NameArgument {
  /// A host or a cluster.
  static func node(_ text: String) throws(ArgumentProblem) -> NodeName {
    guard let name = NodeName(text) else { throw ArgumentProblem("use 1 to 63 of a-z, 0-9 and -") }
    return name
  }

  /// A guest, a pool or a volume.
  static func resource(_ text: String) throws(ArgumentProblem) -> ResourceName {
    guard let name = ResourceName(text) else {
      throw ArgumentProblem("use a name as libvirt knows it, of 1 to 255 bytes, without /; paths are not taken")
    }
    return name
  }

  /// A migration.
  static func migration(_ text: String) throws(ArgumentProblem) -> MigrationID {
    guard let id = MigrationID(text) else {
      throw ArgumentProblem("use 1 to 64 of A-Z, a-z, 0-9 and -, such as a UUID")
    }
    return id
  }

  /// A template, with its pool where several have one of the name: `debian-12.qcow2`, `primary/debian-12.qcow2`.
  static func template(_ text: String) throws(ArgumentProblem) -> TemplateSelection {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { ResourceName(String($0)) }
    switch parts.count {
    case 1: if let name = parts[0] { return TemplateSelection(template: name) }
    case 2: if let pool = parts[0], let name = parts[1] { return TemplateSelection(template: name, pool: pool) }
    default: break
    }
    throw ArgumentProblem("use a file's name in its pool, or POOL/NAME; paths are not taken")
  }

  /// A disk and its pool: `vdb=fast`.
  static func diskPool(_ text: String) throws(ArgumentProblem) -> DiskPool {
    guard let separator = text.firstIndex(of: "="), let disk = ResourceName(String(text[..<separator])),
      let pool = ResourceName(String(text[text.index(after: separator)...]))
    else { throw ArgumentProblem("use DISK=POOL, such as vdb=fast") }
    return DiskPool(disk: disk, pool: pool)
  }
}

/// A disk and the pool at the destination that it moves into.
struct DiskPool: Sendable, Hashable {
  /// The disk's target in the guest, such as `vdb`.
  var disk: ResourceName
  /// The pool's name.
  var pool: ResourceName
}
