public import LongshoreMessages
import Subprocess
import SystemPackage

/// Checks messages against the contract that clients are written from: `contrib/asyncapi.yaml`.
///
/// The work is done by `contrib/check-messages`, an independent reader of the schemas, and not by the code that wrote the
/// messages.
public enum ContractChecker {
  /// A message under the contract's name for it.
  public struct Entry: Sendable, CustomStringConvertible {
    /// The message's key in the contract's `components.messages`, such as `request.migrate`.
    public var message: String
    /// The message's JSON.
    public var payload: [UInt8]

    /// A message under the contract's name for it.
    public init(_ message: String, payload: [UInt8]) {
      self.message = message
      self.payload = payload
    }

    public var description: String { message }

    /// The entry as a line of the checker's input, without the line's end.
    public var line: String { #"{"message":"\#(message)","payload":\#(String(decoding: payload, as: UTF8.self))}"# }
  }

  /// The checker could not do its work: its own words.
  public struct Failure: Error, CustomStringConvertible {
    /// What it wrote on standard error, and how it ended.
    public var description: String
  }

  private static let python = Executable.path("/usr/bin/python3")
  private static let outputLimit = 1 << 20

  /// Whether this machine has what the checker needs: Python 3 with the packages of ``requirement``.
  public static func isAvailable() async -> Bool {
    let result = try? await run(python, arguments: ["-c", "import jsonschema, yaml"], output: .discarded)
    return result?.terminationStatus.isSuccess ?? false
  }

  /// What to install where ``isAvailable()`` is false.
  public static let requirement = "needs /usr/bin/python3 with python3-jsonschema and python3-yaml"

  /// One line for each violation: of the contract's own form, of its examples, and of the messages. Empty where all is well.
  public static func violations(in entries: [Entry]) async throws -> [String] {
    try await check([], input: entries.map { $0.line + "\n" }.joined())
  }

  /// One line for each violation of form in a contract of this text.
  public static func violations(inContract text: String) async throws -> [String] {
    try await check(["--contract", "/dev/stdin", "/dev/null"], input: text)
  }

  private static func check(_ arguments: [String], input: String) async throws -> [String] {
    let result = try await run(
      python, arguments: Arguments([Repository.path("contrib/check-messages")] + arguments), input: .string(input),
      output: .string(limit: outputLimit), error: .string(limit: outputLimit))
    switch result.terminationStatus {
    case .exited(0), .exited(1): return result.standardOutput.split(separator: "\n").map(String.init)
    default: throw Failure(description: "\(result.terminationStatus): \(result.standardError)")
    }
  }
}

extension ContractChecker.Entry {
  /// A request.
  public init(_ request: Request) {
    self.init("request.\(request.typeName)", payload: MessageCoding.encode(request))
  }

  /// A reply.
  public init(_ reply: Reply) {
    self.init("reply.\(reply.typeName)", payload: MessageCoding.encode(reply))
  }

  /// A message between agents.
  public init(_ message: PeerMessage) {
    self.init("peer.\(message.body.typeName)", payload: MessageCoding.encode(message))
  }

  /// A numbered event.
  public init(_ event: MigrationEvent) {
    self.init("event.\(event.data.kind.rawValue)", payload: MessageCoding.encode(event))
  }

  /// A numbered event of a drain.
  public init(_ event: DrainEvent) {
    self.init("drain.\(event.data.kind.rawValue)", payload: MessageCoding.encode(event))
  }

  /// Progress.
  public init(_ event: ProgressEvent) {
    self.init("progress", payload: MessageCoding.encode(event))
  }
}
