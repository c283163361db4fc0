/// What is wrong with the value of an argument, as the usage error shows it after the value.
struct ArgumentProblem: Error, Hashable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
