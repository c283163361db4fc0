extension DomainDocument {
  /// Attaches a network interface to another bridge, network or host interface.
  ///
  /// What libvirt noted about the present attachment (`portid`, the network's bridge) is dropped. Where the kind of
  /// attachment stays, its other settings (`portgroup`, `mode`, `<virtualport>`) are kept.
  ///
  /// - Parameter macAddress: the interface's MAC address; case does not matter.
  /// - Throws: ``DomainXMLError``; the document is then unchanged.
  public mutating func setAttachment(
    ofInterface macAddress: String, to attachment: NetworkInterface.Attachment
  ) throws(DomainXMLError) {
    let operation = "attach interface \(macAddress) elsewhere"
    let (type, attribute, name): (String, String, String)
    switch attachment {
    case .bridge(let bridge): (type, attribute, name) = ("bridge", "bridge", bridge)
    case .network(let network): (type, attribute, name) = ("network", "network", network)
    case .direct(let device): (type, attribute, name) = ("direct", "dev", device)
    case .other(let type):
      throw DomainXMLError(.notApplicable, operation: operation, message: "an interface cannot become \(type)")
    }
    try Self.check(name, "name of the \(type)", operation: operation)
    try editDevice(
      "interface", operation: operation, identity: "interface with the address \(macAddress)",
      where: { $0.first("mac")?[attribute: "address"]?.lowercased() == macAddress.lowercased() }
    ) { interface in
      let keepsKind = interface[attribute: "type"] == type
      interface[attribute: "type"] = type
      guard let index = interface.index(of: "source") else {
        interface.insert(
          XMLElement(name: "source", attributes: [.init(name: attribute, value: name)]), before: "model")
        return
      }
      interface.edit(at: index) { source in
        if keepsKind {
          source[attribute: "portid"] = nil
          if type == "network" { source[attribute: "bridge"] = nil }
        } else {
          source.attributes = []
        }
        source[attribute: attribute] = name
      }
      if !keepsKind { interface.removeAll("virtualport") }
    }
  }
}
