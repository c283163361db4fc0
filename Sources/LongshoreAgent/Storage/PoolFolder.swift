internal import Libvirt
internal import LongshoreMessages

/// The folders of pools that hold image files.
enum PoolFolder {
  /// The folder of an active pool.
  static func path(of name: ResourceName, on connection: LibvirtConnection) async throws -> String {
    guard let pool = try await connection.pool(named: name.text) else {
      throw Reason.Failure(.unknownPool, "the pool \(name) is not there any more")
    }
    guard try await pool.isActive() else { throw Reason.Failure(.poolInactive, "the pool \(name) is not active any more") }
    guard let folder = try await pool.configuration().targetPath else {
      throw Reason.Failure(.unsupportedPool, "the pool \(name) has no folder")
    }
    return folder
  }
}
