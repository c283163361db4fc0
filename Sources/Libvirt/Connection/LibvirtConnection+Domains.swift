internal import CLibvirt

extension LibvirtConnection {
  /// Which domains are wanted (`virConnectListAllDomainsFlags`).
  public struct DomainFilter: OptionSet, Sendable, Hashable {
    /// libvirt's bits.
    public let rawValue: UInt32

    /// Takes libvirt's bits as they are.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Those that run or are paused.
    public static let active = DomainFilter(rawValue: VIR_CONNECT_LIST_DOMAINS_ACTIVE.rawValue)
    /// Those that are defined and shut off.
    public static let inactive = DomainFilter(rawValue: VIR_CONNECT_LIST_DOMAINS_INACTIVE.rawValue)
    /// Those with a definition that stays.
    public static let persistent = DomainFilter(rawValue: VIR_CONNECT_LIST_DOMAINS_PERSISTENT.rawValue)
    /// Those that are gone when they stop.
    public static let transient = DomainFilter(rawValue: VIR_CONNECT_LIST_DOMAINS_TRANSIENT.rawValue)
  }

  /// The domain with this UUID, active or not; nothing when there is none.
  ///
  /// - Parameter uuid: with or without dashes, in upper or lower case; an ill-formed one is an error.
  public func domain(uuid: String) async throws(LibvirtError) -> Domain? {
    try await perform("find domain \(uuid)") { [self] call, connection throws(LibvirtError) in
      guard let pointer = try unsafe call.find(virDomainLookupByUUIDString(connection, uuid), missing: .noDomain)
      else { return nil }
      return try unsafe Domain(taking: pointer, on: self, call)
    }
  }

  /// The domain with this name, active or not; nothing when there is none.
  public func domain(named name: String) async throws(LibvirtError) -> Domain? {
    try await perform("find domain \(name)") { [self] call, connection throws(LibvirtError) in
      guard let pointer = try unsafe call.find(virDomainLookupByName(connection, name), missing: .noDomain)
      else { return nil }
      return try unsafe Domain(taking: pointer, on: self, call)
    }
  }

  /// All domains that pass the filter; with an empty one, all. Each pair (active or inactive, persistent or transient)
  /// counts only where one of the pair is given.
  public func domains(_ filter: DomainFilter = []) async throws(LibvirtError) -> [Domain] {
    try await perform("list the domains") { [self] call, connection throws(LibvirtError) in
      try call.takeList({ list in unsafe virConnectListAllDomains(connection, list, filter.rawValue) }) {
        pointer throws(LibvirtError) in
        try unsafe Domain(taking: pointer, on: self, call)
      }
    }
  }

  /// Defines a persistent domain, or changes the definition of the one with the XML's UUID.
  ///
  /// - Parameters:
  ///   - xml: libvirt's `<domain>`.
  ///   - validate: check the XML against libvirt's schema first.
  @discardableResult
  public func defineDomain(xml: String, validate: Bool = false) async throws(LibvirtError) -> Domain {
    try await perform("define a domain") { [self] call, connection throws(LibvirtError) in
      let flags = validate ? VIR_DOMAIN_DEFINE_VALIDATE.rawValue : 0
      return try unsafe Domain(taking: call.check(virDomainDefineXMLFlags(connection, xml, flags)), on: self, call)
    }
  }

  /// Starts a transient domain, which is gone when it stops.
  @discardableResult
  public func createDomain(xml: String, _ flags: Domain.StartFlags = []) async throws(LibvirtError) -> Domain {
    try await perform("create a domain") { [self] call, connection throws(LibvirtError) in
      try unsafe Domain(taking: call.check(virDomainCreateXML(connection, xml, flags.rawValue)), on: self, call)
    }
  }
}
