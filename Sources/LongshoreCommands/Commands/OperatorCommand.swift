import ArgumentParser
import LongshoreClient

/// A subcommand that talks to hosts.
protocol OperatorCommand: AsyncParsableCommand {
  /// Where the broker is.
  var connection: ConnectionOptions { get }
  /// How to answer.
  var output: OutputOptions { get }
  /// Does what the command is for.
  /// - Throws: ``CommandFailure`` or ``LinkError``.
  func perform(_ session: CommandSession) async throws -> CommandExit
}

extension OperatorCommand {
  mutating func run() async throws {
    let exit = await run(in: .live)
    if exit != .done { throw ExitCode(exit.rawValue) }
  }

  /// Runs the command, says what went wrong, and returns the exit code.
  func run(in environment: CommandEnvironment) async -> CommandExit {
    let policy = OutputPolicy(
      output, environment: environment.variables, outputIsTerminal: environment.outputIsTerminal,
      errorIsTerminal: environment.errorIsTerminal)
    if let broker = connection.broker, LinkSettings.hasPassword(broker) {
      let warning = "the password in --broker can be seen by everybody on this machine: give it with --password-file or LONGSHORE_BROKER"
      environment.writeProgress(policy.progress.yellow("warning:") + " \(warning)\n")
    }
    do {
      let settings = try await SettingsReader(environment: environment.variables, file: connection.config)
        .settings(flags: connection)
      let session = CommandSession(environment: environment, settings: settings, policy: policy, options: output)
      return try await perform(session)
    } catch {
      let failure = CommandFailure(any: error)
      let lines = FailureText.lines(failure, style: policy.progress)
      environment.writeProgress(lines.map { $0 + "\n" }.joined())
      return failure.exit
    }
  }
}

extension CommandFailure {
  /// The failure that any error is.
  init(any error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let error as LinkError: self.init(error)
    case is CancellationError: self.init(.interrupted, "interrupted", while: "running the command")
    default: self.init(.unknownOutcome, "\(error)", while: "running the command")
    }
  }
}
