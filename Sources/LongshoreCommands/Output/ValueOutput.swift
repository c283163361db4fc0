import LongshoreMessages
import Yams

/// Results for programs, in the field names of the wire.
enum ValueOutput {
  /// A value as one line of JSON.
  static func json(_ value: some Encodable) -> String { String(decoding: MessageCoding.encode(value), as: UTF8.self) + "\n" }

  /// A value as one YAML document, which begins with `---` so that several can follow each other.
  static func yaml(_ value: some Encodable) -> String {
    let encoder = YAMLEncoder()
    encoder.options.allowUnicode = true
    encoder.options.width = -1
    // Every value that commands write is made of what YAML has: objects, lists, texts, numbers and truths.
    guard let text = try? encoder.encode(value) else { preconditionFailure("a result cannot be written as YAML") }
    return "---\n" + text
  }
}
