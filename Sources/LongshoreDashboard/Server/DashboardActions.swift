import LongshoreMessages

/// What can be done from the dashboard.
protocol DashboardActions: Sendable {
  /// Asks a migration's source to stop it.
  /// - Throws: ``ActionRefusal`` where the host refuses or cannot be asked.
  func cancel(_ migration: MigrationID, at source: HostAddress) async throws
}

/// Why something was not done.
struct ActionRefusal: Error, Hashable {
  /// The host's reasons.
  var reasons: [Reason]
  /// What happened where no host gave a reason.
  var message: String?
}
