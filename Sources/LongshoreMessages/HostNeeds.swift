/// What a guest takes of its host beside memory, disks and networks.
public struct HostNeeds: Sendable, Hashable, Codable {
  /// Memory in pages larger than usual.
  public struct HugePages: Sendable, Hashable, Codable {
    /// The size of a page, in KiB; nil for the host's usual size of huge pages.
    public var sizeKiB: UInt64?
    /// The memory that is in such pages, in KiB.
    public var memoryKiB: UInt64

    /// Memory in huge pages.
    public init(sizeKiB: UInt64?, memoryKiB: UInt64) {
      self.sizeKiB = sizeKiB
      self.memoryKiB = memoryKiB
    }
  }

  /// The guest's memory that is in huge pages.
  public var hugePages: HugePages?
  /// The NUMA nodes of the host that the guest's memory must be on.
  public var memoryNodes: [Int]
  /// The processors of the host that the guest is pinned to.
  public var processors: [Int]
  /// The addresses that the guest's consoles and serial ports listen on.
  public var listenAddresses: [String]
  /// The files, devices and folders of the host that the guest uses beside its disks: firmware, those of its serial ports, consoles and
  /// their logs, what its random numbers and memory modules come from, and the sockets of its interfaces' other ends.
  public var paths: [String]
  /// The source's processor, where the guest has it as it is (`host-passthrough`).
  public var processor: HostProcessor?
  /// The frequency that the guest's time stamp counter must have, in Hz.
  public var tscFrequency: UInt64?

  /// A guest's needs.
  public init(
    hugePages: HugePages? = nil, memoryNodes: [Int] = [], processors: [Int] = [], listenAddresses: [String] = [], paths: [String] = [],
    processor: HostProcessor? = nil, tscFrequency: UInt64? = nil
  ) {
    self.hugePages = hugePages
    self.memoryNodes = memoryNodes
    self.processors = processors
    self.listenAddresses = listenAddresses
    self.paths = paths
    self.processor = processor
    self.tscFrequency = tscFrequency
  }
}

/// A host's processor, as libvirt knows it.
public struct HostProcessor: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The model, such as `Cascadelake-Server`.
  public var model: String?
  /// The vendor, such as `Intel`.
  public var vendor: String?
  /// The version of the microcode.
  public var microcode: String?
  /// What it has beside the model's features, in alphabetical order.
  public var features: [String]

  /// A processor.
  public init(model: String?, vendor: String?, microcode: String?, features: [String]) {
    self.model = model
    self.vendor = vendor
    self.microcode = microcode
    self.features = features
  }

  /// What another one has otherwise, in words; nil where a guest that knows this one runs there as it did.
  public func difference(from other: HostProcessor) -> String? {
    if (vendor, model) != (other.vendor, other.model) { return "it is \(other), not \(self)" }
    let lacking = Set(features).subtracting(other.features).sorted()
    if !lacking.isEmpty { return "it lacks \(lacking.joined(separator: ", "))" }
    let added = Set(other.features).subtracting(features).sorted()
    return added.isEmpty ? nil : "it has \(added.joined(separator: ", ")) too"
  }

  public var description: String { [vendor, model].compactMap(\.self).joined(separator: " ") }
}
