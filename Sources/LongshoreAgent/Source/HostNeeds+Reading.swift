internal import DomainXML
internal import Libvirt
internal import LongshoreMessages

extension HostNeeds {
  /// Reads what a live guest takes of its host.
  ///
  /// - Parameter cpu: The host's processor.
  init(of guest: DomainDocument, cpu: HostCPU?) {
    let backing = guest.memoryBacking
    let numa = guest.numa
    let bindsMemory = numa.memoryMode == "strict" || numa.memoryMode == "restrictive"
    self.init(
      hugePages: backing.usesHugePages ? HugePages(sizeKiB: backing.hugePageSizesKiB.first, memoryKiB: guest.memoryKiB) : nil,
      memoryNodes: bindsMemory ? numa.hostNodes : [], processors: numa.processors, listenAddresses: Self.listenAddresses(of: guest),
      paths: Self.paths(of: guest),
      processor: guest.cpuMode == "host-passthrough"
        ? cpu.map { HostProcessor(model: $0.model, vendor: $0.vendor, microcode: $0.microcode, features: $0.features.sorted()) } : nil,
      tscFrequency: guest.tscFrequency)
  }

  /// Those that are not on every host.
  private static func listenAddresses(of guest: DomainDocument) -> [String] {
    let all = guest.graphics.flatMap(\.listenAddresses) + guest.characterDevices.compactMap(\.listenAddress)
    return Set(all).filter { !$0.hasPrefix("127.") && !["0.0.0.0", "::", "::1", "localhost", ""].contains($0) }.sorted()
  }

  private static func paths(of guest: DomainDocument) -> [String] {
    let system = guest.operatingSystem
    var paths = Set(
      system.bootFiles + [system.loader, system.nvramTemplate].compactMap(\.self) + guest.memoryModulePaths + guest.entropySources
        + guest.interfaces.compactMap(\.socketOfOther))
    for device in guest.characterDevices {
      if let log = device.logFile { paths.insert(PathText.folder(of: log)) }
      guard let path = device.path else { continue }
      switch device.type {
      case "dev", "pipe": paths.insert(path)
      case "file": paths.insert(PathText.folder(of: path))
      // libvirt makes those below its own folders.
      case "unix" where !path.hasPrefix("/run/libvirt/") && !path.hasPrefix("/var/lib/libvirt/"):
        paths.insert(PathText.folder(of: path))
      default: continue
      }
    }
    return paths.sorted()
  }
}

extension GuestDescription.Network {
  /// The network of the host that an interface needs; nil for one that needs none.
  init?(of interface: NetworkInterface) {
    switch interface.attachment {
    case .bridge(let name):
      self.init(
        type: "bridge", source: name, virtualPort: interface.virtualPort, mtu: interface.mtu ?? HostResources.mtu(of: name))
    case .network(let name): self.init(type: "network", source: name, mtu: interface.mtu)
    case .direct(let name): self.init(type: "direct", source: name, mtu: interface.mtu ?? HostResources.mtu(of: name))
    case .other: return nil
    }
  }
}
