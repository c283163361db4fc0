import LongshoreMessages

/// Times as CloudStack reads and writes them.
enum CloudStackTime {
  /// A time of an answer, in UTC and whole seconds: `2026-07-24T23:30:19+0000`.
  static func text(_ time: Timestamp) -> String { "\(time.description.prefix(19))+0000" }

  /// A time on CloudStack's bus of events: `2026-07-24 23:30:19 +0000`.
  static func busText(_ time: Timestamp) -> String {
    let text = time.description
    return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8)) +0000"
  }

  /// The time of a parameter `expires`, in the forms that clients send: with an offset of `+00:00` or `+0000`, or `Z`, with or without a
  /// fraction of a second; nil where it is none.
  static func time(_ text: String) -> Timestamp? {
    guard text.utf8.count <= 64 else { return nil }
    let tail = text.suffix(5)
    guard let sign = tail.first, sign == "+" || sign == "-", tail.dropFirst().allSatisfy({ $0.isASCII && $0.isNumber }),
      text.utf8.count > 20
    else { return Timestamp(text) }
    return Timestamp("\(text.dropLast(5))\(tail.prefix(3)):\(tail.suffix(2))")
  }

  /// A date of a parameter such as `startdate`: `yyyy-MM-dd`, or with a time of day in UTC; nil where it is none.
  static func date(_ text: String) -> Timestamp? {
    guard text.utf8.count <= 32 else { return nil }
    if text.utf8.count == 10 { return Timestamp("\(text)T00:00:00Z") }
    let joined = text.split(separator: " ", maxSplits: 1).joined(separator: "T")
    return time(joined) ?? Timestamp("\(joined)Z")
  }
}
