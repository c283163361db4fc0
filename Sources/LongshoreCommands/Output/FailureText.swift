import LongshoreMessages

/// A command's failure in words.
enum FailureText {
  /// The lines for the standard error stream.
  static func lines(_ failure: CommandFailure, style: Style) -> [String] {
    let head = style.red("Error \(failure.operation.printable):") + " \(failure.message.printable)"
    return [head] + (failure.advice.map { ["Next: \($0.printable)"] } ?? [])
  }
}
