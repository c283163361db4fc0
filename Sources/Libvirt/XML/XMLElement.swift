/// An element of XML that libvirt wrote, to read single values from.
struct XMLElement: Sendable, Hashable {
  let name: String
  let attributes: [String: String]
  /// The element's own text, with entities decoded and without white space around it.
  var text = ""
  var children: [XMLElement] = []

  /// Reads a document and gives its root.
  init(parsing document: String) throws(XMLSyntaxError) {
    var reader = XMLReader(document)
    self = try reader.readDocument()
  }

  init(name: String, attributes: [String: String]) {
    self.name = name
    self.attributes = attributes
  }

  /// The first child of this name.
  subscript(name: String) -> XMLElement? { children.first { $0.name == name } }
}

/// Why a document could not be read.
struct XMLSyntaxError: Error, Hashable, CustomStringConvertible {
  /// What is wrong.
  let reason: String
  /// Where, in bytes from the start.
  let offset: Int

  var description: String { "malformed XML at byte \(offset): \(reason)" }

  /// The error in the library's own form.
  func libvirtError(_ operation: String) -> LibvirtError {
    LibvirtError(code: .xmlError, message: description, operation: operation)
  }
}
