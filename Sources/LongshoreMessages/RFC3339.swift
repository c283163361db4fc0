/// Reads and writes the times of RFC 3339 in whole milliseconds. Dates in floating point lose one now and then.
enum RFC3339 {
  private static let millisecondsPerDay: Int64 = 86_400_000

  /// Milliseconds since 1970-01-01T00:00:00Z of a text such as `2026-01-31T18:30:00.5+01:00`; nil where it is none.
  static func milliseconds(_ text: String) -> Int64? {
    var scanner = Scanner(text)
    guard
      let year = scanner.number(digits: 4, in: 0...9999), scanner.skip("-"),
      let month = scanner.number(digits: 2, in: 1...12), scanner.skip("-"),
      let day = scanner.number(digits: 2, in: 1...daysIn(month: month, of: year)), scanner.skip("T") || scanner.skip("t"),
      let hour = scanner.number(digits: 2, in: 0...23), scanner.skip(":"),
      let minute = scanner.number(digits: 2, in: 0...59), scanner.skip(":"),
      // A leap second, 60, is the first of the next minute.
      let second = scanner.number(digits: 2, in: 0...60),
      let fraction = scanner.fraction(),
      let offset = scanner.offsetInMinutes(),
      scanner.isAtEnd
    else { return nil }
    let minutes = hour * 60 + minute - offset
    return days(year: year, month: month, day: day) * millisecondsPerDay + (minutes * 60 + second) * 1000 + fraction
  }

  /// The text in UTC, with three digits of fraction.
  static func text(milliseconds: Int64) -> String {
    let (days, rest) = milliseconds.flooredDivision(by: millisecondsPerDay)
    let date = date(days: days)
    let day = "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))"
    let time = "\(padded(rest / 3_600_000, 2)):\(padded(rest / 60_000 % 60, 2)):\(padded(rest / 1000 % 60, 2))"
    return "\(day)T\(time).\(padded(rest % 1000, 3))Z"
  }

  // The two conversions count years from 1 March, so that the leap day is the last of its year, in eras of 400 years,
  // which all have the same number of days: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".

  private static let daysPerEra: Int64 = 146_097
  private static let daysFromEraToEpoch: Int64 = 719_468

  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let (era, yearOfEra) = (month <= 2 ? year - 1 : year).flooredDivision(by: 400)
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * daysPerEra + dayOfEra - daysFromEraToEpoch
  }

  private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = (days + daysFromEraToEpoch).flooredDivision(by: daysPerEra)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }

  private static func daysIn(month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 4, 6, 9, 11: 30
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    default: 31
    }
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// Takes the parts of a time from the front of a text.
private struct Scanner {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = Substring(text).utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard let first = rest.first, first == UInt8(ascii: character) else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number(digits: Int, in range: ClosedRange<Int64>) -> Int64? {
    var number: Int64 = 0
    for _ in 0..<digits {
      guard let digit = digit() else { return nil }
      number = number * 10 + digit
    }
    return range.contains(number) ? number : nil
  }

  /// A fraction of a second in milliseconds, 0 where there is none; nil for a point without a digit.
  mutating func fraction() -> Int64? {
    guard skip(".") else { return 0 }
    guard var milliseconds = digit() else { return nil }
    milliseconds *= 100
    var weight: Int64 = 10
    while let digit = digit() {
      milliseconds += digit * weight
      weight /= 10
    }
    return milliseconds
  }

  mutating func offsetInMinutes() -> Int64? {
    if skip("Z") || skip("z") { return 0 }
    let isEast = skip("+")
    guard isEast || skip("-"), let hours = number(digits: 2, in: 0...23), skip(":"),
      let minutes = number(digits: 2, in: 0...59)
    else { return nil }
    return (isEast ? 1 : -1) * (hours * 60 + minutes)
  }

  private mutating func digit() -> Int64? {
    guard let first = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
    rest.removeFirst()
    return Int64(first - UInt8(ascii: "0"))
  }
}

extension Int64 {
  /// Quotient and remainder, the remainder never negative.
  fileprivate func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
