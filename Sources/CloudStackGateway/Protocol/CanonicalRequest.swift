import Digests

/// The text that a request's signature is made over: its parameters but the signature, sorted, their values encoded, in lower case.
///
/// Clients do not agree on two things, so that there are up to four texts: whether names are sorted as they are or in lower case, and
/// whether a `~` in a value is encoded, as CloudStack's own server does it, or left, as RFC 3986 has it. Each text says which parameters
/// with which values it is of, whichever form it has: values have no `&` or `=` once they are encoded, names never have, and no name
/// comes twice. All that a signature does not cover is the case of letters.
struct CanonicalRequest: Sendable, Hashable {
  /// How names are sorted, and what becomes of a `~`.
  struct Form: Sendable, Hashable, CaseIterable {
    /// Whether names are sorted in lower case.
    var sortsLowerCase: Bool
    /// Whether a `~` in a value stays as it is.
    var keepsTilde: Bool

    /// CloudStack's own.
    static let strict = Form(sortsLowerCase: false, keepsTilde: false)
    static let allCases = [
      strict, Form(sortsLowerCase: false, keepsTilde: true), Form(sortsLowerCase: true, keepsTilde: false),
      Form(sortsLowerCase: true, keepsTilde: true),
    ]
  }

  private let pairs: [Parameters.Pair]
  private let hasTilde: Bool

  /// The parameters of a request; `signature` is left out, its name in any case.
  init(_ parameters: Parameters) {
    pairs = parameters.pairs.filter { $0.name.lowercased() != "signature" }
    hasTilde = pairs.contains { $0.value.utf8.contains(UInt8(ascii: "~")) }
  }

  /// The text of one form.
  func text(_ form: Form = .strict) -> String {
    let sorted = pairs.map { (key: form.sortsLowerCase ? $0.name.lowercased() : $0.name, pair: $0) }
      .sorted { Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8)) }
    var text: [UInt8] = []
    for (index, entry) in sorted.enumerated() {
      if index > 0 { text.append(UInt8(ascii: "&")) }
      text += entry.pair.name.utf8
      text.append(UInt8(ascii: "="))
      Self.encode(entry.pair.value, keepsTilde: form.keepsTilde, to: &text)
    }
    // All of it is ASCII.
    for index in text.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(text[index]) { text[index] |= 0x20 }
    return String(decoding: text, as: UTF8.self)
  }

  /// The texts of all forms that differ for these parameters.
  var texts: Set<String> { Set(Form.allCases.filter { hasTilde || !$0.keepsTilde }.map(text)) }

  /// Whether a signature is one of these parameters with a secret.
  /// - Parameters:
  ///   - signature: The Base64 text of a code.
  ///   - hashes: The hashes that may be used. They are told apart by the code's length.
  func isSigned(by signature: String, secret: [UInt8], hashes: [HMAC.Hash] = HMAC.Hash.allCases) -> Bool {
    guard let code = Base64.bytes(signature), let hash = hashes.first(where: { $0.length == code.count }) else { return false }
    // All are tried, whichever is right.
    return texts.reduce(false) { $1.isCoded(by: code, secret, hash) || $0 }
  }

  /// What `java.net.URLEncoder` leaves as it is stays, and a space is `%20`.
  private static func encode(_ value: String, keepsTilde: Bool, to text: inout [UInt8]) {
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "_"):
        text.append(byte)
      case UInt8(ascii: "~") where keepsTilde: text.append(byte)
      default: text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
  }

  private static let digits = Array("0123456789abcdef".utf8)
}

extension String {
  fileprivate func isCoded(by code: [UInt8], _ secret: [UInt8], _ hash: HMAC.Hash) -> Bool {
    HMAC.isSame(HMAC.code(of: utf8, key: secret, hash), code)
  }
}
