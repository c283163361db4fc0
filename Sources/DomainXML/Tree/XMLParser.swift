internal import CLibXML2

/// Parses text with libxml2 and turns its tree into values. The only file that touches C.
///
/// Nothing is repaired, loaded or expanded: no recovery, no network, no entities, and a document type declaration
/// stops the parser where it begins. libxml2's own limits (nesting of 256 elements, 10 MB of text in a node) stay on.
enum XMLParser {
  /// What a document consists of.
  struct Document {
    /// Whether the text began with `<?xml … ?>`.
    var hasDeclaration: Bool
    /// The root element, and the comments and instructions around it.
    var nodes: [XMLNode]
  }

  private static let operation = "read the domain XML"

  /// libxml2's tables are set up once, before any thread parses (xmlInitParser: "must be called before parsing in
  /// multithreaded programs").
  private static let isInitialised: Void = xmlInitParser()

  /// Parses bytes that are known to be UTF-8 without NUL bytes.
  static func parse(_ bytes: [UInt8]) throws(DomainXMLError) -> Document {
    _ = isInitialised
    // The context and the document live until the `defer` below and are seen by this call alone.
    guard let context = unsafe xmlNewParserCtxt() else { throw outOfMemory }
    defer { unsafe xmlFreeParserCtxt(context) }
    unsafe context.pointee.sax.pointee.internalSubset = stopAtDocumentType

    let options = XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
    // The buffer outlives the call; libxml2 copies what it keeps, and the size is limited far below Int32.max.
    let document = unsafe bytes.withUnsafeBytes { buffer in
      unsafe xmlCtxtReadMemory(
        context, buffer.bindMemory(to: CChar.self).baseAddress, Int32(buffer.count), nil, nil, Int32(options))
    }
    defer { unsafe xmlFreeDoc(document) }

    // xmlStopParser records its stop as the error number; nothing else does.
    if unsafe context.pointee.errNo == Int32(XML_ERR_USER_STOP.rawValue) {
      throw DomainXMLError(
        .documentTypeRefused, operation: operation, message: "the document has a document type declaration")
    }
    guard let document = unsafe document else { throw unsafe parseError(of: context) }
    guard unsafe context.pointee.wellFormed == 1, unsafe context.pointee.nsWellFormed == 1 else {
      throw unsafe parseError(of: context)
    }
    if let encoding = unsafe document.pointee.encoding.map({ unsafe String(cString: $0) }),
      encoding.uppercased() != "UTF-8"
    {
      throw DomainXMLError(.notUTF8, operation: operation, message: "the document declares the encoding \(encoding)")
    }
    // tree.h, _xmlDoc.standalone: "-1 if there is no XML declaration".
    return Document(
      hasDeclaration: unsafe document.pointee.standalone != -1,
      nodes: unsafe nodes(from: document.pointee.children))
  }

  private static var outOfMemory: DomainXMLError {
    DomainXMLError(.outOfMemory, operation: operation, message: "libxml2 could not get memory")
  }

  private static func parseError(of context: xmlParserCtxtPtr) -> DomainXMLError {
    let code = unsafe context.pointee.lastError.code
    if code == Int32(XML_ERR_NO_MEMORY.rawValue) { return outOfMemory }
    let message = unsafe context.pointee.lastError.message.map { unsafe String(cString: $0) }
    let line = unsafe context.pointee.lastError.line
    return DomainXMLError(
      .malformed, operation: operation,
      message: message.map { String($0.prefix { !$0.isNewline }) } ?? "the XML is not well-formed",
      line: line > 0 ? Int(line) : nil)
  }

  /// The values of a list of siblings. Nesting, and so the recursion, ends at libxml2's limit of 256.
  private static func nodes(from first: xmlNodePtr?) -> [XMLNode] {
    var nodes: [XMLNode] = []
    var next = unsafe first
    while let node = unsafe next {
      if let value = unsafe value(of: node) { nodes.append(value) }
      unsafe next = unsafe node.pointee.next
    }
    return nodes
  }

  private static func value(of node: xmlNodePtr) -> XMLNode? {
    switch unsafe node.pointee.type {
    case XML_ELEMENT_NODE: return .element(unsafe element(from: node))
    case XML_TEXT_NODE: return .text(unsafe string(node.pointee.content))
    case XML_CDATA_SECTION_NODE: return .characterData(unsafe string(node.pointee.content))
    case XML_COMMENT_NODE: return .comment(unsafe string(node.pointee.content))
    case XML_PI_NODE:
      let data = unsafe node.pointee.content.map { unsafe String(cString: $0) }
      return .processingInstruction(target: unsafe string(node.pointee.name), data: data)
    default:
      // Entity references and declarations exist only in documents with a document type, which are refused.
      return nil
    }
  }

  private static func element(from node: xmlNodePtr) -> XMLElement {
    var element = XMLElement(name: unsafe qualifiedName(node.pointee.name, in: node.pointee.ns))
    var namespace = unsafe node.pointee.nsDef
    while let current = unsafe namespace {
      element.namespaces.append(
        .init(name: unsafe string(current.pointee.prefix), value: unsafe string(current.pointee.href)))
      unsafe namespace = unsafe current.pointee.next
    }
    var attribute = unsafe node.pointee.properties
    while let current = unsafe attribute {
      element.attributes.append(
        .init(
          name: unsafe qualifiedName(current.pointee.name, in: current.pointee.ns),
          value: unsafe text(of: current.pointee.children)))
      unsafe attribute = unsafe current.pointee.next
    }
    element.children = unsafe nodes(from: node.pointee.children)
    return element
  }

  /// The text of an attribute, which libxml2 keeps as a list of text nodes.
  private static func text(of first: xmlNodePtr?) -> String {
    var text = ""
    var next = unsafe first
    while let node = unsafe next {
      text += unsafe string(node.pointee.content)
      unsafe next = unsafe node.pointee.next
    }
    return text
  }

  private static func qualifiedName(_ name: UnsafePointer<xmlChar>?, in namespace: xmlNsPtr?) -> String {
    let local = unsafe string(name)
    guard let namespace = unsafe namespace, let prefix = unsafe namespace.pointee.prefix else { return local }
    return unsafe "\(String(cString: prefix)):\(local)"
  }

  /// A copy of a C string of libxml2, which keeps all text in UTF-8; empty for none.
  private static func string(_ text: UnsafePointer<xmlChar>?) -> String {
    unsafe text.map { unsafe String(cString: $0) } ?? ""
  }
}

/// libxml2 calls this at `<!DOCTYPE`, before it reads what the declaration contains (internalSubsetSAXFunc).
private func stopAtDocumentType(
  context: UnsafeMutableRawPointer?, name: UnsafePointer<xmlChar>?, externalID: UnsafePointer<xmlChar>?,
  systemID: UnsafePointer<xmlChar>?
) {
  // The user data of a tree parser is its own context (xmlInitParserCtxt).
  unsafe xmlStopParser(context?.assumingMemoryBound(to: xmlParserCtxt.self))
}
