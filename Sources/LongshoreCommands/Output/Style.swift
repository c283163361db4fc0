/// What a stream can show.
struct Style: Sendable, Hashable {
  /// Whether colours are used. They never carry a meaning alone.
  var colour: Bool
  /// Whether characters beyond ASCII are used.
  var unicode: Bool

  /// Text as it is, in ASCII.
  static let plain = Style(colour: false, unicode: false)

  /// Stands between a source and a destination.
  var arrow: String { unicode ? "→" : "->" }
  /// Stands between parts of a line.
  var dot: String { unicode ? "·" : "-" }

  func bold(_ text: String) -> String { wrap(text, "1") }
  func dim(_ text: String) -> String { wrap(text, "2") }
  func red(_ text: String) -> String { wrap(text, "31") }
  func green(_ text: String) -> String { wrap(text, "32") }
  func yellow(_ text: String) -> String { wrap(text, "33") }
  func cyan(_ text: String) -> String { wrap(text, "36") }

  /// ECMA-48, "Select Graphic Rendition".
  private func wrap(_ text: String, _ parameter: String) -> String {
    colour && !text.isEmpty ? "\u{1b}[\(parameter)m\(text)\u{1b}[0m" : text
  }
}
