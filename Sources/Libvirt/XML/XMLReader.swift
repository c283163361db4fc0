/// A strict reader of the part of XML that libvirt writes.
///
/// Elements, attributes, text, CDATA sections, comments, processing instructions, the five named entities and character
/// references. Anything else, a DTD above all, is an error: nothing is guessed or repaired.
struct XMLReader {
  private static let maximumDepth = 128

  private let bytes: [UInt8]
  private var position = 0

  init(_ document: String) {
    bytes = Array(document.utf8)
  }

  /// Reads the whole document and gives its root element.
  mutating func readDocument() throws(XMLSyntaxError) -> XMLElement {
    var open: [XMLElement] = []
    var root: XMLElement?
    while position < bytes.count {
      if skip("<!--") {
        _ = try text(until: "-->")
      } else if skip("<?") {
        _ = try text(until: "?>")
      } else if skip("<![CDATA[") {
        guard !open.isEmpty else { throw error("a CDATA section outside the root") }
        open[open.count - 1].text += try text(until: "]]>")
      } else if skip("<!") {
        throw error("declarations are not accepted")
      } else if skip("</") {
        let name = try readName()
        skipSpace()
        try expect(">")
        guard let element = open.popLast(), element.name == name else { throw error("</\(name)> closes nothing") }
        close(element, into: &open, &root)
      } else if skip("<") {
        guard root == nil else { throw error("a second root") }
        let (element, isEmpty) = try readStartTag()
        if isEmpty { close(element, into: &open, &root) } else { open.append(element) }
        guard open.count <= Self.maximumDepth else { throw error("too deep") }
      } else {
        let text = try decode(upTo: UInt8(ascii: "<"))
        if open.isEmpty {
          guard text.allSatisfy(\.isWhitespace) else { throw error("text outside the root") }
        } else {
          open[open.count - 1].text += text
        }
      }
    }
    guard open.isEmpty, let root else { throw error("the document ends too early") }
    return root
  }

  private func close(_ element: XMLElement, into open: inout [XMLElement], _ root: inout XMLElement?) {
    var element = element
    element.text = element.text.trimmingWhitespace()
    if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
  }

  /// Reads what follows the `<` of a start tag, up to its end.
  private mutating func readStartTag() throws(XMLSyntaxError) -> (element: XMLElement, isEmpty: Bool) {
    let name = try readName()
    var attributes: [String: String] = [:]
    while true {
      let hadSpace = skipSpace()
      if skip("/>") { return (XMLElement(name: name, attributes: attributes), true) }
      if skip(">") { return (XMLElement(name: name, attributes: attributes), false) }
      guard hadSpace else { throw error("no space before an attribute") }
      let attribute = try readName()
      skipSpace()
      try expect("=")
      skipSpace()
      guard let quote = bytes[position...].first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
        throw error("an attribute without quotes")
      }
      position += 1
      let value = try decode(upTo: quote, refusing: UInt8(ascii: "<"))
      try expect(quote == UInt8(ascii: "\"") ? "\"" : "'")
      guard attributes.updateValue(value, forKey: attribute) == nil else { throw error("\(attribute) is given twice") }
    }
  }

  private mutating func readName() throws(XMLSyntaxError) -> String {
    let start = position
    while position < bytes.count, Self.isNameByte(bytes[position]) { position += 1 }
    guard position > start, !Self.isNameTail(bytes[start]) else { throw error("a name is expected") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// Reads text with its references decoded, up to but not including `end`, or to the end of the document.
  private mutating func decode(
    upTo end: UInt8, refusing refused: UInt8? = nil
  ) throws(XMLSyntaxError) -> String {
    var text: [UInt8] = []
    while position < bytes.count, bytes[position] != end {
      guard bytes[position] != refused else { throw error("a character that must be escaped") }
      if skip("&") {
        text += try readReference().utf8
      } else {
        text.append(bytes[position])
        position += 1
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads what follows an `&`.
  private mutating func readReference() throws(XMLSyntaxError) -> String {
    let name = try text(until: ";")
    switch name {
    case "lt": return "<"
    case "gt": return ">"
    case "amp": return "&"
    case "quot": return "\""
    case "apos": return "'"
    default: break
    }
    let number: UInt32? =
      if name.hasPrefix("#x") { UInt32(name.dropFirst(2), radix: 16) } else if name.hasPrefix("#") {
        UInt32(name.dropFirst())
      } else { nil }
    guard let number, number > 0, let scalar = Unicode.Scalar(number) else { throw error("unknown entity &\(name);") }
    return String(scalar)
  }

  /// Reads up to the terminator and past it.
  private mutating func text(until terminator: String) throws(XMLSyntaxError) -> String {
    let start = position
    while position < bytes.count {
      let end = position
      if skip(terminator) { return String(decoding: bytes[start..<end], as: UTF8.self) }
      position += 1
    }
    throw error("\(terminator) is missing")
  }

  // MARK: Bytes

  private mutating func skip(_ token: String) -> Bool {
    let token = token.utf8
    guard bytes[position...].starts(with: token) else { return false }
    position += token.count
    return true
  }

  @discardableResult
  private mutating func skipSpace() -> Bool {
    let start = position
    while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    return position > start
  }

  private mutating func expect(_ token: String) throws(XMLSyntaxError) {
    guard skip(token) else { throw error("\(token) is expected") }
  }

  private func error(_ reason: String) -> XMLSyntaxError {
    XMLSyntaxError(reason: reason, offset: position)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  /// Letters, digits and the signs of names, and all of what is not ASCII.
  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "_"), UInt8(ascii: ":"), 0x80...: true
    default: isNameTail(byte)
    }
  }

  /// What a name may have, but not at its start.
  private static func isNameTail(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."): true
    default: false
    }
  }
}

extension String {
  fileprivate func trimmingWhitespace() -> String {
    guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace }) else {
      return ""
    }
    return String(self[first...last])
  }
}
