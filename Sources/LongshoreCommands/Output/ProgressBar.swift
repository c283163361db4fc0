/// A bar of a given width in columns.
enum ProgressBar {
  /// Draws the part of one that is done. A full bar is drawn for all of it only.
  static func draw(_ fraction: Double, width: Int, style: Style) -> String {
    guard width > 0 else { return "" }
    let fraction = min(max(fraction, 0), 1)
    guard style.unicode else {
      let filled = Int((fraction * Double(width)).rounded(.down))
      return String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    }
    let eighths = Int((fraction * Double(width) * 8).rounded(.down))
    var bar = String(repeating: "█", count: eighths / 8)
    if eighths % 8 > 0 { bar.append(blocks[eighths % 8 - 1]) }
    return style.cyan(bar) + style.dim(String(repeating: "░", count: width - bar.count))
  }

  /// A column filled by one eighth to seven eighths.
  private static let blocks: [Character] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"]
}
