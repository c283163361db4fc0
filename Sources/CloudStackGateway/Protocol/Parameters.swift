import LongshoreClient

/// The parameters of a request, from its query and its form, by their names as they were sent.
struct Parameters: Sendable, Hashable {
  /// A name and a value, decoded.
  struct Pair: Sendable, Hashable {
    /// The name as it was sent.
    var name: String
    /// The value.
    var value: String
  }

  /// The most parameters of a request: a guest of a hundred disks takes two for each.
  static let most = 512
  /// The longest query or form, in bytes.
  static let longest = 64 * 1024

  /// All of them, in the order in which they were sent.
  let pairs: [Pair]
  private let values: [String: String]

  /// Reads the parameters of a query and of a form, both as `application/x-www-form-urlencoded`.
  /// - Throws: ``APIError``: 430 for what is not well-formed, has a name that no parameter has, or is given twice, and 431 for values with
  ///   control characters. CloudStack takes one of two values that are given for a name; which one is not said, and a signature covers
  ///   both, so that it is better to refuse them.
  init(query: String?, form: String? = nil) throws(APIError) {
    var pairs: [Pair] = []
    var values: [String: String] = [:]
    for text in [query, form].compactMap(\.self) {
      guard text.utf8.count <= Self.longest else {
        throw APIError(.malformedParameter, "The request has more than \(Self.longest) bytes of parameters")
      }
      for part in text.split(separator: "&", omittingEmptySubsequences: true) {
        let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = FormDecoding.decoded(halves[0]), let value = FormDecoding.decoded(halves.count > 1 ? halves[1] : "") else {
          throw APIError(.malformedParameter, "The parameters are not well-formed: use percent-encoded UTF-8")
        }
        guard !name.isEmpty, name.utf8.count <= 255, name.utf8.allSatisfy(Self.canBeInName) else {
          throw APIError(.malformedParameter, "Unable to decode a parameter's name; use letters, digits and . - _ [ ]")
        }
        guard !value.unicodeScalars.contains(where: Self.isControl) else {
          throw APIError(
            .parameter, "Received value containing illegal ASCII non-printable characters for parameter \(name.lowercased())")
        }
        guard values.updateValue(value, forKey: name.lowercased()) == nil else {
          throw APIError(.malformedParameter, "The parameter \(name.lowercased()) is given more than once")
        }
        pairs.append(Pair(name: name, value: value))
        guard pairs.count <= Self.most else {
          throw APIError(.malformedParameter, "The request has more than \(Self.most) parameters")
        }
      }
    }
    self.pairs = pairs
    self.values = values
  }

  /// The value of a parameter, its name in lower case; nil where it was not sent.
  subscript(_ name: String) -> String? { values[name] }

  /// The names that were sent, in lower case.
  var names: Dictionary<String, String>.Keys { values.keys }

  /// Names are not encoded in what is signed, so that one with a `&` or `=` would let a signature hold for other parameters as well.
  private static func canBeInName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "["), UInt8(ascii: "]"):
      true
    default: false
    }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool { scalar.value < 0x20 || scalar.value == 0x7f }
}
