internal import Digests
internal import FoundationEssentials
package import LongshoreMessages
internal import MigrationCore

/// The readers of what other programs and people write, for tests that feed them rubbish. Each throws its own kind of error for
/// what it cannot read, and must never crash.
package enum UntrustedInput {
  /// Reads what `qemu-img info --backing-chain --output=json` has written.
  package static func readImageChain(_ output: [UInt8]) throws {
    _ = try QemuImg.decode([ImageInfo].self, from: output, operation: "read a chain")
  }

  /// Reads the beginning of an image, which a guest or another host may have written.
  package static func readImageHeader(_ bytes: [UInt8]) throws {
    _ = BackingReference(bytes)?.path(in: "/pool")
    let header = try QCOW2Header(bytes, operation: "read a header")
    _ = header.clusterSize
  }

  /// Does with the message of another agent what needs no host: begins the migration that it plans, reads the addresses that it
  /// names, tells what the copy of its templates would take.
  package static func takeIn(_ message: PeerMessage) {
    switch message.body {
    case .check(let plan), .prepare(let plan):
      let now = Now(wall: Timestamp(milliseconds: 0), bootID: "boot", bootMilliseconds: 0)
      let endpoint = DestinationEndpoint(libvirtURI: "qemu+tls://beta/system", migrationAddress: "beta")
      var (migration, _) = DestinationMigration.prepare(
        id: message.migration, source: message.from, plan: plan, endpoint: endpoint, at: now)
      _ = migration.apply(.admitted, at: now)
      _ = migration.apply(.checked([]), at: now)
      for layer in plan.layers {
        _ = migration.apply(.layerProvided(layer.id, path: "/pool/\(layer.volume)", copied: layer.fileSize), at: now)
        _ = migration.apply(.peer(message.body), at: now)
      }
      _ = plan.diskMoves
      _ = plan.disks.map { plan.chain(below: $0.backing) }
    case .prepared(let preparation, _):
      _ = try? AllowedAddresses(hosts: nil).check(preparation.endpoint)
    case .checked(_, let facts):
      if let facts { estimate(facts, message) }
    case .tryPath(let question):
      _ = try? PeerLibvirt(question.endpoint.libvirtURI)
      if let tls = question.tls {
        let pem = Array(tls.certificate.utf8)
        _ = Certificate.objection(to: pem, trusting: pem, as: .server)
      }
    case .templateDescribed(let description):
      takeIn(description, message)
    case .layerOffered(let offer):
      _ = offer.uri.flatMap { try? NBDEndpoint(uri: $0) }
    default: break
    }
  }

  /// Does with a template of another host what needs no host.
  private static func takeIn(_ description: TemplateDescription, _ message: PeerMessage) {
    guard let name = ResourceName("debian-12.qcow2") else { return }
    let now = Now(wall: Timestamp(milliseconds: 0), bootID: "boot", bootMilliseconds: 0)
    var prefetch = TemplatePrefetch(
      id: message.migration, order: PrefetchOrder(template: name, from: message.from.host), source: message.from, deadlineSeconds: 60,
      at: now)
    for event in [.admitted, .described(description.layers), .checked] as [PrefetchEvent] { prefetch.apply(event) }
    for layer in description.layers {
      _ = prefetch.work(copied: layer.fileSize)
      prefetch.apply(.layerProvided(layer.id, path: "/pool/\(layer.volume)", copied: layer.fileSize))
    }
    _ = prefetch.outstanding(at: now)
  }

  /// Makes an estimate with what another host says.
  private static func estimate(_ facts: DestinationFacts, _ message: PeerMessage) {
    guard let name = ResourceName("web") else { return }
    let guest = GuestDescription(
      uuid: "", name: name, persistent: true, memoryKiB: 1 << 20, domainType: "kvm", architecture: "x86_64", machine: "pc", emulator: nil,
      cpu: nil, networks: [])
    _ = Estimator.estimate(
      EstimateFacts(
        plan: MigrationPlan(guest: guest, disks: [], layers: []), source: (message.to ?? message.from).host, destination: message.from.host,
        there: facts,
        dirtyBps: 1 << 20))
  }

  /// Reads a configuration file.
  ///
  /// - Returns: What is wrong with it, in words; nil where it can be used.
  /// - Throws: What no reader of a configuration may throw.
  package static func problem(inConfigurationAt path: String) async throws -> String? {
    do {
      let settings = try await SettingsReader(file: path, fileIsRequired: true, flags: [], environment: [:])
      _ = try AgentConfiguration(settings: settings)
      return nil
    } catch let error as ConfigurationError {
      return "\(error)"
    }
  }
}
