internal import Logging
package import LongshoreMessages

/// What does the work on guests where an agent itself is measured: with many migrations, or with guests that need not be there.
package struct StandIn: Sendable {
  /// Takes the progress of a migration, as a transfer gives it.
  package typealias Post = @Sendable (Progress, MigrationID) async -> Void

  /// Makes what works at a source.
  package var source: @Sendable (_ post: @escaping Post) -> any SourceEffectRunner
  /// What works at a destination.
  package var destination: any DestinationEffectRunner

  /// A stand-in.
  package init(source: @escaping @Sendable (_ post: @escaping Post) -> any SourceEffectRunner, destination: any DestinationEffectRunner) {
    self.source = source
    self.destination = destination
  }
}

/// An agent with everything but the work on guests, for benchmarks.
package enum MeasuredAgent {
  /// Works until the process is asked to end.
  ///
  /// - Parameter settings: Settings as the configuration file has them, each as `key=value`.
  package static func run(settings: [String], standIn: StandIn) async throws {
    let reader = try await SettingsReader(file: AgentConfiguration.defaultPath, fileIsRequired: false, flags: settings, environment: [:])
    var logger = Logger(label: "longshored") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .warning
    try await Agent(configuration: AgentConfiguration(settings: reader), standIn: standIn, logger: logger).run()
  }
}
