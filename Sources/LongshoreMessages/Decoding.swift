/// An enumeration that travels as one of a closed set of words.
///
/// Where the word is none of them, reading it says which would be right; the synthesized reading names a Swift type instead.
public protocol WireWord: RawRepresentable, CaseIterable, Codable, Sendable where RawValue == String {}

extension WireWord {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let value = Self(rawValue: text) else {
      let words = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw invalidValue(decoder, "\(quoted(text)) is none of \(words)")
    }
    self = value
  }
}

extension KeyedDecodingContainer {
  /// Reads a whole number of a range, nil where the field is absent or null. JSONDecoder does not say in which field a
  /// number is negative, too large or not whole.
  func decodeIfPresent<Number: FixedWidthInteger & Decodable & Sendable>(
    _ key: Key, in range: ClosedRange<Number>
  ) throws -> Number? {
    let number: Number?
    do {
      number = try decodeIfPresent(Number.self, forKey: key)
    } catch DecodingError.typeMismatch(let type, let context) {
      throw DecodingError.typeMismatch(type, context)
    } catch {
      throw outOfRange(key, range)
    }
    if let number, !range.contains(number) { throw outOfRange(key, range) }
    return number
  }

  private func outOfRange<Number>(_ key: Key, _ range: ClosedRange<Number>) -> DecodingError {
    .dataCorruptedError(
      forKey: key, in: self,
      debugDescription: "use a whole number from \(range.lowerBound) to \(range.upperBound)")
  }
}

/// The error of a value that has the right type and a wrong content.
func invalidValue(_ decoder: any Decoder, _ message: String) -> DecodingError {
  .dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: message))
}
