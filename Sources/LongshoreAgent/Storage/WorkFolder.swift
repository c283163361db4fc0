internal import Glibc
internal import LongshoreMessages

/// The folder in a pool in which one host works for one migration: `<pool>/.longshore/<cluster>.<host>/<migration>`.
///
/// libvirt lists a pool's dot-files but not what is in folders, so nothing here appears as a volume. Only the host that the
/// path names writes or cleans there, also where the pool is on NFS and seen by other hosts.
struct WorkFolder: Sendable {
  /// The pool's folder.
  let pool: String
  /// This folder.
  let path: String

  private let parents: [String]

  init(pool: String, host: HostAddress, migration: MigrationID) {
    self.pool = pool
    let top = "\(pool)/.longshore"
    let own = "\(top)/\(host.routingKey)"
    parents = [top, own]
    path = "\(own)/\(migration)"
  }

  /// The path of a file in this folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The path of the draft of a layer.
  func layer(_ id: Int) -> String { file("layer-\(id)") }

  /// Makes the folder and those above it, where they are not there. The upper ones can be entered by QEMU's user.
  func create() throws {
    // Another migration that ends may remove an empty parent between two steps.
    for attempt in 1...5 {
      var failed: (folder: String, error: Int32)?
      for folder in parents + [path] where mkdir(folder, 0o711) != 0 && errno != EEXIST {
        failed = (folder, errno)
        break
      }
      guard let failed else { return }
      guard failed.error == ENOENT, attempt < 5 else {
        throw Reason.Failure(.operationFailed, "cannot make the folder \(failed.folder): \(String(cString: strerror(failed.error)))")
      }
    }
  }
}

/// The parts of a path, as texts.
enum PathText {
  /// The folder that a path's last part is in.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// An absolute path without `.`, `..` and empty parts, by its text alone.
  static func normalized(_ path: String) -> String {
    guard path.hasPrefix("/") else { return path }
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// A path's last part.
  static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}

extension WorkFolder {
  /// Whether a path lies in the work folder of a migration.
  static func contains(_ path: String, migration: MigrationID) -> Bool {
    path.contains("/.longshore/") && PathText.name(of: PathText.folder(of: path)) == migration.text
  }

  /// The folder of the pool that a file is in, either in it or in a work folder.
  static func pool(of path: String) -> String {
    guard let range = path.firstRange(of: "/.longshore/") else { return PathText.folder(of: path) }
    return String(path[..<range.lowerBound])
  }

  /// Removes a migration's work folder, and those above it up to the pool, as far as they are empty. Other folders are left alone.
  static func removeIfEmpty(at path: String) {
    var folder = path
    while folder.contains("/.longshore"), rmdir(folder) == 0 { folder = PathText.folder(of: folder) }
  }
}
