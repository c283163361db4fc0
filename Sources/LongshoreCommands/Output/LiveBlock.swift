import LongshoreMessages

/// Lines at the end of a terminal that are drawn over again. It gives texts to write; it writes nothing.
struct LiveBlock {
  /// The columns that each line took when it was drawn.
  private var drawn: [Int] = []

  /// The text that replaces the lines drawn before by these, on a terminal of this many columns.
  mutating func draw(_ lines: [String], width: Int) -> String {
    let text = erase(width: width) + lines.map { $0 + "\n" }.joined()
    drawn = lines.map { $0.withoutStyle.columns }
    return text
  }

  /// The text that removes the lines drawn before. A terminal that has become narrower since has wrapped them.
  mutating func erase(width: Int) -> String {
    let rows = drawn.reduce(0) { $0 + max(1, ($1 + max(1, width) - 1) / max(1, width)) }
    drawn = []
    // ECMA-48: to the start of the line that many lines up (CPL), then erase to the end of the screen (ED).
    return rows == 0 ? "" : "\u{1b}[\(rows)F\u{1b}[J"
  }
}

extension String {
  /// The text without the sequences that ``Style`` makes.
  fileprivate var withoutStyle: String {
    var text = ""
    var inSequence = false
    for character in self {
      if character == "\u{1b}" {
        inSequence = true
      } else if inSequence {
        inSequence = character != "m"
      } else {
        text.append(character)
      }
    }
    return text
  }
}
