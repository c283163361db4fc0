import LongshoreClient
import LongshoreMessages

extension CommandSession {
  /// Asks a migration's source to do something with it, and shows the answer.
  ///
  /// - Parameters:
  ///   - command: What is asked.
  ///   - refusal: What a refusal means, after its host.
  ///   - text: The lines of an answer that is none.
  func steer(
    _ id: MigrationID, by command: Request.Command, refusal: String, within timeout: Duration,
    text: @escaping @Sendable (Reply, MigrationStatus) -> [String]
  ) async throws -> CommandExit {
    try await withLink(.nothing) { link in
      let question = HostQuestion(session: self, link: link, time: timeout)
      let status = try await question.status(of: id)
      let reply = try await question.ask(command, of: status.sourceHost)
      if case .rejected = reply.body { return refused(reply, refusal, id) }
      switch options.format {
      case .json, .yaml: writeValue(reply)
      case .table where options.quiet: write([id.text])
      case .table: write(text(reply, status))
      }
      return .done
    }
  }

  /// Shows that a host has refused something.
  ///
  /// - Parameter what: What that means, after its host.
  func refused(_ reply: Reply, _ what: String, _ id: MigrationID) -> CommandExit {
    if options.format.isForPrograms { writeValue(reply) }
    var lines = [policy.progress.red("Refused by \(reply.from.host):") + " \(what)."]
    if case .rejected(let reasons) = reply.body { lines += reasons.map { "  - \($0.words)" } }
    complain(lines + [Advice.status(id)])
    return .refused
  }
}

extension Advice {
  /// Where to look next.
  static func status(_ id: MigrationID) -> String { "Next: `longshore status \(id)` tells its state." }
}
