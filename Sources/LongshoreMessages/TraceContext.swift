/// Where in a trace something belongs: the W3C's Trace Context, as its header fields have it.
public struct TraceContext: Sendable, Hashable, Codable {
  /// The names of the header fields, and of the attributes of events.
  public static let parentField = "traceparent"
  public static let stateField = "tracestate"

  /// The trace and the span that caused it: `00-<trace id>-<span id>-<flags>`.
  public let traceparent: String
  /// What tracers pass on among themselves; nil where there is nothing.
  public let tracestate: String?

  /// Returns nil where `traceparent` is none. A `tracestate` that is none is left away.
  public init?(traceparent: String, tracestate: String? = nil) {
    guard Self.isParent(traceparent) else { return nil }
    self.traceparent = traceparent
    self.tracestate = tracestate.flatMap { Self.isState($0) ? $0 : nil }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let parent = try container.decode(String.self, forKey: .traceparent)
    let state = try container.decodeIfPresent(String.self, forKey: .tracestate)
    guard let context = TraceContext(traceparent: parent, tracestate: state) else {
      throw invalidValue(decoder, "\(quoted(parent)) is no traceparent")
    }
    self = context
  }

  /// The header fields.
  public var fields: [String: String] {
    var fields = [Self.parentField: traceparent]
    fields[Self.stateField] = tracestate
    return fields
  }

  private static func isParent(_ text: String) -> Bool {
    guard text.utf8.count <= 256 else { return false }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[0...3].map(\.utf8.count) == [2, 32, 16, 2], parts[0...3].allSatisfy({ $0.utf8.allSatisfy(isHex) }) else {
      return false
    }
    // A later version may have more parts; 00 has none, and ff is no version.
    guard parts[0] != "ff", parts[0] != "00" || parts.count == 4, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return false }
    return [parts[1], parts[2]].allSatisfy { part in part.utf8.contains { $0 != UInt8(ascii: "0") } }
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  /// Up to 512 characters are to be passed on, in up to 32 members `key=value`.
  private static func isState(_ text: String) -> Bool {
    guard (1...512).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else { return false }
    let members = text.split(separator: ",", omittingEmptySubsequences: false)
    return members.count <= 32 && members.allSatisfy { member in member.allSatisfy { $0 == " " } || member.dropFirst().contains("=") }
  }
}
