import ArgumentParser

/// The options of every command that say how it answers.
struct OutputOptions: ParsableArguments {
  /// The shape of a result.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    /// For people.
    case table
    /// For programs: one JSON value, in the field names of the wire.
    case json
    /// For programs and people: one YAML document, of the same content.
    case yaml

    /// Whether it is one that programs read.
    var isForPrograms: Bool { self != .table }
  }

  /// The shape of progress.
  enum ProgressMode: String, CaseIterable, ExpressibleByArgument {
    /// A block on a terminal, else lines.
    case auto
    /// A block that is drawn over.
    case tty
    /// Lines.
    case plain
    /// One JSON object a line.
    case json
    /// None.
    case none
  }

  @Option(help: "The result, for people or for programs.")
  var format = Format.table

  @Flag(name: .shortAndLong, help: "Show no progress, and of the result the ids or names alone.")
  var quiet = false

  @Option(help: "How progress is shown on the standard error stream.")
  var progress = ProgressMode.auto

  @Flag(help: "Use no colours. Also NO_COLOR, TERM=dumb.")
  var noColor = false
}
