/// A duration as operators write it: whole numbers with the units `d`, `h`, `m` and `s`, the largest first, such as `90s`,
/// `2h`, `1h30m` and `1d`.
enum DurationArgument {
  /// Reads a duration.
  /// - Throws: ``ArgumentProblem`` for what is not a duration, or is none, or is longer than a thousand years.
  static func parse(_ text: String) throws(ArgumentProblem) -> Duration {
    let problem = ArgumentProblem("use a number and a unit, such as 90s, 2h, 1h30m or 1d")
    var seconds: Int64 = 0
    var digits = ""
    var smallestUnit = Int64.max
    for character in text {
      if character.isASCII, character.isNumber {
        digits.append(character)
        continue
      }
      guard let unit = units[character], unit < smallestUnit, let number = Int64(digits) else { throw problem }
      let (part, tooLarge) = number.multipliedReportingOverflow(by: unit)
      let (sum, overflow) = seconds.addingReportingOverflow(part)
      guard !tooLarge, !overflow, sum <= longest else { throw ArgumentProblem("the duration is too long") }
      seconds = sum
      smallestUnit = unit
      digits = ""
    }
    guard digits.isEmpty, smallestUnit != .max else { throw problem }
    guard seconds > 0 else { throw ArgumentProblem("the duration is zero") }
    return .seconds(seconds)
  }

  /// Seconds of each unit.
  private static let units: [Character: Int64] = ["d": 86_400, "h": 3_600, "m": 60, "s": 1]
  /// A thousand years, in seconds: what follows can add such a time to any date.
  private static let longest: Int64 = 1_000 * 366 * 86_400
}
