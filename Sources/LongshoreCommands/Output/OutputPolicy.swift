/// How a command writes, decided from its options, its environment and what its streams are.
struct OutputPolicy: Sendable, Hashable {
  /// How standard output looks.
  var result: Style
  /// How the standard error stream looks.
  var progress: Style
  /// How progress is shown; never `auto`.
  var progressMode: OutputOptions.ProgressMode

  /// Decides. `NO_COLOR` (no-color.org) counts where it is not empty.
  init(
    _ options: OutputOptions, environment: [String: String], outputIsTerminal: Bool, errorIsTerminal: Bool
  ) {
    let isDumb = environment["TERM"] == "dumb"
    let allowsColour = !options.noColor && !isDumb && (environment["NO_COLOR"] ?? "").isEmpty
    let unicode = Self.isUTF8(environment)
    result = Style(colour: allowsColour && outputIsTerminal, unicode: unicode)
    progress = Style(colour: allowsColour && errorIsTerminal, unicode: unicode)
    progressMode =
      switch options.progress {
      case _ where options.quiet: .none
      case .auto: errorIsTerminal && !isDumb ? .tty : .plain
      case let mode: mode
      }
  }

  /// Whether the locale's characters are UTF-8: the first of the three variables that is set decides (POSIX).
  private static func isUTF8(_ environment: [String: String]) -> Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }.first { !$0.isEmpty }
    guard let locale = locale?.lowercased() else { return false }
    return locale.contains("utf-8") || locale.contains("utf8")
  }
}
