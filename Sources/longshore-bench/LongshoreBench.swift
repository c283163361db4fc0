internal import ArgumentParser

/// The parts of `contrib/bench` that are measured, or measure, in Swift.
@main
struct LongshoreBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "longshore-bench", abstract: "What contrib/bench measures beside whole migrations.",
    subcommands: [BusCommand.self, AgentCommand.self, OrdersCommand.self, HistoryCommand.self, FleetCommand.self, JobsCommand.self])
}

/// How long something takes, in seconds.
func seconds(_ body: () async throws -> Void) async rethrows -> Double {
  let clock = ContinuousClock()
  let began = clock.now
  try await body()
  return (clock.now - began) / .seconds(1)
}
