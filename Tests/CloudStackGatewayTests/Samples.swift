import Digests
import LongshoreClient
import LongshoreMessages

@testable import CloudStackGateway

/// Values that the tests share.
enum Sample {
  static let cluster = node("lab")
  static let alpha = node("alpha")
  static let beta = node("beta")
  static let gamma = node("gamma")
  static let gibibyte: UInt64 = 1 << 30
  /// 2026-01-31T18:30:00Z.
  static let start = Timestamp(milliseconds: 1_769_884_200_000)

  static let web = "11111111-1111-4111-8111-111111111111"
  static let stopped = "11111111-1111-4111-8111-222222222222"
  static let webRoot = "33333333-3333-5333-8333-000000000001"
  static let webData = "33333333-3333-5333-8333-000000000002"
  static let alphaID = "22222222-2222-4222-8222-00000000000a"
  static let betaID = "22222222-2222-4222-8222-00000000000b"
  static let gammaID = "22222222-2222-4222-8222-00000000000c"
  static let primaryAtAlpha = "44444444-4444-4444-8444-00000000000a"
  static let primaryAtBeta = "44444444-4444-4444-8444-00000000000b"
  static let fastAtBeta = "44444444-4444-4444-8444-0000000000fb"
  static let shared = "44444444-4444-4444-8444-000000000005"

  static func node(_ text: String) -> NodeName {
    guard let name = NodeName(text) else { preconditionFailure("\(text) is a name") }
    return name
  }

  static func id(_ text: String) -> MigrationID {
    guard let id = MigrationID(text) else { preconditionFailure("\(text) is an id") }
    return id
  }

  static func name(_ text: String) -> ResourceName {
    guard let name = ResourceName(text) else { preconditionFailure("\(text) is a name") }
    return name
  }

  static func time(_ seconds: Double) -> Timestamp { start.adding(milliseconds: Int64(seconds * 1000)) }

  static func key(_ name: String = "boss", _ role: AccessKey.Role = .admin, guests: [String]? = nil) -> AccessKey {
    AccessKey(key: "key-of-\(name)", secret: Secret("0123456789abcdef0123456789abcdef-\(name)"), name: name, role: role, guests: guests)
  }

  /// A query with its signature.
  static func signed(
    _ query: String, _ key: AccessKey, _ hash: HMAC.Hash = .sha1, _ form: CanonicalRequest.Form = .strict
  ) -> String {
    guard let parameters = try? Parameters(query: query) else { preconditionFailure("\(query) is well-formed") }
    let code = HMAC.code(of: CanonicalRequest(parameters).text(form).utf8, key: key.secret.bytes, hash)
    let text = Base64.text(code).replacing("+", with: "%2B").replacing("/", with: "%2F").replacing("=", with: "%3D")
    return "\(query)&signature=\(text)"
  }

  // MARK: What the hosts have

  static func pool(
    _ uuid: String, _ name: String, type: String = "dir", available: UInt64 = 40, servers: [String]? = nil, isActive: Bool = true
  ) -> HostInventory.Pool {
    HostInventory.Pool(
      uuid: uuid, name: name, type: type, active: isActive, allowed: true, capacity: 100 * gibibyte, allocation: 60 * gibibyte,
      available: available * gibibyte, path: "/pools/\(name)", sourceHosts: servers, sourceDirectory: servers.map { _ in "/export/\(name)" }
    )
  }

  static func machine(_ uuid: String, memoryAvailable: UInt64 = 32, isInMaintenance: Bool = false) -> HostInventory.Machine {
    HostInventory.Machine(
      uuid: uuid, agentVersion: "1.2.0", libvirtVersion: "9.0.0", hypervisor: "QEMU", hypervisorVersion: "7.2.0",
      processors: HostInventory.Machine.Processors(count: 16, sockets: 2, mhz: 2400, architecture: "x86_64"), memory: 64 * gibibyte,
      memoryAvailable: memoryAvailable * gibibyte, maintenance: Maintenance(isOn: isInMaintenance), migrations: 0)
  }

  static func disk(_ id: String, _ target: String, pool: String = "primary", device: String = "disk") -> HostInventory.Disk {
    HostInventory.Disk(
      id: id, target: target, bus: "virtio", device: device, readOnly: device == "cdrom", pool: pool, volume: "web-1-\(target).qcow2",
      source: "/pools/\(pool)/web-1-\(target).qcow2", format: "qcow2", capacity: 10 * gibibyte, allocation: gibibyte,
      template: target == "vda" ? "debian-12.qcow2" : nil)
  }

  static func guest(
    _ uuid: String = web, name: String = "web-1", state: String = "running", disks: [HostInventory.Disk]? = nil,
    motion: HostInventory.Guest.Motion? = nil
  ) -> HostInventory.Guest {
    HostInventory.Guest(
      uuid: uuid, name: name, title: "The \(name) & more", state: state, persistent: true, processors: 2, memory: 2 * gibibyte,
      architecture: "x86_64", machine: "pc-q35-7.2",
      disks: disks ?? [disk(webRoot, "vda"), disk(webData, "vdb"), disk("33333333-3333-5333-8333-0000000000cd", "sda", device: "cdrom")],
      interfaces: [
        HostInventory.Interface(mac: "52:54:00:00:00:01", type: "bridge", source: "br0", model: "virtio"),
        HostInventory.Interface(mac: "52:54:00:00:00:02", type: "network", source: "default", model: "virtio"),
      ], migration: motion)
  }

  static func inventory(
    _ uuid: String, memoryAvailable: UInt64 = 32, isInMaintenance: Bool = false, deadline: Int64 = 86_400,
    pools: [HostInventory.Pool] = [], guests: [HostInventory.Guest] = []
  ) -> HostInventory {
    HostInventory(
      machine: machine(uuid, memoryAvailable: memoryAvailable, isInMaintenance: isInMaintenance),
      settings: HostSettings(deadlineSeconds: HostSettings.Value(deadline)), pools: pools, guests: guests)
  }

  /// Three hosts: alpha with a guest that runs and one that does not, beta, and gamma, which lacks memory. All have a pool of their own
  /// named primary, and one that they share.
  static var inventories: [NodeName: HostInventory] {
    let both = pool(shared, "shared", type: "netfs", available: 500, servers: ["nfs"])
    return [
      alpha: inventory(
        alphaID, pools: [pool(primaryAtAlpha, "primary"), both],
        guests: [
          guest(),
          guest(
            stopped, name: "old", state: "shut off",
            disks: [disk("33333333-3333-5333-8333-000000000003", "vda", pool: "shared")]),
        ]),
      beta: inventory(
        betaID, memoryAvailable: 48, pools: [pool(primaryAtBeta, "primary"), pool(fastAtBeta, "fast", available: 200), both]),
      gamma: inventory(gammaID, memoryAvailable: 1, pools: [both]),
    ]
  }

  // MARK: What the hosts tell

  static func event(
    _ sequence: Int, _ kind: MigrationEventData.Kind, of migration: String, at seconds: Double? = nil, guest uuid: String = web,
    edit: (inout MigrationEventData) -> Void = { _ in }
  ) -> MigrationEvent {
    var data = MigrationEventData(
      kind, guest: GuestReference(uuid: uuid, name: "web-1"), sourceHost: alpha, destinationHost: beta)
    edit(&data)
    return MigrationEvent(
      migration: id(migration), host: HostAddress(cluster: cluster, host: alpha), sequence: sequence,
      time: time(seconds ?? Double(sequence)), data: data)
  }

  static func status(_ migration: String, _ phase: MigrationPhase = .inspecting, guest uuid: String = web) -> MigrationStatus {
    MigrationStatus(
      id: id(migration), phase: phase, guest: GuestReference(uuid: uuid, name: "web-1"), sourceHost: alpha, destinationHost: beta,
      acceptedAt: start, updatedAt: start)
  }

  static func progress(of migration: String, at seconds: Double, done: UInt64, of total: UInt64) -> ProgressEvent {
    let amount = Progress.Amount(done: done, remaining: total - done, total: total)
    return ProgressEvent(
      id: "\(migration)/p\(seconds)", migration: id(migration), host: HostAddress(cluster: cluster, host: alpha), time: time(seconds),
      data: Progress(
        phase: .transferring, guest: GuestReference(uuid: web, name: "web-1"), disks: [Progress.Disk(target: name("vda"), bytes: amount)],
        memory: Progress.Amount(done: 0, remaining: 0, total: 0), elapsedSeconds: seconds))
  }
}
