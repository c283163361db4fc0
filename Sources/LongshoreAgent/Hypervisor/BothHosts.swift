internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// The libvirts of a migration's two hosts, as one of them reaches them.
struct BothHosts: Sendable {
  /// How long a look at one host may take, in milliseconds: a daemon that stands still neither answers nor refuses.
  private static let limit: Int64 = 10_000

  let source: LibvirtLink
  let destinations: DestinationConnections
  let clock: any HostClock

  /// Looks at both for a migration's guest.
  func observe(_ migration: SourceMigration) async -> Observation {
    let uuid = migration.guest.uuid
    async let here = sight(of: uuid) { try await source.connection() }
    async let there = observeDestination(migration)
    return Observation(source: await here, destination: await there)
  }

  /// Looks at the destination alone.
  func observeDestination(_ migration: SourceMigration) async -> GuestSight {
    // Without a URI libvirt would take its own host's.
    guard let uri = migration.preparation?.endpoint.libvirtURI else { return .unreachable("it has prepared nothing") }
    return await sight(of: migration.guest.uuid) { try await destinations.connection(to: uri) }
  }

  /// Looks at this host alone.
  func observeHere(_ uuid: String) async -> GuestSight { await sight(of: uuid) { try await source.connection() } }

  /// Looks at both from the destination.
  ///
  /// - Parameters:
  ///   - uri: How the source's libvirt is reached, by its agent's word; nil where that is not known.
  ///   - allowed: What it may be.
  func observe(_ uuid: String, atSource uri: String?, allowed: AllowedAddresses) async -> Observation {
    async let here = observeHere(uuid)
    guard let uri else { return Observation(source: .unreachable("it is not known how it is reached"), destination: await here) }
    async let there = sight(of: uuid) {
      try allowed.check(uri: uri)
      return try await destinations.connection(to: uri)
    }
    return Observation(source: await there, destination: await here)
  }

  private func sight(of uuid: String, open: @escaping @Sendable () async throws -> LibvirtConnection) async -> GuestSight {
    let (sights, seen) = AsyncStream<GuestSight>.makeStream(bufferingPolicy: .bufferingOldest(1))
    // Calls to libvirt cannot be cancelled: what comes after the limit is of no use any more, and waited for by nobody.
    Task {
      do {
        seen.yield(await GuestSighting.look(for: uuid, on: try await open()))
      } catch {
        seen.yield(.unreachable(Reason.of(error, "connect").message))
      }
    }
    let limit = Task {
      try await clock.wait(milliseconds: Self.limit)
      seen.yield(.unreachable("no answer within \(Self.limit / 1000) s"))
    }
    defer { limit.cancel() }
    for await sight in sights { return sight }
    return .unreachable("the look was given up")
  }
}
