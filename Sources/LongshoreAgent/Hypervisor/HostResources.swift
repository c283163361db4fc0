internal import DomainXML
internal import Glibc

/// What this host has, as the kernel tells it.
enum HostResources {
  /// What carries frames under a name.
  enum NetworkDevice: Sendable, Hashable {
    /// A bridge of Linux.
    case bridge
    /// Any other device; of Open vSwitch, each bridge shows as one.
    case other
  }

  /// The size of a huge page and how much memory is free in such, both in KiB; nil where the kernel has no pages of the size.
  ///
  /// - Parameter sizeKiB: nil for the usual size.
  static func freeHugePages(ofKiB sizeKiB: UInt64?) -> (sizeKiB: UInt64, freeKiB: UInt64)? {
    guard let size = sizeKiB ?? usualHugePageSize(),
      let free = text(of: "/sys/kernel/mm/hugepages/hugepages-\(size)kB/free_hugepages").flatMap({ UInt64($0) })
    else { return nil }
    return (size, free * size)
  }

  private static func usualHugePageSize() -> UInt64? { number(of: "Hugepagesize", in: "/proc/meminfo") }

  /// The memory that processes can still take without swapping, with what the kernel can give back, in bytes; nil where the kernel does
  /// not say it.
  static func availableMemory() -> UInt64? { number(of: "MemAvailable", in: "/proc/meminfo").map { $0 * 1024 } }

  /// The memory that a process has, in bytes; nil where there is no such process.
  static func residentMemory(ofProcess pid: Int32) -> UInt64? { number(of: "VmRSS", in: "/proc/\(pid)/status").map { $0 * 1024 } }

  /// A number in a file of lines as `MemAvailable:   23456 kB`.
  private static func number(of name: String, in file: String) -> UInt64? {
    let line = text(of: file)?.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    return line?.dropFirst(name.count + 1).split(whereSeparator: \.isWhitespace).first.flatMap { UInt64($0) }
  }

  /// The NUMA nodes that are online; one without NUMA has the node 0 alone.
  static func memoryNodes() -> Set<Int> { text(of: "/sys/devices/system/node/online").map { Set(DomainDocument.numbers(in: $0)) } ?? [0] }

  /// The processors that are online.
  static func processors() -> Set<Int> { text(of: "/sys/devices/system/cpu/online").map { Set(DomainDocument.numbers(in: $0)) } ?? [] }

  /// What a network device is; nil where there is none of the name.
  static func networkDevice(_ name: String) -> NetworkDevice? {
    guard FileProbe.exists("/sys/class/net/\(name)") else { return nil }
    return FileProbe.exists("/sys/class/net/\(name)/bridge") ? .bridge : .other
  }

  /// The largest frame of a network device, in bytes; nil where there is none of the name.
  static func mtu(of device: String) -> Int? { text(of: "/sys/class/net/\(device)/mtu").flatMap { Int($0) } }

  private static func text(of path: String) -> String? {
    guard let bytes = try? ProcessFile.contents(of: path) else { return nil }
    return String(decoding: bytes, as: UTF8.self).trimmingNewline
  }
}

extension String {
  fileprivate var trimmingNewline: String { last == "\n" ? String(dropLast()) : self }
}
