/// An element with everything in it, as a value: copying a document copies its elements, so an edit of one copy is
/// never seen through another.
struct XMLElement: Sendable, Equatable {
  /// A name and a value; of an element's attribute, or of a namespace declaration, whose name is the prefix
  /// (empty for the default namespace).
  struct Attribute: Sendable, Equatable {
    var name: String
    var value: String
  }

  /// The qualified name, with the prefix that the document uses: `disk`, `qemu:commandline`.
  var name: String
  /// The namespaces that this element declares.
  var namespaces: [Attribute] = []
  /// The attributes in the document's order, by qualified name.
  var attributes: [Attribute] = []
  /// What the element contains, in the document's order.
  var children: [XMLNode] = []
}

// MARK: - Reading

extension XMLElement {
  /// The value of an attribute; setting `nil` removes it, setting a value keeps the attribute's place.
  subscript(attribute name: String) -> String? {
    get { attributes.first { $0.name == name }?.value }
    set {
      let index = attributes.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): attributes[index].value = value
      case (let index?, nil): attributes.remove(at: index)
      case (nil, let value?): attributes.append(Attribute(name: name, value: value))
      case (nil, nil): break
      }
    }
  }

  /// The child elements in order.
  var elements: [XMLElement] {
    children.compactMap { if case .element(let element) = $0 { element } else { nil } }
  }

  /// The first child element of exactly this name.
  func first(_ name: String) -> XMLElement? {
    index(of: name).flatMap { if case .element(let element) = children[$0] { element } else { nil } }
  }

  /// All child elements of exactly this name.
  func all(_ name: String) -> [XMLElement] {
    elements.filter { $0.name == name }
  }

  /// Whether there is a child element of exactly this name.
  func has(_ name: String) -> Bool {
    index(of: name) != nil
  }

  /// The text directly in this element.
  var text: String {
    children.reduce(into: "") { text, child in
      switch child {
      case .text(let part), .characterData(let part): text += part
      case .element, .comment, .processingInstruction: break
      }
    }
  }

  /// The text directly in this element, without white space around it; `nil` when nothing is left.
  var trimmedText: String? {
    let trimmed = text.drop { $0.isWhitespace }
    guard let last = trimmed.lastIndex(where: { !$0.isWhitespace }) else { return nil }
    return String(trimmed[...last])
  }

  /// The position of the first child element of exactly this name.
  func index(of name: String) -> Int? {
    children.firstIndex { if case .element(let element) = $0 { element.name == name } else { false } }
  }
}

// MARK: - Editing

extension XMLElement {
  /// Edits the child element at a position of `children`. Other nodes than elements are left alone.
  mutating func edit<Failure: Error>(
    at index: Int, _ change: (inout XMLElement) throws(Failure) -> Void
  ) throws(Failure) {
    guard case .element(var element) = children[index] else { return }
    try change(&element)
    children[index] = .element(element)
  }

  /// Puts an element before the first child of the given name (else at the end), on a line of its own where its
  /// neighbours have lines of their own.
  mutating func insert(_ element: XMLElement, before name: String) {
    let position = index(of: name) ?? children.lastIndex { !$0.isLayout }.map { $0 + 1 } ?? children.startIndex
    if index(of: name) != nil {
      let layout = position > 0 && children[position - 1].isLayout ? children[position - 1] : nil
      children.insert(contentsOf: [.element(element)] + (layout.map { [$0] } ?? []), at: position)
    } else {
      let layout = children.first.flatMap { $0.isLayout && children.count > 1 ? $0 : nil }
      children.insert(contentsOf: (layout.map { [$0] } ?? []) + [.element(element)], at: position)
    }
  }

  /// Removes the child elements of exactly this name, each with the layout before it.
  mutating func removeAll(_ name: String) {
    while let index = index(of: name) {
      let start = index > 0 && children[index - 1].isLayout ? index - 1 : index
      children.removeSubrange(start...index)
      if children.allSatisfy(\.isLayout) { children = [] }
    }
  }
}
