extension DomainDocument {
  /// Sets the path of the file with the guest's firmware variables.
  ///
  /// - Throws: ``DomainXMLError``; with `notFound` for a domain without `<nvram>`. The document is then unchanged.
  public mutating func setNVRAM(toFile path: String) throws(DomainXMLError) {
    let operation = "set the path of the firmware variables"
    try Self.check(path, "path", operation: operation)
    guard let system = root.index(of: "os"), root.first("os")?.has("nvram") == true else {
      throw DomainXMLError(.notFound, operation: operation, message: "the domain has no <nvram>")
    }
    try root.edit(at: system) { (system: inout XMLElement) throws(DomainXMLError) in
      guard let index = system.index(of: "nvram") else { return }
      try system.edit(at: index) { (nvram: inout XMLElement) throws(DomainXMLError) in
        guard let type = nvram[attribute: "type"] else {
          nvram.children = [.text(path)]
          return
        }
        guard type == "file", let source = nvram.index(of: "source") else {
          throw DomainXMLError(.notApplicable, operation: operation, message: "its type is \(type), not file")
        }
        nvram.edit(at: source) { $0[attribute: "file"] = path }
      }
    }
  }
}
