import Subprocess
import SystemPackage

/// Prometheus' own checker.
public enum Promtool {
  private static let program = Executable.path("/usr/bin/promtool")
  private static let outputLimit = 1 << 20

  /// Whether this machine has it.
  public static func isAvailable() async -> Bool {
    let result = try? await run(program, arguments: ["--version"], output: .discarded, error: .discarded)
    return result?.terminationStatus.isSuccess ?? false
  }

  /// What to install where ``isAvailable()`` is false.
  public static let requirement = "needs /usr/bin/promtool, of Debian's package prometheus"

  /// What `promtool check metrics` says of metrics in the text format; empty where all is well.
  public static func faults(inMetrics text: String) async throws -> String { try await check(["check", "metrics"], input: text) }

  /// What `promtool test rules` says of the rules that a file of tests names; empty where all is well.
  ///
  /// - Parameter file: The path of the tests within the repository.
  public static func faults(inTests file: String) async throws -> String {
    try await check(["test", "rules", Repository.path(file)], input: "")
  }

  private static func check(_ arguments: [String], input: String) async throws -> String {
    let result = try await run(
      program, arguments: Arguments(arguments), input: .string(input), output: .string(limit: outputLimit),
      error: .string(limit: outputLimit))
    guard result.terminationStatus.isSuccess else {
      return "\(result.terminationStatus)\n\(result.standardOutput)\n\(result.standardError)"
    }
    return result.standardError
  }
}
