import Foundation
import Libvirt
import Testing

/// libvirt's `test` driver, which keeps its hosts inside this process: no daemon, no guests.
///
/// All connections to `test:///default` in a process share one host. So tests read what is there from the start and
/// change only what they made themselves, under names of their own.
enum TestDriver {
  static let uri = "test:///default"

  /// Runs the body with the URI of a host of its own, which lives as long as the connection that it is opened with.
  static func withOwnHost<Value>(_ body: (_ uri: String) async throws -> Value) async throws -> Value {
    let file = URL.temporaryDirectory.appending(path: uniqueName("longshore-host") + ".xml")
    try Data("<node/>".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return try await body("test://\(file.path)")
  }

  /// A name that no other test uses.
  static func uniqueName(_ stem: String) -> String {
    stem + "-" + String(UInt64.random(in: .min ... .max), radix: 36)
  }

  static func domainXML(named name: String) -> String {
    """
    <domain type='test'>
      <name>\(name)</name>
      <memory unit='MiB'>8</memory>
      <os><type>hvm</type></os>
    </domain>
    """
  }

  static func withConnection<Value>(
    _ uri: String = uri, limits: CallLimits = CallLimits(), _ body: (LibvirtConnection) async throws -> Value
  ) async throws -> Value {
    let connection = try await LibvirtConnection.open(uri, limits: limits)
    do {
      let value = try await body(connection)
      await connection.close()
      return value
    } catch {
      await connection.close()
      throw error
    }
  }

  /// A defined domain of the test's own, shut off at first and gone at the end.
  static func withDomain<Value>(
    _ uri: String = uri, _ body: (LibvirtConnection, Domain) async throws -> Value
  ) async throws -> Value {
    try await withConnection(uri) { connection in
      let domain = try await connection.defineDomain(xml: domainXML(named: uniqueName("domain")))
      do {
        let value = try await body(connection, domain)
        await remove(domain)
        return value
      } catch {
        await remove(domain)
        throw error
      }
    }
  }

  // The test may have stopped or undefined it already.
  private static func remove(_ domain: Domain) async {
    try? await domain.destroy()
    try? await domain.undefine()
  }
}

extension DomainEvent {
  /// Whether it tells of a domain, and of more than that it was defined: that comes late, also to those who have subscribed since.
  func isNews(of domain: Domain) -> Bool { uuid == domain.uuid && kind != .lifecycle(.defined(.added)) }
}
