/// How many calls of each sort run at a time on one connection; more wait in order, each sort in its own lane.
///
/// The sorts are kept apart so that an abort or a look at the statistics never waits behind a migration. The sum
/// should not exceed what the daemon takes at a time from one connection (`max_client_requests` in `libvirtd.conf`, 5
/// by default): it does not even read the next call before one is answered. So use a connection of its own for each
/// running migration, and another one for control.
public struct CallLimits: Sendable, Hashable {
  /// Short calls: look-ups, state, statistics, aborts.
  public var control: Int
  /// Calls on storage. They take as long as the storage and, where one refreshes a pool whose server is away, all that looks at pools waits
  /// for it in the daemon.
  public var storage: Int
  /// Migrations; one holds its thread until it ends.
  public var migrations: Int

  /// Makes limits; each is at least one.
  public init(control: Int = 3, storage: Int = 2, migrations: Int = 1) {
    self.control = control
    self.storage = storage
    self.migrations = migrations
  }
}
