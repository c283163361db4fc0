import FoundationEssentials
import LongshoreMessages
import Testing

/// The files of a guest's disks at the source, as they were before its migration.
struct SourceDisks: Sendable {
  /// A file by its path and inode.
  struct File: Sendable {
    let path: String
    let inode: String
  }

  let files: [File]
  private let lab: Lab
  private let host: Lab.Host

  init(of guest: Guest, on host: Lab.Host) async throws {
    lab = guest.lab
    self.host = host
    var files: [File] = []
    for path in try await guest.disks(on: host) {
      files.append(File(path: path, inode: try await Self.inode(of: path, on: host, guest.lab)))
    }
    self.files = files
  }

  /// Expects the very same files in the migration's work folder, and nothing under their names, unless the guest is back.
  func expectSetAside(by id: MigrationID, isBack: Bool = false, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    for file in files {
      let name = try #require(file.path.split(separator: "/").last)
      let folder = file.path.dropLast(name.count)
      let aside = "\(folder).longshore/\(Lab.cluster).\(host)/\(id)/\(name)"
      #expect(try await Self.inode(of: aside, on: host, lab) == file.inode, sourceLocation: sourceLocation)
      let successor = try await Self.inode(of: file.path, on: host, lab)
      #expect((successor == "none") == !isBack && successor != file.inode, sourceLocation: sourceLocation)
    }
  }

  private static func inode(of path: String, on host: Lab.Host, _ lab: Lab) async throws -> String {
    let text = try await lab.shell(on: host, #"stat --format %i "$1" 2>/dev/null || echo none"#, path)
    return text.split(separator: "\n").first.map(String.init) ?? ""
  }
}

/// The template at the source and its copy at the destination.
struct TemplatePair: Sendable {
  private let lab: Lab
  private let source: String
  private let copy: String
  private let digest: String
  /// The template's size, in bytes.
  let size: Int

  init(_ lab: Lab) async throws {
    self.lab = lab
    source = try lab.folder(.primary, on: .alpha) + "/" + Guest.template
    copy = try lab.folder(.primary, on: .beta) + "/" + Guest.template
    digest = try await Self.digest(of: source, on: .alpha, lab)
    size = try #require(Int(try await Self.status("%s", of: source, on: .alpha, lab)))
    #expect(try await lab.shell(on: .beta, #"[[ -e $1 ]] && echo there || echo missing"#, copy) == "missing\n")
  }

  /// Expects the destination's file to be the same, and read-only.
  func expectCopied() async throws {
    #expect(try await Self.digest(of: copy, on: .beta, lab) == digest)
    #expect(try await Self.status("%a", of: copy, on: .beta, lab) == "444")
  }

  private static func digest(of path: String, on host: Lab.Host, _ lab: Lab) async throws -> String {
    String(try await lab.on(host, "sha256sum", path).prefix(64))
  }

  private static func status(_ format: String, of path: String, on host: Lab.Host, _ lab: Lab) async throws -> String {
    String(try await lab.on(host, "stat", "--format", format, path).dropLast())
  }
}

/// Expects the files that a migration's end names under the guest's disks, each with a chain that is in the host's own pools.
func expectChains(
  of guest: Guest, on host: Lab.Host, end: MigrationEventData, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  struct Image: Decodable {
    let filename: String
    let format: String
  }
  let paths = try await guest.disks(on: host)
  let disks = try #require(end.disks, sourceLocation: sourceLocation)
  #expect(paths.count == disks.count, sourceLocation: sourceLocation)
  for (path, disk) in zip(paths, disks) {
    let pool = try #require(Lab.Pool(rawValue: disk.to.pool.text))
    let folder = try guest.lab.folder(pool, on: host)
    let text = try await guest.lab.on(
      host, "qemu-img", "info", "--force-share", "--backing-chain", "--output", "json", path)
    let chain = try JSONDecoder().decode([Image].self, from: Data(text.utf8))
    let expected =
      ["\(folder)/\(disk.to.volume)"] + (disk.linkedClone ? ["\(folder)/\(Guest.template)"] : [])
    #expect(path == expected[0], sourceLocation: sourceLocation)
    #expect(chain.map(\.filename) == expected, sourceLocation: sourceLocation)
    #expect(chain.first?.format == disk.to.format.rawValue, sourceLocation: sourceLocation)
  }
}
