import LongshoreMessages

/// A piece of HTML. Text that is not of this source gets in by interpolation alone, which escapes it.
///
/// A literal of it is a `StaticString`, so that no text of run time can be taken for one:
///
/// ```swift
/// let cell: HTML = "<td title=\"\(guest.name)\">\(guest.name)</td>"
/// ```
struct HTML: Sendable, Hashable, ExpressibleByStringInterpolation {
  /// The markup.
  private(set) var text: String

  /// Nothing.
  static let none: HTML = ""

  init(stringLiteral literal: StaticString) { text = literal.description }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// Pieces one after the other.
  init(_ pieces: [HTML]) { text = pieces.map(\.text).joined() }

  /// Pieces one after the other.
  static func + (left: HTML, right: HTML) -> HTML { HTML([left, right]) }

  /// Whether there is nothing in it.
  var isEmpty: Bool { text.isEmpty }

  /// The parts of an interpolated literal.
  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity + 16 * interpolationCount) }

    mutating func appendLiteral(_ literal: StaticString) { text += literal.description }

    /// Text from anywhere, escaped for elements and for quoted attributes.
    mutating func appendInterpolation(_ foreign: String) { text += HTML.escaped(foreign) }

    /// Text from anywhere as a part of a URL's path or query, percent-encoded.
    mutating func appendInterpolation(url part: String) { text += HTML.percentEncoded(part) }

    /// HTML as it is.
    mutating func appendInterpolation(_ html: HTML) { text += html.text }

    /// HTML as it is; nothing where there is none.
    mutating func appendInterpolation(_ html: HTML?) { text += html?.text ?? "" }

    /// Pieces of HTML one after the other.
    mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { text += piece.text } }

    /// A whole number.
    mutating func appendInterpolation(_ number: some BinaryInteger) { text += String(number) }

    /// A name of the wire.
    mutating func appendInterpolation(_ name: NodeName) { appendInterpolation(name.text) }

    /// An id of the wire.
    mutating func appendInterpolation(_ id: MigrationID) { appendInterpolation(id.text) }

    /// An attribute that is there or not.
    mutating func appendInterpolation(_ attribute: StaticString, if condition: Bool) {
      if condition { text += " " + attribute.description }
    }
  }

  /// The text without what is markup. What would reorder the text around it becomes `?`.
  private static func escaped(_ foreign: String) -> String {
    var text = ""
    text.reserveCapacity(foreign.utf8.count)
    for scalar in foreign.unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      // Texts of our own may have lines; a form feed or a NUL has no place in any.
      case "\n": text += "\n"
      default:
        switch scalar.value {
        case 0x00...0x1f, 0x7f...0x9f, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: text += "?"
        default: text.unicodeScalars.append(scalar)
        }
      }
    }
    return text
  }

  private static func percentEncoded(_ part: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var text = ""
    for byte in part.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        text.append("%")
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
      }
    }
    return text
  }
}
