internal import FoundationEssentials
internal import Logging
internal import LongshoreMessages
internal import Synchronization

/// The last lines of the agent's log, for reports of defects. What is older is in the journal of the system.
final class RecentLog: Sendable {
  /// What is kept, in bytes of text.
  private static let limit = 512 << 10

  private struct Line: Sendable {
    var text: String
    /// The migration that it is about; nil where it is about none.
    var migration: String?
    var isProblem: Bool
  }

  private struct Kept: Sendable {
    var lines: [Line] = []
    var bytes = 0
  }

  private let kept = Mutex(Kept())

  /// Keeps a line, and forgets the oldest quarter where there are too many.
  ///
  /// - Parameters:
  ///   - text: The line as people read it.
  ///   - migration: The id of the migration that it is about.
  ///   - isProblem: Whether it is a warning or worse.
  func note(_ text: String, of migration: String?, isProblem: Bool) {
    kept.withLock { kept in
      kept.lines.append(Line(text: text, migration: migration, isProblem: isProblem))
      kept.bytes += text.utf8.count
      guard kept.bytes > Self.limit else { return }
      let old = max(1, kept.lines.count / 4)
      kept.bytes -= kept.lines.prefix(old).reduce(0) { $0 + $1.text.utf8.count }
      kept.lines.removeFirst(old)
    }
  }

  /// The lines about a migration, and those about none that tell of a problem, in their order.
  func lines(of migration: MigrationID) -> [String] {
    kept.withLock { kept in
      kept.lines.filter { $0.migration == migration.text || ($0.migration == nil && $0.isProblem) }.map(\.text)
    }
  }
}

/// Hands what is logged on, and keeps the last of it.
struct RecentLogHandler: LogHandler {
  private var inner: any LogHandler
  private let recent: RecentLog

  init(_ inner: any LogHandler, _ recent: RecentLog) {
    self.inner = inner
    self.recent = recent
  }

  var logLevel: Logger.Level {
    get { inner.logLevel }
    set { inner.logLevel = newValue }
  }

  var metadata: Logger.Metadata {
    get { inner.metadata }
    set { inner.metadata = newValue }
  }

  var metadataProvider: Logger.MetadataProvider? {
    get { inner.metadataProvider }
    set { inner.metadataProvider = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { inner[metadataKey: key] }
    set { inner[metadataKey: key] = newValue }
  }

  func log(event: LogEvent) {
    inner.log(event: event)
    let provided = LineLogHandler.sharedModules.contains(event.source) ? nil : inner.metadataProvider?.get()
    let all = inner.metadata.merging(provided ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
    let values = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    recent.note(
      "\(now) \(event.level) \(event.message)\(values)", of: all[LogKeys.migration].map { "\($0)" }, isProblem: event.level >= .warning)
  }
}
