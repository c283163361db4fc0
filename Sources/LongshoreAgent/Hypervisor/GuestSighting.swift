internal import Libvirt
internal import MigrationCore

/// Looks at one host's libvirt for a guest and says what is positively seen there.
enum GuestSighting {
  /// What a host shows of a guest. An error of libvirt, whatever it is, is "unreachable": nothing is concluded from it.
  static func look(for uuid: String, on connection: LibvirtConnection) async -> GuestSight {
    do throws(LibvirtError) {
      guard let domain = try await connection.domain(uuid: uuid) else { return .absent }
      return try await look(at: domain)
    } catch {
      return error.code == .noDomain ? .absent : .unreachable(error.message)
    }
  }

  private static func look(at domain: Domain) async throws(LibvirtError) -> GuestSight {
    let state = try await domain.state()
    switch state {
    case .shutoff, .crashed, .noState: return .inactive(state.description)
    case .running(let reason):
      let seen: GuestState =
        switch reason {
        case .migrationCanceled: .runningMigrationCanceled
        case .postcopy, .postcopyFailed: .postcopy(state.description)
        default: .running
        }
      return .active(seen, job: try await job(of: domain))
    case .blocked: return .active(.running, job: try await job(of: domain))
    case .paused(let reason):
      let seen: GuestState =
        switch reason {
        case .user: .pausedByUser
        case .migration, .startingUp: .pausedForMigration
        case .postcopy, .postcopyFailed: .postcopy(state.description)
        default: .other(state.description)
        }
      return .active(seen, job: try await job(of: domain))
    case .shutdown, .pmSuspended, .other:
      return .active(.other(state.description), job: try await job(of: domain))
    }
  }

  /// The job on a domain. The destination of a migration refuses to tell with `operationUnsupported`, which tells it.
  private static func job(of domain: Domain) async throws(LibvirtError) -> GuestJob {
    do throws(LibvirtError) {
      let statistics = try await domain.jobStatistics(.running)
      guard statistics.kind == .bounded || statistics.kind == .unbounded else { return .none }
      return statistics.operation == .migrationOut || statistics.operation == .migrationIn ? .migration : .other
    } catch {
      switch error.code {
      case .operationUnsupported: return .migration
      case .operationInvalid, .noDomain: return .none
      default: throw error
      }
    }
  }
}
