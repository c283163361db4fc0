/// Writes a tree as text, the way libvirt writes it, so that what came from libvirt and was not edited comes back
/// byte for byte.
struct XMLWriter {
  /// The two hands that libvirt's own output is written in.
  private enum Hand {
    /// virBuffer: single quotes, namespace declarations last, all five predefined entities.
    case libvirt
    /// xmlNodeDump, which libvirt uses for what is inside `<metadata>`: double quotes, declarations first.
    case libxml2
  }

  private(set) var output = ""

  mutating func write(_ node: XMLNode) {
    write(node, as: .libvirt)
  }

  private mutating func write(_ node: XMLNode, as hand: Hand) {
    switch node {
    case .element(let element): write(element, as: hand)
    case .text(let text): escape(text, inAttribute: false, as: hand)
    case .characterData(let text): output += "<![CDATA[\(text)]]>"
    case .comment(let text): output += "<!--\(text)-->"
    case .processingInstruction(let target, let data):
      output += data.map { "<?\(target) \($0)?>" } ?? "<?\(target)?>"
    }
  }

  private mutating func write(_ element: XMLElement, as hand: Hand) {
    output += "<\(element.name)"
    switch hand {
    case .libvirt:
      writeAttributes(of: element, as: hand)
      writeNamespaces(of: element, as: hand)
    case .libxml2:
      writeNamespaces(of: element, as: hand)
      writeAttributes(of: element, as: hand)
    }
    guard !element.children.isEmpty else {
      output += "/>"
      return
    }
    output += ">"
    let inner = element.name == "metadata" ? .libxml2 : hand
    for child in element.children { write(child, as: inner) }
    output += "</\(element.name)>"
  }

  private mutating func writeNamespaces(of element: XMLElement, as hand: Hand) {
    for namespace in element.namespaces {
      writeAttribute(namespace.name.isEmpty ? "xmlns" : "xmlns:\(namespace.name)", namespace.value, as: hand)
    }
  }

  private mutating func writeAttributes(of element: XMLElement, as hand: Hand) {
    for attribute in element.attributes { writeAttribute(attribute.name, attribute.value, as: hand) }
  }

  private mutating func writeAttribute(_ name: String, _ value: String, as hand: Hand) {
    let quote = hand == .libvirt ? "'" : "\""
    output += " \(name)=\(quote)"
    escape(value, inAttribute: true, as: hand)
    output += quote
  }

  /// White space other than blanks is written as character references where a parser would normalise it: in
  /// attributes, and carriage returns everywhere (XML 1.0, §2.11 and §3.3.3).
  private mutating func escape(_ text: String, inAttribute: Bool, as hand: Hand) {
    guard text.utf8.contains(where: Self.mayNeedEscape) else {
      output += text
      return
    }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": output += "&amp;"
      case "<": output += "&lt;"
      case ">": output += "&gt;"
      case "'" where hand == .libvirt: output += "&apos;"
      case "\"" where hand == .libvirt || inAttribute: output += "&quot;"
      case "\r": output += "&#13;"
      case "\n" where inAttribute: output += "&#10;"
      case "\t" where inAttribute: output += "&#9;"
      default: output.unicodeScalars.append(scalar)
      }
    }
  }

  /// Whether a byte begins something that is escaped somewhere; most text has none.
  private static func mayNeedEscape(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "'"), UInt8(ascii: "\""): true
    case UInt8(ascii: "\r"), UInt8(ascii: "\n"), UInt8(ascii: "\t"): true
    default: false
    }
  }
}
