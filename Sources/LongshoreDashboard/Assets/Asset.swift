/// A file that the pages need, in the binary.
struct Asset: Sendable, Hashable {
  /// Its content type.
  var contentType: String
  /// Its content.
  var text: String
  /// The validator by which a browser knows whether it has it.
  var tag: String

  init(contentType: String, text: String) {
    self.contentType = contentType
    self.text = text
    // FNV-1a: it tells versions apart, nothing more.
    let hash = text.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    tag = "\"\(String(hash, radix: 16))\""
  }

  /// All of them, by their path.
  static let all = ["/assets/style.css": style, "/assets/live.js": script, "/assets/icon.svg": icon]
}
