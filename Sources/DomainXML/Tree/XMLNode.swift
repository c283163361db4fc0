/// One node of a document, as libxml2 read it.
enum XMLNode: Sendable, Equatable {
  case element(XMLElement)
  case text(String)
  case characterData(String)
  case comment(String)
  case processingInstruction(target: String, data: String?)

  /// Whether this is text of nothing but white space: the layout between two elements.
  var isLayout: Bool {
    guard case .text(let text) = self else { return false }
    return text.utf8.allSatisfy { $0 == 0x20 || $0 == 0x0A || $0 == 0x09 || $0 == 0x0D }
  }
}
