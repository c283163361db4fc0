internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// The libvirts of a migration's two hosts, as its source reaches them.
struct BothHosts: Sendable {
  let source: LibvirtLink
  let destinations: DestinationConnections

  /// Looks at both for a migration's guest.
  func observe(_ migration: SourceMigration) async -> Observation {
    let uuid = migration.guest.uuid
    async let here = Self.sight(of: uuid) { try await source.connection() }
    async let there = Self.sight(of: uuid) {
      try await destinations.connection(to: migration.preparation?.endpoint.libvirtURI ?? "")
    }
    return Observation(source: await here, destination: await there)
  }

  /// Looks at the source alone.
  func observeSource(_ uuid: String) async -> GuestSight { await Self.sight(of: uuid) { try await source.connection() } }

  private static func sight(of uuid: String, open: () async throws -> LibvirtConnection) async -> GuestSight {
    do {
      return await GuestSighting.look(for: uuid, on: try await open())
    } catch {
      return .unreachable(Reason.of(error, "connect").message)
    }
  }
}
