extension String {
  /// This text, which may come from another machine, without what would move a terminal's cursor or change its state: control
  /// characters (C0, C1, DEL) and marks that reorder text become `?`.
  package var printable: String {
    var text = ""
    for scalar in unicodeScalars {
      switch scalar.value {
      case 0x00...0x1f, 0x7f...0x9f, 0x200e, 0x200f, 0x202a...0x202e, 0x2066...0x2069: text += "?"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// The columns that the text takes on a terminal, after the East Asian widths of Unicode's Annex 11.
  package var columns: Int {
    reduce(0) { $0 + $1.columns }
  }

  /// The text with spaces after it, up to a number of columns.
  package func padded(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - columns))
  }

  /// The text with spaces before it, up to a number of columns.
  package func leftPadded(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - columns)) + self
  }

  /// The text, cut where it does not fit into a number of columns.
  package func truncated(to width: Int) -> String {
    guard columns > width else { return self }
    var text = ""
    var used = 0
    for character in self {
      used += character.columns
      guard used <= width else { break }
      text.append(character)
    }
    return text
  }
}

extension Character {
  /// The columns that the character takes on a terminal.
  fileprivate var columns: Int {
    guard let first = unicodeScalars.first else { return 0 }
    if first.properties.isEmojiPresentation { return 2 }
    switch first.value {
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
      0xff00...0xff60, 0xffe0...0xffe6, 0x20000...0x3fffd:
      return 2
    default:
      switch first.properties.generalCategory {
      case .nonspacingMark, .enclosingMark, .format: return 0
      default: return 1
      }
    }
  }
}
