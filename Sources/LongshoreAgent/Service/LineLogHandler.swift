internal import FoundationEssentials
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import Synchronization

/// The form of the lines that are logged.
enum LogFormat: String, CaseIterable, Sendable {
  /// `key=value` words: `time=… level=info message="A migration has completed" migration.id=…`
  case logfmt
  /// A JSON object a line, all values texts.
  case json
}

/// The least important messages that are logged, which may change.
private final class LogLevel: Sendable {
  private let level = Mutex(Logger.Level.info)

  var value: Logger.Level {
    get { level.withLock { $0 } }
    set { level.withLock { $0 = newValue } }
  }
}

/// Writes each message as one line that programs read as well: time, level, message, then what belongs to it, the migration first.
struct LineLogHandler: LogHandler {
  /// What the migration is that the present task works for, so that no line of its work lacks it.
  static let migrationOfTask = Logger.MetadataProvider {
    MigrationID.current.map { [LogKeys.migration: "\($0)"] } ?? [:]
  }

  /// The modules that log of connections, which all migrations share: the one whose task has opened a connection is not meant.
  static let sharedModules: Set<String> = ["AMQP", "Libvirt"]

  var logLevel: Logger.Level {
    get { level.value }
    set { level.value = newValue }
  }
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?

  /// That of all handlers that were copied from one, so that it can be changed while they are in use.
  private let level = LogLevel()

  let format: LogFormat
  let write: @Sendable (String) -> Void
  let now: @Sendable () -> Timestamp

  init(
    format: LogFormat, metadataProvider: Logger.MetadataProvider? = LineLogHandler.migrationOfTask,
    now: @escaping @Sendable () -> Timestamp = { SystemHostClock().now().wall },
    write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
  ) {
    self.format = format
    self.metadataProvider = metadataProvider
    self.now = now
    self.write = write
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var all = metadata
    if !Self.sharedModules.contains(event.source), let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
    if let own = event.metadata { all.merge(own) { $1 } }
    var fields = [("time", "\(now())"), ("level", event.level.rawValue), ("message", event.message.description)]
    if let migration = all.removeValue(forKey: LogKeys.migration) { fields.append((LogKeys.migration, "\(migration)")) }
    fields += all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    fields.append(("module", event.source))
    write(Self.line(fields, format) + "\n")
  }

  private static func line(_ fields: [(String, String)], _ format: LogFormat) -> String {
    switch format {
    case .logfmt: fields.map { "\(key($0))=\(value($1))" }.joined(separator: " ")
    case .json: "{\(fields.map { "\(quoted($0)):\(quoted($1))" }.joined(separator: ","))}"
    }
  }

  /// A key has no blanks, quotes or `=`.
  private static func key(_ text: String) -> String {
    String(text.map { $0 == "=" || $0 == "\"" || $0.isWhitespace || !$0.isASCII ? "_" : $0 })
  }

  private static func value(_ text: String) -> String {
    let isPlain =
      !text.isEmpty && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7f && $0 != "\"" && $0 != "=" && $0 != "\\" }
    return isPlain ? text : quoted(text)
  }

  /// A JSON string: one line, whatever the text has.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      // Lines end at none of these, wherever they are read.
      case _ where scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
