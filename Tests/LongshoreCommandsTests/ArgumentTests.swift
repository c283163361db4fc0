import ArgumentParser
import LongshoreMessages
import Testing

@testable import LongshoreCommands

@Suite struct ArgumentTests {
  @Test(arguments: [("90s", 90), ("2h", 7_200), ("1h30m", 5_400), ("1d", 86_400), ("1d2h3m4s", 93_784)])
  func durationsAreRead(text: String, seconds: Int64) throws {
    #expect(try DurationArgument.parse(text) == .seconds(seconds))
  }

  @Test(arguments: [
    "", "90", "h", "5x", "-5s", "1.5h", "30m1h", "1h1h", "1h 30m", "0s", "99999999999999999999s", "400000000d",
    "9223372036854775807d", "٣s",
  ])
  func otherTextsAreNoDurations(text: String) {
    #expect(throws: ArgumentProblem.self) { try DurationArgument.parse(text) }
  }

  @Test func anOrderCarriesEveryOption() throws {
    let command = try parsed(
      "migrate", "web-1", "--from", "alpha", "--to", "beta", "--pool", "fast", "--disk", "vdb=bulk", "--disk", "vdc=a=b",
      "--deadline", "2h", "--bandwidth", "100", "--max-downtime", "500", "--auto-converge", "--compress-memory", "--synchronous-writes",
      "--on-deadline", "force",
      "--handover", "fenced", "--keep-source", "--template-pool", "golden", "--in-place", "vdd", "--in-place", "vde",
      "--missing-media", "eject", "--verify")
    let order = command.options.order(for: command.guest)
    #expect(
      order
        == MigrateCommand(
          guest: Sample.name("web-1"), destination: MigrateCommand.Destination(host: Sample.beta.host),
          pools: MigrateCommand.Pools(
            default: Sample.name("fast"),
            disks: [Sample.name("vdb"): Sample.name("bulk"), Sample.name("vdc"): Sample.name("a=b")],
            templates: Sample.name("golden"), inPlace: [Sample.name("vdd"), Sample.name("vde")]),
          deadlineSeconds: 7_200,
          options: MigrationOptions(
            bandwidthMiBps: 100, maxDowntimeMs: 500, autoConverge: true, compressMemory: true, synchronousWrites: true,
            onDeadline: .force, handover: .fenced, keepSource: true, missingMedia: .eject, verify: true)))
  }

  @Test func writesCanBeKeptFromWaiting() throws {
    let command = try parsed("migrate", "web-1", "--from", "alpha", "--to", "beta", "--no-synchronous-writes")
    #expect(command.options.order(for: command.guest).options == MigrationOptions(synchronousWrites: false))
  }

  @Test(arguments: [
    ([], "Nothing is to be changed"), (["--max-downtime", "0"], "--max-downtime is 1 to 2000000"),
    (["--bandwidth", "0"], "--bandwidth is 1 to 1048576"), (["--memory-bandwidth", "1048577"], "--memory-bandwidth is 1 to 1048576"),
    (["--deadline", "31d"], "at most 30d"),
  ])
  func aWrongTuneIsExplained(arguments: [String], message: String) throws {
    let error = try #require(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(["tune", "m-1"] + arguments) }
    #expect(LongshoreCommand.exitCode(for: error).rawValue == CommandExit.usage.rawValue)
    #expect(LongshoreCommand.fullMessage(for: error).contains(message))
  }

  @Test func anOrderSaysNothingThatWasNotAsked() throws {
    let command = try parsed("migrate", "web-1", "--from", "alpha", "--to", "beta")
    let order = command.options.order(for: command.guest)
    #expect(order.pools == nil)
    #expect(order.options == nil)
    #expect(order.deadlineSeconds == nil)
    #expect(order.dryRun == nil)
  }

  @Test(arguments: [
    (["--from", "a", "--to", "a"], "name the same host"),
    (["--from", "A", "--to", "b"], "use 1 to 63 of a-z, 0-9 and -"),
    (["--from", "a"], "Missing expected argument '--to <host>'"),
    (["--from", "a", "--to", "b", "--pool", "/var/lib"], "paths are not taken"),
    (["--from", "a", "--to", "b", "--disk", "vdb"], "use DISK=POOL"),
    (["--from", "a", "--to", "b", "--disk", "vdb="], "use DISK=POOL"),
    (["--from", "a", "--to", "b", "--disk", "vdb=p", "--disk", "vdb=q"], "names vdb twice"),
    (["--from", "a", "--to", "b", "--deadline", "tomorrow"], "such as 90s, 2h, 1h30m or 1d"),
    (["--from", "a", "--to", "b", "--deadline", "31d"], "at most 30d"),
    (["--from", "a", "--to", "b", "--bandwidth", "0"], "at least 1"),
    (["--from", "a", "--to", "b", "--max-downtime", "-1"], "--max-downtime"),
    (["--from", "a", "--to", "b", "--handover", "magic"], "direct"),
    (["--from", "a", "--to", "b", "--verify", "--handover", "direct"], "needs the fenced handover"),
    (["--from", "a", "--to", "b", "--id", "-x"], "--id"),
    (["--from", "a", "--to", "b", "--id", "a/b"], "such as a UUID"),
    (["--from", "a", "--to", "b", "--detach", "--dry-run"], "exclude each other"),
    (["--from", "a", "--to", "b", "--key-file", "k"], "go together"),
    (["--from", "a", "--to", "b", "--format", "xml"], "table"),
  ])
  func aWrongCommandLineIsExplained(arguments: [String], message: String) throws {
    let error = try #require(throws: (any Error).self) {
      try LongshoreCommand.parseAsRoot(["migrate", "web-1"] + arguments)
    }
    #expect(LongshoreCommand.exitCode(for: error).rawValue == CommandExit.usage.rawValue)
    #expect(LongshoreCommand.fullMessage(for: error).contains(message))
  }

  /// A command with the words that call it.
  struct Named: CustomTestStringConvertible {
    let words: [String]
    let type: any ParsableCommand.Type
    /// Whether the words before the last call it too.
    let isDefault: Bool
    var testDescription: String { words.joined(separator: " ") }

    /// All commands below one.
    static func below(_ parent: any ParsableCommand.Type, _ words: [String] = []) -> [Named] {
      parent.configuration.subcommands.flatMap { command in
        let named = Named(
          words: words + [command.configuration.commandName ?? ""], type: command,
          isDefault: parent.configuration.defaultSubcommand.map { $0 == command } ?? false)
        return [named] + below(command, named.words)
      }
    }
  }

  @Test(arguments: Named.below(LongshoreCommand.self))
  func everyCommandHasAnExampleAndItsExitCodesInItsHelp(command: Named) throws {
    let help = LongshoreCommand.helpMessage(for: command.type, columns: 80)
    let calls = [command.words] + (command.isDefault ? [command.words.dropLast()] : [])
    #expect(calls.contains { help.contains("EXAMPLES:\n  longshore \($0.joined(separator: " "))") }, "\(help)")
    if command.type.configuration.subcommands.isEmpty {
      let type = try #require(command.type as? any OperatorCommand.Type)
      #expect(help.contains("EXIT CODES:\n    0  "))
      #expect(help.contains("--format") && help.contains("--quiet"), "\(type)")
    } else {
      #expect(command.type.configuration.defaultSubcommand != nil, "alone it would print help")
    }
    // The parser does not wrap the line of the usage.
    #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE:") }, "\(help)")
  }

  @Test func thereAreManyCommands() { #expect(Named.below(LongshoreCommand.self).count > 35) }

  @Test(arguments: [
    (["extend", "m-1"], "Give either --by or --until."),
    (["extend", "m-1", "--by", "1h", "--until", "2026-02-28T12:00:00Z"], "Give either --by or --until."),
    (["extend", "m-1", "--until", "tomorrow"], "such as 2026-01-31T18:30:00Z"),
    (["extend", "a/b", "--by", "1h"], "use a migration's id, or the path"),
    (["purge"], "Missing expected argument"),
  ])
  func aWrongOrderAboutDisksIsExplained(arguments: [String], message: String) throws {
    let error = try #require(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(["grace"] + arguments) }
    #expect(LongshoreCommand.exitCode(for: error).rawValue == CommandExit.usage.rawValue)
    #expect(LongshoreCommand.fullMessage(for: error).contains(message))
  }

  @Test func theVersionIsTold() throws {
    let error = try #require(throws: (any Error).self) { try LongshoreCommand.parseAsRoot(["--version"]) }
    #expect(LongshoreCommand.fullMessage(for: error) == LongshoreVersion.current)
  }

  private func parsed(_ arguments: String...) throws -> MigrateSubcommand {
    try #require(try LongshoreCommand.parseAsRoot(arguments) as? MigrateSubcommand)
  }
}
