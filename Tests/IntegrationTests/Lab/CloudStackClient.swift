import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Subprocess
import SystemPackage
import Testing

/// `contrib/examples/cloudstack.py`, which is CloudStack's client `cs` and a few lines, with a gateway that runs.
struct CloudStackClient: Sendable {
  /// A Python that has `cs`.
  static let python = ProcessInfo.processInfo.environment["LONGSHORE_TEST_PYTHON"]
  static let missing: Comment = "LONGSHORE_TEST_PYTHON names no Python that has cs"

  /// The examples that are built in Go.
  static let goPrograms = ProcessInfo.processInfo.environment["LONGSHORE_TEST_GO"]
  static let missingGo: Comment = "LONGSHORE_TEST_GO names no folder with the examples in Go"

  /// An answer that is not of the form that it should be.
  struct Unexpected: Error { let ending: Client.Ending }

  private static let key = "longshore-tests-key"
  private static let secret = "of no use to anybody, and long enough"

  /// Where the gateway is.
  let endpoint: String
  /// Ends the gateway at once, as a crash would.
  let killGateway: @Sendable () throws -> Void
  private let program: Client
  private let method: String

  /// Runs the body with a gateway and a client of it, whose key may do all.
  ///
  /// - Parameters:
  ///   - method: How requests are sent.
  ///   - broker: The broker's URL as the gateway has it; nil for that of the lab's operator.
  ///   - options: What else the gateway is told.
  static func with(
    _ lab: Lab, method: String = "get", broker: String? = nil, options: [String] = [],
    _ body: @Sendable (CloudStackClient) async throws -> Void
  ) async throws {
    let keys = "\(try lab.state)/gateway-keys-\(UUID().uuidString).yaml"
    let text = "keys:\n  - {name: tests, apiKey: \(key), secretKey: \"\(secret)\", role: admin}\n"
    try #require(FileManager.default.createFile(atPath: keys, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
    try await finally {
      try await WebProgram.with(lab, ["gateway", "--keys", keys] + options, broker: broker) { gateway in
        let program = Client(program: try #require(python), script: "contrib/examples/cloudstack.py")
        let client = CloudStackClient(endpoint: gateway.address, killGateway: gateway.kill, program: program, method: method)
        try await client.waitUntilHistoryIsRead()
        try await body(client)
      }
    } do: {
      try FileManager.default.removeItem(atPath: keys)
    }
  }

  /// Runs the program. Options before its action go before those that it gets here.
  func callAsFunction(_ words: String...) async throws -> Client.Ending { try await run(words) }

  private func run(_ words: [String]) async throws -> Client.Ending {
    try await program.run(["--endpoint", endpoint, "--key", Self.key, "--secret", Self.secret, "--method", method] + words)
  }

  /// Calls a command: its name, then parameters as `NAME=VALUE`.
  func call(_ words: [String]) async throws -> Client.Ending { try await run(["call"] + words) }

  /// What a command answers; an object.
  func object(_ command: String, _ parameters: [String] = []) async throws -> JSONValue {
    let ending = try await call([command] + parameters)
    guard ending.code == 0, let value = try? JSONDecoder().decode(JSONValue.self, from: Data(ending.output.utf8)) else {
      throw Unexpected(ending: ending)
    }
    return value
  }

  /// The rows that a command lists.
  func list(_ command: String, _ parameters: [String] = []) async throws -> [JSONValue] {
    guard case .object(let fields) = try await object(command, parameters) else { return [] }
    for case .list(let rows) in fields.values { return rows }
    return []
  }

  /// Moves a guest with the program's own order of calls.
  func move(_ guest: Guest, to host: Lab.Host, into pool: Lab.Pool) async throws -> Client.Ending {
    try await run(["move", guest.name, "--to", host.rawValue, "--pool", pool.rawValue])
  }

  /// Moves a guest with the lines of Python that the documentation has for it, for which it needs the account alone to be another.
  func moveByThePage(_ guest: Guest) async throws -> Client.Ending {
    let page = try String(contentsOfFile: Repository.path("Sources/LongshoreCommands/Longshore.docc/how-to/cloudstack.md"), encoding: .utf8)
    let start = try #require(page.firstRange(of: "```python\n")).upperBound
    var lines = String(page[start..<(try #require(page[start...].firstRange(of: "```"))).lowerBound])
    for (shown, actual) in [
      ("http://127.0.0.1:8080/client/api", endpoint), ("a-key-for-the-lab", Self.key), ("of-no-use-to-anybody-but-in-a-lab", Self.secret),
      ("web-1", guest.name),
    ] {
      #expect(lines.contains(shown))
      lines = lines.replacing(shown, with: actual)
    }
    return try await Client(program: try #require(Self.python)).run(["-c", lines])
  }

  /// Moves a guest with Ansible: by the modules of its collection for CloudStack, and `cs` for what that has none for.
  func play(_ guest: Guest, to host: Lab.Host) async throws -> Client.Ending {
    let folder = FilePath(try #require(Self.python)).removingLastComponent()
    let inherited = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let playbook = Client(program: folder.appending("ansible-playbook").string, script: "contrib/examples/cloudstack-playbook.yaml")
    return try await playbook.run(
      [
        "--inventory", "localhost,", "--extra-vars", "ansible_python_interpreter=\(folder.appending("python"))",
        "--extra-vars", "instance=\(guest.name) host=\(host.rawValue) deadline=7200",
      ],
      environment: account.merging([
        "ANSIBLE_COLLECTIONS_PATH": folder.removingLastComponent().appending("collections").string, "LC_ALL": "C.UTF-8",
        "PATH": "\(folder):\(inherited)",
      ]) { $1 })
  }

  /// Moves a guest with cloudstack-go.
  func moveInGo(_ guest: Guest, to host: Lab.Host, into pool: Lab.Pool) async throws -> Client.Ending {
    let folder = FilePath(try #require(Self.goPrograms))
    return try await Client(program: folder.appending("cloudstack").string)
      .run([guest.name, host.rawValue, pool.rawValue], environment: account)
  }

  private var account: [Environment.Key: String?] {
    ["CLOUDSTACK_ENDPOINT": endpoint, "CLOUDSTACK_KEY": Self.key, "CLOUDSTACK_SECRET": Self.secret, "CLOUDSTACK_METHOD": method]
  }

  /// A job that has ended, as it is told then.
  func job(_ id: MigrationID) async throws -> JSONValue {
    while true {
      try Task.checkCancellation()
      let job = try await object("queryAsyncJobResult", ["jobid=\(id)"])
      if job["jobstatus"] != .number(0) { return job }
    }
  }

  /// Returns when the gateway has read the history of events, until which it says of no job that there is none.
  private func waitUntilHistoryIsRead() async throws {
    while try await call(["queryAsyncJobResult", "jobid=\(UUID().uuidString.lowercased())"]).output.contains("\"errorcode\": 503") {
      try Task.checkCancellation()
    }
  }

  /// Returns when a host is told to be down.
  func waitUntilDown(_ host: String) async throws {
    while try await list("listHosts", ["type=Routing"]).first(where: { $0["name"] == .text(host) })?["state"] != .text("Down") {
      try Task.checkCancellation()
    }
  }
}

extension JSONValue {
  /// The text; nil where it is none.
  var string: String? { if case .text(let text) = self { text } else { nil } }
}
