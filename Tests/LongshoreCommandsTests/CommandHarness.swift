import ArgumentParser
import LongshoreClient
import LongshoreMessages

@testable import LongshoreCommands

/// Runs commands in a world of its own: streams that are kept, a clock that stands still, ids that count.
struct CommandHarness {
  let output = TextSink()
  let error = TextSink()
  var link = FakeLink()
  var variables = ["LONGSHORE_CLUSTER": "lab"]
  /// Where set, opening the link fails with it.
  var linkFailure: LinkError?
  /// What the operator answers on a terminal; nil where standard input is none.
  var answer: String?
  /// The certificates on the way to the broker.
  var certificates: [CertificateDates] = []
  /// Whether the link may not be opened to hear anything.
  var hearsNothing = false
  /// The operator's side.
  var signals: [FollowSignal] = []
  /// Says that the command listens to the operator's side.
  var listening: @Sendable () -> Void = {}

  /// Parses and runs a command line; returns the exit code.
  func run(_ arguments: String...) async throws -> CommandExit { try await run(arguments) }

  func run(_ arguments: [String]) async throws -> CommandExit {
    let command = try LongshoreCommand.parseAsRoot(arguments)
    guard let command = command as? any OperatorCommand else { throw ArgumentProblem("no command of an operator") }
    return await command.run(in: environment)
  }

  /// The world.
  var environment: CommandEnvironment {
    CommandEnvironment(
      variables: variables,
      writeResult: { [output] in output.write($0) },
      writeProgress: { [error] in error.write($0) },
      inputIsTerminal: answer != nil, readAnswer: { [answer] in answer },
      outputIsTerminal: false, errorIsTerminal: false,
      columns: { 80 },
      zone: .fixed(0),
      now: { Sample.start },
      makeID: { Sample.id("new") },
      signals: { [signals, listening] in
        listening()
        return AsyncStream { continuation in
          for signal in signals { continuation.yield(signal) }
        }
      },
      openLink: { [link, linkFailure, hearsNothing] _, subscription, use in
        if let linkFailure { throw linkFailure }
        if hearsNothing, subscription != .nothing {
          throw LinkError(.notPermitted, "access refused", while: "reading the history of events")
        }
        return try await use(link)
      },
      certificates: { [certificates] _ in certificates })
  }
}
