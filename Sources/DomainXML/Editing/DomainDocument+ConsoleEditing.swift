extension DomainDocument {
  /// Sets the address that a graphical console listens on.
  ///
  /// The address is written to the `listen` attribute, and to every `<listen type='address'>`, which libvirt wants to
  /// be equal.
  ///
  /// - Parameters:
  ///   - index: the position of the console in ``graphics``.
  ///   - address: an IP address or host name.
  /// - Throws: ``DomainXMLError``; with `notApplicable` for a console that listens on a network's address, on a socket
  ///   or not at all. The document is then unchanged.
  public mutating func setListenAddress(ofGraphics index: Int, to address: String) throws(DomainXMLError) {
    let operation = "set the listen address of console \(index)"
    try Self.check(address, "address", operation: operation)
    let consoles = graphics
    guard consoles.indices.contains(index) else {
      throw DomainXMLError(
        .notFound, operation: operation, message: "the domain has \(consoles.count) graphical consoles")
    }
    for listener in consoles[index].listeners {
      guard case .address = listener else {
        throw DomainXMLError(.notApplicable, operation: operation, message: "it does not listen on an address")
      }
    }
    var position = -1
    try editDevice(
      "graphics", operation: operation, identity: "console \(index)",
      where: { _ in
        position += 1
        return position == index
      }
    ) { graphics in
      graphics[attribute: "listen"] = address
      for child in graphics.children.indices {
        graphics.edit(at: child) { if $0.name == "listen" { $0[attribute: "address"] = address } }
      }
    }
  }
}
