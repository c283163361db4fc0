import LongshoreMessages

/// Rows under headings, in columns as wide as their widest text. The last column is not padded.
struct TextTable {
  private var rows: [[String]]

  init(_ headings: String...) { rows = [headings] }

  /// Adds a row. Its texts may come from other machines: they are made printable.
  mutating func add(_ cells: String...) { rows.append(cells.map { $0.isEmpty ? "-" : $0.printable }) }

  /// The table's lines.
  func lines(style: Style) -> [String] {
    let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].columns }.max() ?? 0 }
    return rows.enumerated().map { index, row in
      let cells = zip(row, widths).enumerated().map { column, cell in
        column == row.count - 1 ? cell.0 : cell.0.padded(to: cell.1)
      }
      let line = cells.joined(separator: "  ")
      return index == 0 ? style.bold(line) : line
    }
  }

  /// The table's lines, with more lines below each row, indented: for what is too long for a column.
  func lines(style: Style, details: [[String]]) -> [String] {
    let lines = lines(style: style)
    return lines.prefix(1) + zip(lines.dropFirst(), details).flatMap { line, details in [line] + details.map { "  \($0.printable)" } }
  }
}
