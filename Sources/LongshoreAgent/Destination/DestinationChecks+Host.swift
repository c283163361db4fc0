internal import DomainXML
internal import Libvirt
internal import LongshoreMessages

/// What the guest takes of its host beside memory and disks.
extension DestinationChecks {
  func checkNetworks(_ guest: GuestDescription, on connection: LibvirtConnection) async throws -> [Check] {
    var checks: [Check] = []
    for network in Set(guest.networks).sorted(by: { ($0.type, $0.source, $0.mtu ?? 0) < ($1.type, $1.source, $1.mtu ?? 0) }) {
      switch network.type {
      case "bridge", "direct": checks += checkDevice(network)
      case "network": checks += try await checkVirtualNetwork(network, on: connection)
      default: continue
      }
    }
    return checks
  }

  private func checkDevice(_ network: GuestDescription.Network) -> [Check] {
    let (name, host) = (network.source, here.host)
    let isSwitch = network.virtualPort == "openvswitch"
    let what = network.type == "direct" ? "network device" : isSwitch ? "bridge of Open vSwitch" : "bridge"
    let rule = CheckRule.networks
    let found = HostResources.networkDevice(name)
    let wanted: HostResources.NetworkDevice? = network.type == "direct" ? found : isSwitch ? .other : .bridge
    guard let found else { return [rule.failed(on: host, "the \(what) \(name) is not on \(host)")] }
    guard found == wanted else {
      return [rule.failed(on: host, "\(name) of \(host) is no \(what)", advice: "make it one, or connect the guest otherwise")]
    }
    return [rule.passed(on: host, "the \(what) \(name) is on \(host)")] + checkFrames(network, on: name)
  }

  private func checkFrames(_ network: GuestDescription.Network, on device: String) -> [Check] {
    guard let needed = network.mtu, let available = HostResources.mtu(of: device) else { return [] }
    let found = "\(device) of \(here.host) carries frames of \(available) bytes, and the guest may send \(needed)"
    return [available < needed ? CheckRule.mtu.failed(on: here.host, found) : CheckRule.mtu.passed(on: here.host, found)]
  }

  private func checkVirtualNetwork(_ network: GuestDescription.Network, on connection: LibvirtConnection) async throws -> [Check] {
    let (name, rule) = (network.source, CheckRule.networks)
    switch try await connection.networkIsActive(name) {
    case true?:
      let passed = rule.passed(on: here.host, "the network \(name) is active on \(here.host)")
      guard network.mtu != nil, let bridge = try await connection.networkBridge(name) else { return [passed] }
      return [passed] + checkFrames(network, on: bridge)
    case false?:
      return [
        rule.failed(on: here.host, "the network \(name) of \(here.host) is not active", advice: "start it (`virsh net-start \(name)`)")
      ]
    case nil:
      return [rule.failed(on: here.host, "the network \(name) is not on \(here.host)", advice: "define it there (`virsh net-define`)")]
    }
  }

  func checkNeeds(_ guest: GuestDescription, of id: MigrationID?, on connection: LibvirtConnection) async throws -> [Check] {
    guard let needs = guest.needs else { return [] }
    return [try checkHugePages(needs, of: id), checkPlacement(needs)].compactMap(\.self) + (try await checkProcessor(needs, on: connection))
      + [try await checkListenAddresses(needs), checkPaths(needs)].compactMap(\.self)
  }

  private func checkHugePages(_ needs: HostNeeds, of id: MigrationID?) throws -> Check? {
    guard let pages = needs.hugePages else { return nil }
    let rule = CheckRule.hugePages
    let guestHas = "the guest has \(ByteCount(pages.memoryKiB * 1024)) in them"
    guard let there = HostResources.freeHugePages(ofKiB: pages.sizeKiB) else {
      return rule.failed(
        on: here.host,
        "\(here.host) has no huge pages of \(pages.sizeKiB.map { "\(ByteCount($0 * 1024))" } ?? "any size"), and \(guestHas)",
        advice: "choose another host")
    }
    let promised = min(try promisedHugePages(ofKiB: there.sizeKiB, before: id), there.freeKiB)
    let others = promised == 0 ? "" : ", \(ByteCount(promised * 1024)) of them promised to others"
    let found =
      "\(ByteCount(there.freeKiB * 1024)) are free in huge pages of \(ByteCount(there.sizeKiB * 1024)) on \(here.host)\(others), and \(guestHas)"
    return there.freeKiB - promised < pages.memoryKiB ? rule.failed(on: here.host, found) : rule.passed(on: here.host, found)
  }

  private func checkPlacement(_ needs: HostNeeds) -> Check? {
    guard !needs.memoryNodes.isEmpty || !needs.processors.isEmpty else { return nil }
    let nodes = Set(needs.memoryNodes).subtracting(HostResources.memoryNodes()).sorted()
    let processors = Set(needs.processors).subtracting(HostResources.processors()).sorted()
    let lacking =
      (nodes.isEmpty ? [] : ["the NUMA node \(list(nodes))"]) + (processors.isEmpty ? [] : ["the processor \(list(processors))"])
    return lacking.isEmpty
      ? CheckRule.placement.passed(on: here.host, "\(here.host) has all NUMA nodes and processors that the guest is bound to")
      : CheckRule.placement.failed(on: here.host, "\(here.host) lacks \(lacking.joined(separator: " and ")), which the guest is bound to")
  }

  private func checkProcessor(_ needs: HostNeeds, on connection: LibvirtConnection) async throws -> [Check] {
    guard needs.processor != nil || needs.tscFrequency != nil else { return [] }
    let cpu = try await connection.hostCPU()
    var checks: [Check] = []
    if let wanted = needs.processor {
      let found = HostProcessor(
        model: cpu?.model, vendor: cpu?.vendor, microcode: cpu?.microcode, features: cpu?.features.sorted() ?? [])
      checks.append(
        wanted.difference(from: found).map {
          CheckRule.sameProcessor.failed(
            on: here.host, "the guest sees its host's processor as it is, and that of \(here.host) is another: \($0)")
        } ?? CheckRule.sameProcessor.passed(on: here.host, "the processor of \(here.host) is the source's, which the guest sees as it is"))
    }
    if let wanted = needs.tscFrequency { checks.append(Self.check(tsc: wanted, of: cpu, on: here.host)) }
    return checks
  }

  /// Up to this deviation, in parts per million, libvirt takes a counter for the same (`TSC_TOLERANCE` of its qemu_process.c).
  private static let tscTolerance: UInt64 = 250

  private static func check(tsc wanted: UInt64, of cpu: HostCPU?, on host: NodeName) -> Check {
    let rule = CheckRule.timeStampCounter
    guard let cpu, let frequency = cpu.tscFrequency else {
      return rule.unknown(on: host, "the frequency of the time stamp counter of \(host) is not known, and the guest has \(wanted) Hz")
    }
    let isSame = max(frequency, wanted) - min(frequency, wanted) <= frequency / 1_000_000 * tscTolerance
    let found = "the time stamp counter of \(host) has \(frequency) Hz, and the guest has \(wanted) Hz"
    return switch cpu.scalesTSC {
    case _ where isSame: rule.passed(on: host, found)
    case true?: rule.passed(on: host, "\(found), to which it can be scaled")
    case false?: rule.failed(on: host, found)
    case nil: rule.unknown(on: host, "\(found); whether it can be scaled is not known")
    }
  }

  private func checkListenAddresses(_ needs: HostNeeds) async throws -> Check? {
    guard !needs.listenAddresses.isEmpty else { return nil }
    let lacking = try await BlockingWork.run { () throws(ImageError) in
      needs.listenAddresses.filter { !HostLookup.isOfThisHost($0) }
    }
    return lacking.isEmpty
      ? CheckRule.listenAddresses.passed(on: here.host, "\(here.host) has all addresses that the guest's consoles listen on")
      : CheckRule.listenAddresses.failed(
        on: here.host,
        "\(lacking.joined(separator: " and ")), which a console or serial port of the guest listens on, is no address of \(here.host)")
  }

  private func checkPaths(_ needs: HostNeeds) -> Check? {
    guard !needs.paths.isEmpty else { return nil }
    let lacking = needs.paths.filter { !FileProbe.exists($0) }
    return lacking.isEmpty
      ? CheckRule.devicePaths.passed(
        on: here.host, "all files, devices and folders that the guest uses beside its disks are on \(here.host)")
      : CheckRule.devicePaths.failed(on: here.host, "\(lacking.joined(separator: " and ")), which the guest uses, is not on \(here.host)")
  }

  private func list(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: ", ") }
}
