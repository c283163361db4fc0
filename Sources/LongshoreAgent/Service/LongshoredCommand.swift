public import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import LongshoreMessages
internal import MigrationJournal

/// The command `longshored`.
public struct LongshoredCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "longshored",
    abstract: "The Longshore agent of one KVM host.",
    discussion: """
      Moves running guests with their disks between this host and others, on requests that it takes from RabbitMQ. Runs until \
      it gets SIGTERM or SIGINT; migrations under way are taken up again at the next start. SIGHUP lets it read its \
      configuration anew.

      EXIT CODES:
        0   ended on request
        1   the agent could not go on
        64  wrong usage
        78  the configuration is wrong
      """,
    version: LongshoreVersion.current)

  @Option(
    help: ArgumentHelp("The configuration file (default: \(AgentConfiguration.defaultPath)).", valueName: "file"),
    completion: .file())
  var config: String?

  @Option(name: .customLong("set"), help: ArgumentHelp("Give a setting of the configuration file here.", valueName: "key=value"))
  var settings: [String] = []

  @Flag(help: "Read the configuration, say whether it can be used, and end.")
  var checkConfig = false

  @Flag(
    help: ArgumentHelp(
      "Say what the journal has that is not settled, a line each, and end. The agent must not run: the journal is its own.",
      discussion: "Nothing is printed where all is settled, or where there is no journal."))
  var unsettled = false

  public init() {}

  /// Runs the command with the process's arguments and ends the process.
  public static func main() async {
    // libvirt's client writes to sockets that the daemon may have closed, and leaves the signal of that to its user.
    signal(SIGPIPE, SIG_IGN)
    await main(nil)
  }

  public func run() async throws {
    let read: @Sendable () async throws -> AgentConfiguration = { [config, settings] in
      let reader = try await SettingsReader(
        file: config ?? AgentConfiguration.defaultPath, fileIsRequired: config != nil, flags: settings,
        environment: ProcessInfo.processInfo.environment)
      return try AgentConfiguration(settings: reader)
    }
    let configuration: AgentConfiguration
    do {
      configuration = try await read()
    } catch let error as ConfigurationError {
      StandardError.write("longshored: \(error)\n")
      throw ExitCode(78)
    }
    if checkConfig {
      print("The configuration of \(configuration.host) can be used.")
      return
    }
    if unsettled {
      try tellUnsettled(journal: configuration.journalPath)
      return
    }
    let recentLog = RecentLog()
    var logger = Logger(label: "longshored") { [format = configuration.logFormat] _ in
      RecentLogHandler(LineLogHandler(format: format), recentLog)
    }
    logger.logLevel = configuration.logLevel
    do {
      let agent = try Agent(
        configuration: configuration, manager: ServiceManager(environment: ProcessInfo.processInfo.environment),
        recentLog: recentLog, reread: read, logger: logger)
      logger.info(
        "Longshore \(LongshoreVersion.current) starts",
        metadata: ["cluster": "\(configuration.host.cluster)", "host": "\(configuration.host.host)"])
      try await agent.run()
    } catch let error as ConfigurationError {
      logger.critical("The agent cannot be started", metadata: [LogKeys.error: "\(error)"])
      throw ExitCode(78)
    } catch {
      logger.critical("The agent cannot go on", metadata: [LogKeys.error: "\(error)"])
      throw ExitCode.failure
    }
  }

  private func tellUnsettled(journal path: String) throws {
    // Opening makes a journal where there is none.
    guard access(path, F_OK) == 0 else { return }
    do {
      let journal = try Journal(path: path)
      for line in try UnsettledWork(of: journal).lines { print(line) }
      try journal.close()
    } catch {
      StandardError.write("longshored: \(error)\n")
      throw ExitCode.failure
    }
  }
}

/// The standard error stream.
enum StandardError {
  static func write(_ text: String) { FileHandleOutput.write(text, to: 2) }
}
