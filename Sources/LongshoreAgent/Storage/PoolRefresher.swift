internal import Libvirt
internal import Logging
internal import LongshoreMessages

/// Lets libvirt see the files that were made or removed in pools, in the background: nothing waits for it, since libvirt takes
/// files that exist as they are, and a refresh reads every volume of the pool.
actor PoolRefresher {
  private let libvirt: LibvirtLink
  private let logger: Logger
  /// The pools whose refresh runs; true where another one is wanted after it.
  private var running: [ResourceName: Bool] = [:]

  init(libvirt: LibvirtLink, logger: Logger) {
    self.libvirt = libvirt
    self.logger = logger
  }

  /// Refreshes pools soon. Requests that come while a pool's refresh runs are served by one more.
  nonisolated func refreshSoon(_ pools: Set<ResourceName>) {
    Task { for pool in pools { await refresh(pool) } }
  }

  private func refresh(_ name: ResourceName) async {
    if running[name] != nil {
      running[name] = true
      return
    }
    repeat {
      running[name] = false
      do {
        try await libvirt.connection().pool(named: name.text)?.refresh()
      } catch {
        logger.notice("A pool could not be refreshed", metadata: [LogKeys.pool: "\(name)", LogKeys.error: "\(error)"])
      }
    } while running[name] == true
    running[name] = nil
  }
}
