/// What a host finds when it looks at itself, and at the ways from it to other hosts.
public struct Diagnosis: Sendable, Hashable, Codable {
  /// The host's clock when it answered.
  public var time: Timestamp
  /// What was checked. One that is `refused` lets migrations fail until it is mended.
  public var checks: [Check]

  /// A host's findings.
  public init(time: Timestamp, checks: [Check]) {
    self.time = time
    self.checks = checks
  }
}

/// What a host is to look at.
public struct DiagnosisOrder: Sendable, Hashable, Codable {
  /// The most hosts that one order may name: each way takes both hosts some seconds.
  public static let wayLimit = 64

  /// The hosts that the ways to are tried.
  public var waysTo: [NodeName]
  /// Whether nothing else is looked at; nil for everything.
  public var waysOnly: Bool?

  /// An order.
  public init(waysTo: [NodeName] = [], waysOnly: Bool? = nil) {
    self.waysTo = waysTo
    self.waysOnly = waysOnly
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    waysTo = try container.decode([NodeName].self, forKey: .waysTo)
    waysOnly = try container.decodeIfPresent(Bool.self, forKey: .waysOnly)
    guard waysTo.count <= Self.wayLimit else {
      throw DecodingError.dataCorruptedError(
        forKey: .waysTo, in: container, debugDescription: "\(waysTo.count) hosts are named, and \(Self.wayLimit) may be")
    }
  }
}

/// What runs at a host, as other hosts have to get along with it.
public struct HostVersions: Sendable, Hashable, Codable {
  /// libvirt's version, such as `9.0.0`.
  public var libvirt: String
  /// QEMU's version, such as `7.2.0`.
  public var hypervisor: String

  /// Versions.
  public init(libvirt: String, hypervisor: String) {
    self.libvirt = libvirt
    self.hypervisor = hypervisor
  }
}
