/// Makes inputs that are nearly right from inputs that are right: what is wrong in many places at once is refused at its first byte
/// and finds nothing.
package struct StructuralMutator {
  private var generator: SplitMix64
  private let seeds: [[UInt8]]

  /// Texts that readers tend to take wrongly, put in where a value or a name may stand.
  private static let dictionary: [[UInt8]] = [
    "null", "true", "[]", "{}", "\"\"", "0", "-1", "1e999", "-0.0", "18446744073709551616", "9223372036854775807", "1.5", "\\u0000",
    "\\ud800",
    "../", "/", "\u{0}", "\u{feff}", "\u{202e}", "%s", "&amp;", "&#0;", "<!DOCTYPE a []>", "<![CDATA[", "]]>", "<!--", "xmlns:a=\"b\"",
    "- ",
    ": ", "*a", "&a ", "!!binary ", "\"schema\":2", "\"schema\":1", "[[[[[[[[", "{\"a\":{\"a\":",
  ].map { Array($0.utf8) }

  /// Starts a sequence of inputs, which is the same for the same seeds and the same number.
  package init(seeds: [[UInt8]], number: UInt64) {
    self.seeds = seeds.isEmpty ? [[]] : seeds
    generator = SplitMix64(state: number)
  }

  /// The next input, of at most twice the length of the longest seed and a bit.
  package mutating func next() -> [UInt8] {
    var bytes = anySeed()
    for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&bytes) }
    return bytes
  }

  private mutating func anySeed() -> [UInt8] { seeds[Int.random(in: 0..<seeds.count, using: &generator)] }

  private mutating func mutate(_ bytes: inout [UInt8]) {
    let position = Int.random(in: 0...bytes.count, using: &generator)
    switch Int.random(in: 0..<8, using: &generator) {
    case 0 where position < bytes.count: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1 where position < bytes.count: bytes[position] = UInt8.random(in: .min ... .max, using: &generator)
    case 2: bytes.removeSubrange(range(from: position, in: bytes))
    case 3: bytes.insert(contentsOf: bytes[range(from: position, in: bytes)], at: position)
    case 4: bytes.insert(contentsOf: anyWord(), at: position)
    case 5: bytes.replaceSubrange(value(around: position, in: bytes), with: anyWord())
    case 6: bytes = bytes.prefix(position) + anySeed().suffix(Int.random(in: 0...256, using: &generator))
    default: bytes.removeLast(min(bytes.count, Int.random(in: 0...16, using: &generator)))
    }
  }

  private mutating func anyWord() -> [UInt8] { Self.dictionary[Int.random(in: 0..<Self.dictionary.count, using: &generator)] }

  private mutating func range(from position: Int, in bytes: [UInt8]) -> Range<Int> {
    position..<min(bytes.count, position + Int.random(in: 0...64, using: &generator))
  }

  /// What stands between two delimiters around a place: a value, or a name.
  private func value(around position: Int, in bytes: [UInt8]) -> Range<Int> {
    let delimiters = Array(":,{}[]<>=\n".utf8)
    let start = bytes[..<position].lastIndex { delimiters.contains($0) }.map { $0 + 1 } ?? 0
    let end = bytes[position...].firstIndex { delimiters.contains($0) } ?? bytes.count
    return start..<max(start, end)
  }
}

/// The generator of Steele, Lea and Flood (2014): small, and the same numbers everywhere.
private struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
