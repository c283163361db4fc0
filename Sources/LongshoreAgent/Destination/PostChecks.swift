internal import DomainXML
internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// Reads back from libvirt and from the images whether a guest has arrived as planned.
struct PostChecks: Sendable {
  let libvirt: LibvirtLink
  let images: QemuImg

  /// The confirmation, or the reasons why there is none.
  func check(_ migration: DestinationMigration) async throws -> (Confirmation?, [Reason]) {
    guard let plan = migration.plan else { return (nil, [Reason(.postCheckFailed, "there is no plan")]) }
    let connection = try await libvirt.connection()
    guard let domain = try await connection.domain(uuid: plan.guest.uuid) else {
      return (nil, [Reason(.postCheckFailed, "the guest is not on this host")])
    }
    var reasons: [Reason] = []
    func expect(_ condition: Bool, _ message: String) {
      if !condition { reasons.append(Reason(.postCheckFailed, message)) }
    }
    let state = try await domain.state()
    var ended: String?
    switch state {
    case .running, .blocked, .paused(.user): break
    // It came as it was, or its migration would have failed; what it has done since is its own affair.
    case .shutoff(let reason) where plan.guest.persistent && reason != .migrated: ended = state.description
    default: expect(false, "the guest is \(state)")
    }
    expect(try await domain.isPersistent() == plan.guest.persistent, "the guest's definition is not kept as it was at the source")

    let live = try DomainDocument(parsing: try await domain.xml([]))
    let stored = plan.guest.persistent ? try DomainDocument(parsing: try await domain.xml([.inactive])) : live
    for disk in migration.disks {
      let target = disk.target.text
      guard let path = disk.chain.first?.path else {
        expect(live.disk(target)?.source == nil, "the drive \(target) is not empty")
        continue
      }
      expect(
        live.disk(target)?.source?.path == path, "disk \(target) runs on \(live.disk(target)?.source?.path ?? "nothing"), not on \(path)")
      // Without a process libvirt knows a chain by the images alone, which are read below.
      if ended == nil,
        let difference = live.disk(target)?.backingChain.difference(from: disk.chain.dropFirst().map { PathText.normalized($0.path) })
      {
        expect(false, "disk \(target) lies on another chain than planned: \(difference)")
      }
      // Not every disk is in the definition to start by: a guest may have been given it while it ran. A drive can be empty there.
      let isAbsent = stored.disk(target).map { $0.device != .disk && $0.source == nil } ?? true
      expect(
        isAbsent || stored.disk(target)?.source?.path == path,
        "disk \(target) is defined on \(stored.disk(target)?.source?.path ?? "nothing"), not on \(path)")
      let chain = try await images.chain(of: path, format: disk.chain[0].format.rawValue)
      let paths = chain.map(\.path)
      expect(
        paths == disk.chain.map { PathText.normalized($0.path) }, "the chain of disk \(target) is \(paths.joined(separator: " over "))")
      // Which format a layer is read in says the header above it.
      for (image, layer) in zip(chain, disk.chain) where image.format != layer.format.rawValue {
        expect(false, "the layer \(image.path) of disk \(target) is read as \(image.format), not as \(layer.format.rawValue)")
      }
      guard let image = chain.first, let moved = plan.disks.first(where: { $0.target == disk.target }) else { continue }
      expect(!image.isCorrupt, "QEMU has found the image of disk \(target) damaged, and marked it so")
      // What was not closed properly QEMU repairs when it opens it. Its tables can only be read by others while nobody changes them.
      if ended != nil, moved.format == .qcow2, moved.secret == nil, !image.isDirty, let damage = try await images.damage(of: path) {
        expect(false, "the image of disk \(target), \(path), has \(damage)")
      }
    }
    guard reasons.isEmpty else { return (nil, reasons) }
    return (Confirmation(console: ended == nil ? live.graphics.first.flatMap(Console.init) : nil, ended: ended), [])
  }
}

extension Console {
  fileprivate init?(_ graphics: Graphics) {
    guard let port = graphics.port ?? graphics.tlsPort, port > 0, let address = graphics.listenAddresses.first else { return nil }
    self.init(type: graphics.type, address: address, port: port)
  }
}
