/// A libvirt domain definition that can be read, edited and written back without losing anything.
///
/// A document is a value: copies are independent, and it may be handed between tasks. What is not edited survives:
/// unknown elements, namespaces such as `qemu:commandline`, comments, CDATA, the order of elements and attributes, and
/// white space. A document that libvirt wrote and that was not edited is written back byte for byte; from other
/// writers, quotes and empty elements take libvirt's form.
public struct DomainDocument: Sendable, Equatable {
  /// The longest document that is read, in bytes: the longest string that libvirt's remote protocol carries
  /// (`VIR_NET_MESSAGE_STRING_MAX`, 4 MiB).
  public static let maximumSize = 4 << 20

  private let hasDeclaration: Bool
  private let prologue: [XMLNode]
  private let epilogue: [XMLNode]
  var root: XMLElement

  /// Reads a domain definition.
  ///
  /// - Throws: ``DomainXMLError`` when the text is not well-formed, has a document type declaration, is too large or
  ///   is not a libvirt domain with a type and a name.
  public init(parsing text: String) throws(DomainXMLError) {
    try self.init(validUTF8: Array(text.utf8))
  }

  /// Reads a domain definition from bytes, which must be UTF-8.
  ///
  /// - Throws: ``DomainXMLError``, as for text, and with ``DomainXMLError/Code/notUTF8`` for any other encoding.
  public init(parsing bytes: [UInt8]) throws(DomainXMLError) {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw DomainXMLError(.notUTF8, operation: Self.reading, message: "the bytes are not UTF-8")
    }
    try self.init(validUTF8: bytes)
  }

  private init(validUTF8 bytes: [UInt8]) throws(DomainXMLError) {
    guard bytes.count <= Self.maximumSize else {
      throw DomainXMLError(
        .tooLarge, operation: Self.reading,
        message: "the document has \(bytes.count) bytes, the limit is \(Self.maximumSize)")
    }
    guard !bytes.isEmpty else {
      throw DomainXMLError(.malformed, operation: Self.reading, message: "the document is empty")
    }
    // A NUL is no XML character; it would also let libxml2 guess that the text is UTF-16.
    guard !bytes.contains(0) else {
      throw DomainXMLError(.malformed, operation: Self.reading, message: "the document contains a NUL byte")
    }
    let document = try XMLParser.parse(bytes)
    let position = document.nodes.firstIndex { if case .element = $0 { true } else { false } }
    guard let position, case .element(let root) = document.nodes[position] else {
      throw DomainXMLError(.malformed, operation: Self.reading, message: "the document has no element")
    }
    try Self.check(root)
    self.hasDeclaration = document.hasDeclaration
    self.prologue = Array(document.nodes[..<position])
    self.epilogue = Array(document.nodes[(position + 1)...])
    self.root = root
  }

  /// The document as XML text, ending with a line feed.
  public func serialized() -> String {
    var writer = XMLWriter()
    let newline = XMLNode.text("\n")
    if hasDeclaration {
      writer.write(.processingInstruction(target: "xml", data: "version='1.0' encoding='UTF-8'"))
      writer.write(newline)
    }
    for node in prologue + [.element(root)] + epilogue {
      writer.write(node)
      writer.write(newline)
    }
    return writer.output
  }

  private static let reading = "read the domain XML"

  /// Refuses what is not one domain, so that the properties that every domain has need no optionals.
  private static func check(_ root: XMLElement) throws(DomainXMLError) {
    func refuse(_ message: String) -> DomainXMLError {
      DomainXMLError(.notADomain, operation: reading, message: message)
    }
    guard root.name == "domain" else { throw refuse("the root element is <\(root.name)>, not <domain>") }
    guard root[attribute: "type"]?.isEmpty == false else { throw refuse("the domain has no type") }
    guard root.first("name")?.text.isEmpty == false else { throw refuse("the domain has no name") }
    for single in ["name", "uuid", "os", "devices"] where root.all(single).count > 1 {
      throw refuse("the domain has more than one <\(single)>")
    }
  }
}
