internal import CLibvirt

extension StoragePool {
  /// How long a refresh waits for the pool's running jobs.
  public struct RefreshPatience: Sendable, Hashable {
    /// How often it is tried, at least once.
    public var attempts: Int
    /// The pause after the first try; each next one is twice as long.
    public var firstPause: Duration
    /// The longest pause.
    public var longestPause: Duration

    /// Makes a setting; the default gives up after about a minute.
    public init(
      attempts: Int = 15, firstPause: Duration = .milliseconds(250), longestPause: Duration = .seconds(5)
    ) {
      self.attempts = attempts
      self.firstPause = firstPause
      self.longestPause = longestPause
    }
  }

  /// Reads the pool's volumes anew from its storage.
  ///
  /// libvirt refuses while a volume of the pool is being made, copied or wiped; the refresh is then tried again, within
  /// `patience`. Any other error is thrown at once.
  ///
  /// - Parameters:
  ///   - patience: how long to wait for the pool's jobs.
  ///   - clock: what the pauses are measured with.
  /// - Throws: ``LibvirtError``, or `CancellationError` when the task is cancelled during a pause.
  public func refresh(
    patience: RefreshPatience = RefreshPatience(), clock: some Clock<Duration> = ContinuousClock()
  ) async throws {
    try await Self.retryWhileBusy(patience, clock: clock) { [self] () async throws(LibvirtError) in
      try await perform("refresh pool \(name)") { call, pool throws(LibvirtError) in
        _ = try call.check(unsafe virStoragePoolRefresh(pool, 0))
      }
    }
  }

  /// Tries again while the error is that the pool has jobs.
  static func retryWhileBusy(
    _ patience: RefreshPatience, clock: some Clock<Duration>, _ attempt: () async throws(LibvirtError) -> Void
  ) async throws {
    var pause = patience.firstPause
    for _ in 1..<max(1, patience.attempts) {
      guard try await isBusy(attempt) else { return }
      try await clock.sleep(for: pause)
      pause = min(pause * 2, patience.longestPause)
    }
    try await attempt()
  }

  /// Whether the attempt failed since the pool has jobs; any other error is thrown.
  private static func isBusy(_ attempt: () async throws(LibvirtError) -> Void) async throws(LibvirtError) -> Bool {
    do throws(LibvirtError) {
      try await attempt()
      return false
    } catch  where error.hasAsynchronousJobs {
      return true
    }
  }
}
