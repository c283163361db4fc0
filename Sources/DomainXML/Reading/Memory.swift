/// What is special about a domain's memory, as far as another host must be able to give it too.
public struct MemoryBacking: Sendable, Hashable {
  /// Whether the guest's memory is in huge pages.
  public let usesHugePages: Bool
  /// Whether all of the guest's memory is kept in RAM.
  public let isLocked: Bool
  /// Where the memory comes from when it is set: `file`, `anonymous` or `memfd`.
  public let source: String?
  /// Whether other processes of the host (virtiofsd, vhost-user) see the memory.
  public let isShared: Bool
}

/// How a domain is spread over the host's NUMA nodes, and what nodes the guest sees.
public struct NUMAPlacement: Sendable, Hashable {
  /// The number of nodes that the guest sees.
  public let guestCells: Int
  /// How strictly memory is bound to nodes of the host: `strict`, `preferred`, `interleave`, `restrictive`.
  public let memoryMode: String?
  /// The nodes of the host that memory is bound to, in libvirt's notation, for example `0-1`.
  public let hostNodes: String?
  /// Whether virtual CPUs are pinned to processors of the host.
  public let pinsProcessors: Bool
}

extension DomainDocument {
  /// The memory that the domain has at boot, in KiB.
  public var memoryKiB: UInt64 {
    root.first("memory").flatMap(Self.kibibytes) ?? 0
  }

  /// The memory that the guest has now, in KiB: less than ``memoryKiB`` when the balloon is inflated.
  public var currentMemoryKiB: UInt64 {
    root.first("currentMemory").flatMap(Self.kibibytes) ?? memoryKiB
  }

  /// How the memory is backed.
  public var memoryBacking: MemoryBacking {
    let backing = root.first("memoryBacking")
    return MemoryBacking(
      usesHugePages: backing?.has("hugepages") == true,
      isLocked: backing?.has("locked") == true,
      source: backing?.first("source")?[attribute: "type"],
      isShared: backing?.first("access")?[attribute: "mode"] == "shared")
  }

  /// How the domain is spread over NUMA nodes.
  public var numa: NUMAPlacement {
    let memory = root.first("numatune")?.first("memory")
    return NUMAPlacement(
      guestCells: root.first("cpu")?.first("numa")?.all("cell").count ?? 0,
      memoryMode: memory?[attribute: "mode"],
      hostNodes: memory?[attribute: "nodeset"],
      pinsProcessors: root.first("cputune")?.has("vcpupin") == true
        || root.first("vcpu")?[attribute: "cpuset"] != nil)
  }

  /// The size in an element with a `unit` attribute, rounded up as libvirt does. The units are those of libvirt's
  /// `virScaleInteger`; without one, it is KiB.
  private static func kibibytes(_ element: XMLElement) -> UInt64? {
    guard let number = element.trimmedText.flatMap({ UInt64($0) }) else { return nil }
    let unit = (element[attribute: "unit"] ?? "KiB").lowercased()
    let bytes: UInt64
    if unit == "b" || unit == "bytes" {
      bytes = 1
    } else {
      let prefixes = "kmgtpe"
      guard let prefix = unit.first, let index = prefixes.firstIndex(of: prefix) else { return nil }
      let power = prefixes.distance(from: prefixes.startIndex, to: index) + 1
      let base: UInt64
      switch unit.dropFirst() {
      case "", "ib": base = 1024
      case "b": base = 1000
      default: return nil
      }
      bytes = (0..<power).reduce(1) { product, _ in product * base }
    }
    let (total, overflow) = number.multipliedReportingOverflow(by: bytes)
    guard !overflow else { return nil }
    return total / 1024 + (total % 1024 == 0 ? 0 : 1)
  }
}
