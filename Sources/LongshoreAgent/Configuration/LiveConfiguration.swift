internal import Synchronization

/// The configuration that holds, while it may be read anew.
final class LiveConfiguration: Sendable {
  private let state: Mutex<AgentConfiguration>

  /// - Parameter configuration: That of the start.
  init(_ configuration: AgentConfiguration) { state = Mutex(configuration) }

  /// What holds now.
  var now: AgentConfiguration { state.withLock { $0 } }

  /// Takes over what of a configuration counts at once.
  ///
  /// - Returns: What is different in it, and what of that counts.
  func adopt(_ new: AgentConfiguration) -> SettingsChange {
    state.withLock { configuration in
      let change = SettingsChange(from: configuration, to: new)
      configuration = configuration.adopting(new)
      return change
    }
  }
}
