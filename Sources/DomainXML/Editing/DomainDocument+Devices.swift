extension DomainDocument {
  /// Edits the one device that matches.
  ///
  /// - Throws: `notFound` for none, `ambiguous` for several, and what the change throws; the document is then
  ///   unchanged.
  mutating func editDevice(
    _ name: String, operation: String, identity: String,
    where matches: (XMLElement) -> Bool,
    _ change: (inout XMLElement) throws(DomainXMLError) -> Void
  ) throws(DomainXMLError) {
    guard let devices = root.index(of: "devices") else {
      throw DomainXMLError(.notFound, operation: operation, message: "the domain has no devices")
    }
    try root.edit(at: devices) { (devices: inout XMLElement) throws(DomainXMLError) in
      let found = devices.children.indices.filter { index in
        if case .element(let element) = devices.children[index] {
          element.name == name && matches(element)
        } else {
          false
        }
      }
      guard let index = found.first else {
        throw DomainXMLError(.notFound, operation: operation, message: "the domain has no \(identity)")
      }
      guard found.count == 1 else {
        throw DomainXMLError(.ambiguous, operation: operation, message: "the domain has more than one \(identity)")
      }
      try devices.edit(at: index, change)
    }
  }

  /// Refuses values that XML cannot express (XML 1.0, §2.2) and empty ones.
  static func check(_ value: String, _ what: String, operation: String) throws(DomainXMLError) {
    let isExpressible = value.unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x1_0000...0x10_FFFF: true
      default: false
      }
    }
    guard !value.isEmpty, isExpressible else {
      throw DomainXMLError(
        .invalidValue, operation: operation,
        message: value.isEmpty ? "the \(what) is empty" : "the \(what) has characters that XML cannot express")
    }
  }
}
