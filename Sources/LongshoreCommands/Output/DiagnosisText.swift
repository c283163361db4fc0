import LongshoreMessages

/// What a diagnosis found, as text for people: by host, what is not well with what to do, and how much is well.
enum DiagnosisText {
  /// The lines of all checks.
  static func lines(_ checks: [Check], showsAll: Bool, style: Style) -> [String] {
    var lines: [String] = []
    for host in checks.map(\.host).unique {
      let own = checks.filter { $0.host == host }
      lines.append(style.bold(host.text))
      lines += own.filter { $0.outcome == .refused }.flatMap { problem($0, style: style) }
      lines += own.filter { $0.outcome == .warning }.flatMap { problem($0, style: style) }
      let passed = own.filter { $0.outcome == .passed }
      if showsAll {
        lines += passed.map { "  \(style.green(style.passed))  \($0.message.printable)" }
      } else if !passed.isEmpty {
        lines.append("  \(style.green(style.passed))  \(Quantity.count(passed.count, "check")) passed")
      }
    }
    return lines + [""] + [summary(checks, style: style)]
  }

  private static func problem(_ check: Check, style: Style) -> [String] {
    let mark = check.outcome == .refused ? style.red(style.failed) : style.yellow(style.warned)
    return ["  \(mark)  \(check.message.printable) [\(check.code.text.printable)]"]
      + (check.advice.map { ["     to do: \($0.printable)"] } ?? [])
  }

  private static func summary(_ checks: [Check], style: Style) -> String {
    let failed = checks.count { $0.outcome == .refused }
    let warnings = checks.count { $0.outcome == .warning }
    let noted = Quantity.count(warnings, "warning")
    switch (failed, warnings) {
    case (0, 0): return style.green("All is well.")
    case (0, _): return style.green("Nothing keeps guests from moving") + "; \(noted)."
    case (_, 0): return style.red("\(Quantity.count(failed, "check")) of \(checks.count) failed.")
    default: return style.red("\(Quantity.count(failed, "check")) of \(checks.count) failed") + "; \(noted)."
    }
  }
}

extension Style {
  /// The marks of checks: words where characters beyond ASCII cannot be shown, and never the colour alone.
  fileprivate var passed: String { unicode ? "✔" : "ok" }
  fileprivate var warned: String { unicode ? "▲" : "warning" }
  fileprivate var failed: String { unicode ? "✘" : "FAILED" }
}

extension Sequence where Element: Hashable {
  /// The elements, each where it is first.
  fileprivate var unique: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
