import LongshoreClient
import LongshoreMessages

/// The end of a migration in words: the result for standard output, or what went wrong, where the guest runs now and what to
/// do next for the standard error stream.
enum OutcomeText {
  /// The two texts, as lines.
  struct Lines: Hashable {
    /// For standard output.
    var result: [String] = []
    /// For the standard error stream.
    var problem: [String] = []
  }

  /// The texts for an outcome of a migration that the operator knows as `guest` and `migration`.
  static func lines(_ outcome: FollowOutcome, guest: String, migration: MigrationID, style: Style) -> Lines {
    let guest = guest.printable
    switch outcome {
    case .ended(let event): return ended(event, style)
    case .endedBefore(let status): return endedBefore(status, style)
    case .refused(let reply):
      guard case .rejected(let reasons) = reply.body else { return Lines() }
      let head = style.red("Refused by \(reply.from.host):") + " \(guest) is not moved and nothing was changed."
      return Lines(problem: [head] + list(reasons) + advice(Advice.afterRefusal(reasons, host: reply.from.host)))
    case .checked(let reply):
      guard case .checked(let checks, let disks, let estimate) = reply.body else { return Lines() }
      return Lines(result: ResultText.checks(checks, disks: disks, estimate: estimate, style: style))
    case .accepted: return Lines(result: [migration.text])
    case .needsAttention(let event):
      let head = style.yellow("Needs attention:") + " the agents cannot decide alone what became of \(name(event))."
      let kept = "Nothing is deleted, and the guest is locked on \(hosts(event))."
      return Lines(
        problem: [head] + list(event.data.reasons ?? []) + [kept]
          + advice("look at both hosts; `longshore watch \(migration)` follows what happens."))
    case .detached(let accepted):
      return Lines(
        problem: accepted
          ? [
            "Detached; the migration of \(guest) is still running.",
            "  longshore watch \(migration)   follows it",
            "  longshore cancel \(migration)  stops it",
          ]
          : [
            "Detached before the host answered: the order may still be accepted.",
            "  longshore status \(migration)  tells",
          ])
    case .unheard(let error):
      var failure = CommandFailure(error)
      if error.code == .noAnswer {
        failure.advice =
          "the order may still be taken for a minute: `longshore status \(migration)` tells; repeat it with `--id \(migration)`, and it is one order."
      }
      return Lines(problem: FailureText.lines(failure, style: style))
    }
  }

  private static func ended(_ event: MigrationEvent, _ style: Style) -> Lines {
    let data = event.data
    let duration = data.seconds.map { " in \(Quantity.seconds($0))" } ?? ""
    switch data.kind {
    case .completed:
      let host = data.runsAt ?? data.destinationHost
      let place = data.hasGuestEnded ? "is at \(host), and has ended there" : "runs at \(host)"
      var head = style.green("Completed\(duration):") + " \(name(event)) \(place)"
      if let downtime = data.downtimeMs { head += ", downtime \(downtime) ms" }
      if let bytes = data.bytes { head += ", moved \(bytes.words)" }
      var lines = [head + "."]
      lines += (data.disks ?? []).map { "  " + ResultText.disk($0, style: style) }
      if let console = data.console {
        lines.append("  console \(console.type) \(console.address), port \(console.port)".printable)
      }
      guard let verification = data.verification else { return Lines(result: lines, problem: list(data.reasons ?? [])) }
      switch verification.outcome {
      case .equal:
        let size = verification.bytes.map { " (\(Quantity.bytes($0)))" } ?? ""
        return Lines(
          result: lines + [style.green("Verified:") + " at the switch the disks\(size) held what they held at \(data.sourceHost)."],
          problem: list(data.reasons ?? []))
      case .unknown:
        return Lines(result: lines, problem: [style.yellow("Not verified:")] + list(data.reasons ?? []))
      case .differs:
        let places = (verification.differences ?? []).map {
          "    \($0.target): \(Quantity.bytes($0.length)) from byte \($0.offset)".printable
        }
        return Lines(
          result: lines,
          problem: [style.red("Content differs:")] + list(data.reasons ?? []) + places
            + advice(
              "compare the disks; the source's are in `longshore grace list`, and are kept until `longshore grace purge \(event.subject)`.")
        )
      }
    case .cancelled:
      let head = style.yellow("Cancelled\(duration):") + " \(name(event)) was not moved."
      return Lines(problem: [head] + list(data.reasons ?? []) + [safety(event)])
    default:
      let stage = data.stage.map { " at \($0.words)" } ?? ""
      let head = style.red("Failed\(stage)\(duration):") + " \(name(event)) was not moved."
      let failed = (data.checks ?? []).filter { $0.outcome == .refused }
      let checks = failed.flatMap { check in
        ["  - \(check.host): \(check.message.printable) [\(check.code.text.printable)]"]
          + (check.advice.map { ["    to do: \($0.printable)"] } ?? [])
      }
      let reasons = data.reasons ?? []
      let told = Set(failed.map(\.code))
      let rest = reasons.filter { !told.contains($0.code) }
      return Lines(
        problem: [head] + checks + list(rest) + [safety(event)]
          + advice(Advice.afterFailure(reasons, stage: data.stage, migration: event.subject)))
    }
  }

  private static func endedBefore(_ status: MigrationStatus, _ style: Style) -> Lines {
    let host = status.phase == .completed ? status.destinationHost : status.sourceHost
    let text = "\(status.phase.words) before: \(status.guest.name.printable) ran at \(host) when it ended."
    let line = text.prefix(1).uppercased() + text.dropFirst()
    guard status.phase != .completed else { return Lines(result: [line]) }
    return Lines(problem: [line] + list(status.reasons ?? []))
  }

  private static func safety(_ event: MigrationEvent) -> String {
    let data = event.data
    guard let host = data.runsAt else {
      return "\(name(event)) is at \(data.sourceHost), with its disks as they were."
    }
    guard host == data.sourceHost else { return "\(name(event)) runs at \(host)." }
    return "\(name(event)) runs at \(host), on its disks there; nothing is left at \(data.destinationHost)."
  }

  private static func name(_ event: MigrationEvent) -> String { event.data.guest.name.printable }

  private static func hosts(_ event: MigrationEvent) -> String {
    "\(event.data.sourceHost) and \(event.data.destinationHost)"
  }

  private static func list(_ reasons: [Reason]) -> [String] { reasons.map { "  - \($0.words)" } }

  private static func advice(_ text: String?) -> [String] { text.map { ["Next: \($0)"] } ?? [] }
}
