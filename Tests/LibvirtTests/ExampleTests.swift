import Libvirt
import Logging

// What the documentation of Libvirt shows: it is compiled here, so that it is what the library takes (contrib/docs/check holds it against
// this file). It uses what is public alone.

private func list() async throws {
  let connection = try await LibvirtConnection.open("qemu:///system")
  for domain in try await connection.domains(.active) {
    print(domain.name, try await domain.state())
  }
  await connection.close()
}

private func link(_ logger: Logger) async throws {
  let link = LibvirtLink(uri: "qemu:///system", logger: logger)
  let running = Task { await link.run() }
  guard let domain = try await link.connection().domain(named: "web1") else { return }
  print(domain.name)
  running.cancel()
}

private func listen(to link: LibvirtLink) async throws {
  for await event in await link.events() {
    switch event {
    case .connected, .reconnected:
      // Events may have been missed before this: read the state of what matters.
      break
    case .domain(let event):
      if case .lifecycle(let change) = event.kind { print(event.name, change) }
    }
  }
}

private func migrate(_ uuid: String, runningXML: String, persistentXML: String) async throws {
  var parameters = MigrationParameters()
  parameters.destinationXML = runningXML
  parameters.persistentXML = persistentXML
  parameters.disks = ["vda", "vdb"]

  let working = try await LibvirtConnection.open("qemu:///system")
  guard let domain = try await working.domain(uuid: uuid) else { return }
  try await domain.migrate(
    toURI: "qemu+tls://beta.example.org/system",
    flags: [.live, .peerToPeer, .persistDestination, .nonSharedIncremental, .abortOnError],
    parameters: parameters)
}
