import ArgumentParser
import LongshoreMessages

/// How an operator names disks that are set aside: by their migration's id, or one by its path or its own id.
struct DiskSelection: Sendable, Hashable {
  /// The text as it was given.
  let text: String

  /// Reads a selection.
  /// - Throws: ``ArgumentProblem`` for what is neither an id nor an absolute path.
  static func parse(_ text: String) throws(ArgumentProblem) -> DiskSelection {
    guard text.hasPrefix("/") || MigrationID(text) != nil else {
      throw ArgumentProblem("use a migration's id, or the path of a disk that is set aside")
    }
    return DiskSelection(text: text)
  }

  /// Reads the time until which disks are kept.
  static func time(_ text: String) throws(ArgumentProblem) -> Timestamp {
    guard let time = Timestamp(text) else { throw ArgumentProblem("use a time of RFC 3339, such as 2026-01-31T18:30:00Z") }
    return time
  }

  /// The hosts' disks that are meant, by host.
  func disks(in replies: [Reply]) -> [(host: NodeName, disks: [SetAsideDisk])] {
    replies.compactMap { reply in
      guard case .grace(let all) = reply.body else { return nil }
      let meant = all.filter { [$0.migration.text, $0.path, $0.originalPath, $0.id].contains(text) }
      return meant.isEmpty ? nil : (reply.from.host, meant)
    }
  }
}
