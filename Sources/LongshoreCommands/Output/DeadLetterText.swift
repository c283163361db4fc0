import LongshoreClient
import LongshoreMessages

/// Dead letters, as text for people.
enum DeadLetterText {
  /// How much of a body that is no text is shown, in bytes.
  private static let shownBytes = 256

  /// A table of letters, with the reason below each.
  static func list(_ letters: [DeadLetter], zone: TimeZoneOffset, style: Style) -> [String] {
    var table = TextTable("ID", "SINCE", "HOST", "MESSAGE", "FOR", "SIZE")
    for letter in letters {
      table.add(
        letter.id, letter.time.map { zone.dateAndTime(of: $0) } ?? "", letter.host ?? "", kind(letter), letter.routingKey ?? "",
        Quantity.bytes(UInt64(letter.body.count)))
    }
    return table.lines(style: style, details: letters.map { [$0.reason ?? "no reason is given"] })
  }

  /// A letter whole.
  static func letter(_ letter: DeadLetter, zone: TimeZoneOffset, style: Style) -> [String] {
    let fields: [(String, String?)] = [
      ("reason", letter.reason), ("since", letter.time.map { zone.dateAndTime(of: $0) }), ("put aside by", letter.host),
      ("exchange", letter.exchange), ("routing key", letter.routingKey), ("type", letter.type), ("message id", letter.messageID),
      ("belongs to", letter.correlationID), ("content type", letter.contentType), ("size", Quantity.bytes(UInt64(letter.body.count))),
    ]
    var lines = [style.bold("\(kind(letter)) \(letter.id)".printable)]
    for (name, value) in fields { if let value { lines.append("  \(name.padded(to: 12))  \(value.printable)") } }
    return lines + [""] + body(letter.body).map { "  \($0.printable)" }
  }

  private static func kind(_ letter: DeadLetter) -> String {
    let type = letter.type.map { " \($0)" } ?? ""
    switch letter.exchange {
    case Wire.requests: return "request\(type)"
    case Wire.peers: return "agents'\(type)"
    default: return "message\(type)"
    }
  }

  /// A body's lines: JSON laid out, other text as it is, the beginning of anything else in hexadecimal digits.
  private static func body(_ body: [UInt8]) -> [String] {
    if body.isEmpty { return ["(empty)"] }
    if let text = JSONValue.laidOut(body) { return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    if let text = String(validating: body, as: UTF8.self) {
      return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
    }
    let rows = stride(from: 0, to: min(body.count, shownBytes), by: 16).map { start in
      body[start..<min(start + 16, body.count)].map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined(separator: " ")
    }
    return rows + (body.count > shownBytes ? ["…"] : [])
  }
}
