/// What is special about a domain's memory, as far as another host must be able to give it too.
public struct MemoryBacking: Sendable, Hashable {
  /// Whether the guest's memory is in huge pages.
  public let usesHugePages: Bool
  /// The sizes of the huge pages that are asked for, in KiB; none for the host's usual size.
  public let hugePageSizesKiB: [UInt64]
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
  /// The nodes of the host that memory is bound to, in ascending order.
  public let hostNodes: [Int]
  /// The processors of the host that virtual CPUs or QEMU's own threads are pinned to, in ascending order.
  public let processors: [Int]
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

  /// How much memory QEMU's process may have, in KiB, before the kernel ends it (`hard_limit`); nil where nothing limits it.
  public var memoryHardLimitKiB: UInt64? {
    // libvirt's word for no limit is VIR_DOMAIN_MEMORY_PARAM_UNLIMITED, in KiB.
    root.first("memtune")?.first("hard_limit").flatMap(Self.kibibytes).flatMap { $0 < 9_007_199_254_740_991 ? $0 : nil }
  }

  /// How the memory is backed.
  public var memoryBacking: MemoryBacking {
    let backing = root.first("memoryBacking")
    return MemoryBacking(
      usesHugePages: backing?.has("hugepages") == true,
      hugePageSizesKiB: backing?.first("hugepages")?.all("page").compactMap {
        Self.kibibytes($0[attribute: "size"], unit: $0[attribute: "unit"])
      } ?? [],
      isLocked: backing?.has("locked") == true,
      source: backing?.first("source")?[attribute: "type"],
      isShared: backing?.first("access")?[attribute: "mode"] == "shared")
  }

  /// How the domain is spread over NUMA nodes.
  public var numa: NUMAPlacement {
    let memory = root.first("numatune")?.first("memory")
    let tuning = root.first("cputune")
    let pins = ["vcpupin", "emulatorpin", "iothreadpin"].flatMap { tuning?.all($0) ?? [] }.map { $0[attribute: "cpuset"] }
    let processors = (pins + [root.first("vcpu")?[attribute: "cpuset"]]).compactMap(\.self).flatMap(Self.numbers)
    return NUMAPlacement(
      guestCells: root.first("cpu")?.first("numa")?.all("cell").count ?? 0,
      memoryMode: memory?[attribute: "mode"],
      hostNodes: memory?[attribute: "nodeset"].map(Self.numbers) ?? [],
      processors: Set(processors).sorted())
  }

  /// The numbers of a set as libvirt and the kernel write it, such as `0-3,^2,8`, in ascending order; nothing for what is no set.
  public static func numbers(in text: String) -> [Int] {
    var included = Set<Int>()
    var excluded = Set<Int>()
    for part in text.split(separator: ",") {
      let part = part.filter { !$0.isWhitespace }
      let bounds = part.drop { $0 == "^" }.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
      // No host has more processors or nodes (libvirt's VIR_NUMA_MAX_N_CPUS is below this).
      guard let first = bounds.first ?? nil, let last = bounds.last ?? nil, 0 <= first, first <= last, last < 65536 else { return [] }
      if part.hasPrefix("^") { excluded.formUnion(first...last) } else { included.formUnion(first...last) }
    }
    return included.subtracting(excluded).sorted()
  }

  /// The size in an element with a `unit` attribute, rounded up as libvirt does. The units are those of libvirt's
  /// `virScaleInteger`; without one, it is KiB.
  private static func kibibytes(_ element: XMLElement) -> UInt64? {
    kibibytes(element.trimmedText, unit: element[attribute: "unit"])
  }

  private static func kibibytes(_ number: String?, unit: String?) -> UInt64? {
    guard let number = number.flatMap({ UInt64($0) }) else { return nil }
    let unit = (unit ?? "KiB").lowercased()
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
