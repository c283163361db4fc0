/// A host's processor.
public struct HostCPU: Sendable, Hashable {
  /// The model, such as `Cascadelake-Server`.
  public let model: String?
  /// The vendor, such as `Intel`.
  public let vendor: String?
  /// The version of the microcode.
  public let microcode: String?
  /// What it has beside the model's features.
  public let features: [String]
  /// The time stamp counter's frequency, in Hz; `nil` where libvirt does not know it.
  public let tscFrequency: UInt64?
  /// Whether the processor can give a guest another frequency; `nil` where libvirt does not know it.
  public let scalesTSC: Bool?

  /// Reads the processor in a host's capabilities; nothing where they have none.
  init?(_ capabilities: XMLElement) {
    guard let cpu = capabilities["host"]?["cpu"] else { return nil }
    let counter = cpu.children.first { $0.name == "counter" && $0.attributes["name"] == "tsc" }
    model = cpu["model"]?.text
    vendor = cpu["vendor"]?.text
    microcode = cpu["microcode"]?.attributes["version"]
    features = cpu.children.filter { $0.name == "feature" }.compactMap { $0.attributes["name"] }
    tscFrequency = counter?.attributes["frequency"].flatMap { UInt64($0) }
    scalesTSC = counter?.attributes["scaling"].map { $0 == "yes" }
  }
}

extension LibvirtConnection {
  /// The host's processor; nothing where the driver gives none.
  public func hostCPU() async throws(LibvirtError) -> HostCPU? {
    let xml = try await capabilities()
    do throws(XMLSyntaxError) {
      return HostCPU(try XMLElement(parsing: xml))
    } catch {
      throw error.libvirtError("read the host's processor")
    }
  }
}
