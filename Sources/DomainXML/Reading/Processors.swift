/// The number of virtual CPUs.
public struct VirtualCPUs: Sendable, Hashable {
  /// The most that the guest can have.
  public let maximum: Int
  /// Those that are plugged in now.
  public let current: Int
}

extension DomainDocument {
  /// The virtual CPUs; libvirt's default is one.
  public var virtualCPUs: VirtualCPUs {
    let element = root.first("vcpu")
    let maximum = element?.trimmedText.flatMap { Int($0) } ?? 1
    return VirtualCPUs(
      maximum: maximum, current: element?[attribute: "current"].flatMap { Int($0) } ?? maximum)
  }

  /// The `<cpu>` element as XML text, as `virConnectCompareHypervisorCPU` takes it.
  public var cpuXML: String? {
    root.first("cpu").map { element in
      var writer = XMLWriter()
      writer.write(.element(element))
      return writer.output
    }
  }

  /// How the CPU is chosen: `custom`, `host-model`, `host-passthrough` or `maximum`.
  public var cpuMode: String? {
    root.first("cpu")?[attribute: "mode"]
  }
  /// The frequency that the guest's time stamp counter must have, in Hz; `nil` for that of the host.
  public var tscFrequency: UInt64? {
    root.first("clock")?.all("timer").first { $0[attribute: "name"] == "tsc" }?[attribute: "frequency"].flatMap { UInt64($0) }
  }
}
