internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal
internal import Synchronization

/// The settings that requests can change for good: what the journal holds of them, and what the configuration says of the others.
final class HostDefaults: Sendable {
  private struct State {
    var configured: HostSettings
    var stored: [HostSettings.Name: HostSettings.Value]

    var settings: HostSettings {
      HostSettings(deadlineSeconds: stored[.deadlineSeconds] ?? configured.deadlineSeconds)
    }
  }

  private let journal: Journal
  private let state: Mutex<State>

  /// Reads what requests have set.
  ///
  /// - Parameter deadlineSeconds: What the configuration says.
  init(deadlineSeconds: Int64, journal: Journal) throws(JournalError) {
    self.journal = journal
    state = Mutex(State(configured: HostSettings(deadlineSeconds: HostSettings.Value(deadlineSeconds)), stored: try journal.settings()))
  }

  /// What holds.
  var settings: HostSettings { state.withLock { $0.settings } }

  /// The time that a migration may take where its order does not say it, in seconds.
  var deadlineSeconds: Int64 { settings.deadlineSeconds.value }

  /// Changes settings for good. When it returns, they are in the journal.
  ///
  /// - Returns: What holds from now on, and what was changed.
  func configure(_ change: HostSettingsChange, at now: Now) throws(JournalError) -> (settings: HostSettings, changes: [HostSettingChange]) {
    // The lock is held while the journal writes, which takes milliseconds: two changes are made one after the other in both.
    try state.withLock { state throws(JournalError) in
      let before = state.settings
      state.stored = try journal.configure(change, at: now)
      let after = state.settings
      var changes: [HostSettingChange] = []
      if before.deadlineSeconds.value != after.deadlineSeconds.value {
        changes.append(HostSettingChange(.deadlineSeconds, from: before.deadlineSeconds.value, to: after.deadlineSeconds.value))
      }
      return (after, changes)
    }
  }

  /// Takes over what the configuration says now.
  func reconfigure(deadlineSeconds: Int64) {
    state.withLock { $0.configured.deadlineSeconds = HostSettings.Value(deadlineSeconds) }
  }
}
