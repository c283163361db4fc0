import FoundationEssentials
import Glibc
import LongshoreMessages
import LongshoreTestKit
import Subprocess
import SystemPackage
import Testing

@testable import LongshoreAgent

/// The lab that the tests move guests in, one of `contrib/lab/up` with agents. It is theirs alone: they stop its broker and its
/// agents, and they empty its pools.
struct Lab: Sendable {
  /// A host of the lab.
  enum Host: String, Sendable, CaseIterable, CustomStringConvertible {
    case alpha, beta

    /// The host that guests of this one go to.
    var other: Host { self == .alpha ? .beta : .alpha }
    var description: String { rawValue }
  }

  /// A pool that every host has.
  enum Pool: String, Sendable, CaseIterable, CustomStringConvertible {
    case primary, secondary

    var description: String { rawValue }
  }

  /// The cluster of all hosts.
  static let cluster = "lab"
  /// The lab's name, as the environment gives it.
  static let name = ProcessInfo.processInfo.environment["LONGSHORE_TEST_LAB"]
  /// Whether the tests can run.
  static var isUsable: Bool { name != nil && geteuid() == 0 }
  /// Why they cannot.
  static let missing: Comment = "needs root, and LONGSHORE_TEST_LAB with the name of a lab that runs (contrib/lab/up)"

  /// What `contrib/lab/env` says.
  private let variables: [String: String]
  let name: String

  /// The lab of the suite that runs, where it has one of its own.
  @TaskLocal static var own: Lab?

  /// Finds the lab of the suite that runs: its own, or the one that the environment names.
  static func find() async throws -> Lab {
    if let own { return own }
    return try await find(#require(name, missing))
  }

  /// Finds a lab by its name.
  static func find(_ name: String) async throws -> Lab {
    let text = try await script("env", ["--name", name])
    let prefix = "export "
    var variables: [String: String] = [:]
    for line in text.split(separator: "\n") where line.hasPrefix(prefix) {
      let parts = line.dropFirst(prefix.count).split(separator: "=", maxSplits: 1)
      // A shell's word, in which a backslash stands before what the shell would not take as it is.
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1].filter { $0 != "\\" }) }
    }
    return Lab(variables: variables, name: name)
  }

  /// How many nodes the broker has.
  var brokerNodes: Int { get throws { try #require(variables["LONGSHORE_LAB_BROKERS"].flatMap { Int($0) }) } }

  /// The broker's URL for somebody to whom nothing is forbidden, not even to send in the name of others: with all its nodes, from this
  /// machine, without TLS.
  var administratorURL: String { get throws { try #require(variables["LONGSHORE_LAB_BROKER_AS_ANYBODY"]) } }

  /// The address on which the broker's first node is there for the hosts.
  var brokerAddress: String { get throws { try #require(variables["LONGSHORE_LAB_BROKER_ADDRESS"]) } }

  /// The broker's URL for operators, with all its nodes.
  var brokerURL: String { get throws { try #require(variables["LONGSHORE_BROKER"]) } }

  /// Whether everything between the hosts goes with TLS.
  var usesTLS: Bool { get throws { try #require(variables["LONGSHORE_LAB_TLS"]) == "yes" } }

  /// The folder of everything that the lab has.
  var state: String { get throws { try #require(variables["LONGSHORE_LAB_STATE"]) } }

  /// The folder of a pool, as its host sees it.
  func folder(_ pool: Pool, on host: Host) throws -> String {
    try #require(variables["LONGSHORE_LAB_\(host.rawValue.uppercased())_\(pool.rawValue.uppercased())"])
  }
}

// MARK: - The lab's commands

extension Lab {
  /// A command that failed.
  struct CommandFailure: Error, CustomStringConvertible {
    var description: String
  }

  private static let outputLimit = 64 << 20

  /// Runs a command of `contrib/lab` and returns what it printed.
  @discardableResult
  static func script(_ command: String, _ arguments: [String]) async throws -> String {
    let result = try await run(
      .path(FilePath(Repository.path("contrib/lab/\(command)"))), arguments: Arguments(arguments),
      output: .string(limit: outputLimit), error: .string(limit: outputLimit))
    guard result.terminationStatus.isSuccess else {
      let words = ([command] + arguments).joined(separator: " ")
      throw CommandFailure(
        description: "\(words): \(result.terminationStatus): \(result.standardError)\(result.standardOutput)")
    }
    return result.standardOutput
  }

  /// Runs a command of `contrib/lab` for this lab.
  @discardableResult
  func command(_ command: String, _ arguments: String...) async throws -> String {
    try await Self.script(command, ["--name", name] + arguments)
  }

  /// Runs a command of `contrib/lab` for this lab, with arguments that were put together.
  @discardableResult
  func command(_ command: String, _ arguments: [String]) async throws -> String {
    try await Self.script(command, ["--name", name] + arguments)
  }

  /// Runs a command inside a host and returns what it printed.
  @discardableResult
  func on(_ host: Host, _ words: String...) async throws -> String {
    try await Self.script("on", ["--name", name, host.rawValue] + words)
  }

  /// Runs a program of the shell inside a host; `$1` and so on are the arguments.
  @discardableResult
  func shell(on host: Host, _ program: String, _ arguments: String...) async throws -> String {
    try await Self.script("on", ["--name", name, host.rawValue, "bash", "-euc", program, "-"] + arguments)
  }

  /// What a lab command prints, whatever its exit status.
  func report(_ command: String, _ arguments: [String]) async throws -> String {
    try await run(
      .path(FilePath(Repository.path("contrib/lab/\(command)"))), arguments: Arguments(["--name", name] + arguments),
      output: .string(limit: Self.outputLimit), error: .discarded
    ).standardOutput
  }

  /// Runs the body with a user of the broker for a gateway, whom `contrib/rabbitmq/setup` makes with the rights that it needs.
  func withGatewayUser<Value: Sendable>(_ body: (_ url: String) async throws -> Value) async throws -> Value {
    let name = "gateway"
    let control = "\(Repository.path("contrib/lab/broker")) --name \(self.name) ctl"
    let made = try await run(
      .path(FilePath(Repository.path("contrib/rabbitmq/setup"))), arguments: ["gateway", name],
      environment: .inherit.updating(["RABBITMQCTL": control]), input: .string("\(name)\n"), output: .string(limit: Self.outputLimit),
      error: .string(limit: Self.outputLimit))
    guard made.terminationStatus.isSuccess else {
      throw CommandFailure(description: "setup gateway: \(made.terminationStatus): \(made.standardError)\(made.standardOutput)")
    }
    return try await finally {
      try await body(try brokerURL.replacing("operator:operator@", with: "\(name):\(name)@"))
    } do: {
      try await command("broker", "ctl", "delete_user", name)
    }
  }

  /// Runs the body with the host's link slowed down.
  func withLink<Value: Sendable>(
    of host: Host, rate: String, _ body: () async throws -> Value
  ) async throws -> Value {
    try await command("link", host.rawValue, rate)
    return try await finally {
      try await body()
    } do: {
      try await command("link", host.rawValue, "usual")
    }
  }

  /// Cuts a host's link for so many seconds: how long it lasts is the fault.
  func cutLink(of host: Host, seconds: Int) async throws {
    try await command("link", host.rawValue, "cut")
    try await finally {
      try await Task.sleep(for: .seconds(seconds))
    } do: {
      try await command("link", host.rawValue, "restore")
    }
  }

  /// Ends a host's libvirtd with a signal, and waits until it is gone.
  func endLibvirt(on host: Host, with signal: String) async throws {
    try await shell(
      on: host, #"pid=$(pgrep -x libvirtd); kill "-$1" "$pid"; timeout 300 tail --pid="$pid" -f /dev/null"#, signal)
  }

  /// Starts a host's libvirtd.
  func startLibvirt(on host: Host) async throws { try await on(host, "libvirtd", "--daemon", "--listen") }

  /// Returns when a host runs no guest's process any more.
  func waitForNoGuest(on host: Host) async throws {
    try await shell(
      on: host,
      "for pid in $(pgrep -x qemu-system-x86 || true); do timeout 300 tail --pid=\"$pid\" -f /dev/null; done")
  }

  /// Runs the body while the host's agent is stopped.
  func withoutAgent<Value: Sendable>(on host: Host, _ body: () async throws -> Value) async throws -> Value {
    try await command("agent", "stop", host.rawValue)
    return try await finally {
      try await body()
    } do: {
      try await command("agent", "start", host.rawValue)
    }
  }
}

// MARK: - Logs

extension Lab {
  /// What a host's agent has written, in lines.
  func agentLog(of host: Host) async throws -> [Substring] { try await command("agent", "log", host.rawValue).split(separator: "\n") }

  /// Returns when a host's agent has written a text so many times after its first lines.
  func waitForAgentLog(of host: Host, _ text: String, times: Int, after lines: Int) async throws {
    try await waitForLine("\(state)/\(host)/longshored.log", text, times: times, after: lines)
  }

  /// What the broker's first node has written, in lines.
  func brokerLog() async throws -> [Substring] { try await on(.alpha, "cat", brokerLogFile).split(separator: "\n") }

  /// Returns when the broker's first node has written a text after its first lines.
  func waitForBrokerLog(_ text: String, after lines: Int) async throws {
    try await waitForLine(brokerLogFile, text, times: 1, after: lines)
  }

  private var brokerLogFile: String { get throws { try "\(state)/broker/1/log/longshore-\(name)-1@localhost.log" } }

  /// Every host sees the machine's files.
  private func waitForLine(_ file: String, _ text: String, times: Int, after lines: Int) async throws {
    try await shell(
      on: .alpha, #"[[ $(grep -F -m "$3" -- "$2" < <(exec timeout 300 tail -n "+$4" -F "$1") | wc -l) == "$3" ]]"#, file, text,
      "\(times)", "\(lines + 1)")
  }
}

// MARK: - Agents that die

extension Lab {
  /// Starts a host's agent, which dies at a point where one is given, with more in its environment.
  func startAgent(on host: Host, dyingAt point: CrashPoint? = nil, with environment: [String: String] = [:]) async throws {
    var environment = environment
    if let point { environment[CrashPoint.variable] = point.rawValue }
    try await command("agent", environment.flatMap { ["--env", "\($0)=\($1)"] } + ["start", host.rawValue])
  }

  /// Ends a host's agent and starts another one, which dies at a point where one is given, with more in its environment.
  func restartAgent(on host: Host, dyingAt point: CrashPoint? = nil, with environment: [String: String] = [:]) async throws {
    try await command("agent", "kill", host.rawValue)
    try await startAgent(on: host, dyingAt: point, with: environment)
  }

  /// What lets an agent call the operator soon.
  static let impatience = ["LONGSHORED_MIGRATION_ATTENTION_AFTER": "2s"]
  /// What lets an agent wait long for another host's first answer.
  static let patience = ["LONGSHORED_MIGRATION_ANSWER_TIMEOUT": "300s"]
}

// MARK: - What agents write

extension Lab {
  /// Runs the body and returns when a host's agent has written a text since before the body.
  func waitForLog(of host: Host, _ text: String, after body: () async throws -> Void) async throws {
    let log = try state + "/\(host)/longshored.log"
    let size = try await shell(on: host, #"stat --format %s "$1""#, log).dropLast()
    try await body()
    try await shell(
      on: host, #"grep -q -m 1 -F -e "$2" < <(exec timeout 300 tail -c "+$(($3 + 1))" -F "$1" 2>/dev/null)"#, log, text, String(size))
  }
}

// MARK: - What is in the pools

extension Lab {
  /// What is on a host: files with their inodes and modes, templates with their digests, domains with their states, pools.
  struct Inventory: Sendable {
    let lines: [Substring]

    /// Those lines that are of files.
    var files: [Substring] { lines.filter { $0.starts(with: "/") } }

    /// What is there now and was not before, and the reverse.
    func changes(since earlier: Inventory) -> [String] {
      lines.difference(from: earlier.lines).map { change in
        switch change {
        case .insert(_, let line, _): "+ \(line)"
        case .remove(_, let line, _): "- \(line)"
        }
      }
    }
  }

  /// Looks at everything in a host's pools and at its domains.
  func inventory(of host: Host) async throws -> Inventory {
    var folders: [String] = []
    for pool in Pool.allCases { folders.append(try folder(pool, on: host)) }
    let text = try await shell(
      on: host,
      """
      for folder; do
        [[ ! -d $folder ]] || find "$folder" -mindepth 1 -printf '%p %y %i %m\\n' | sort
        [[ ! -d $folder ]] || find "$folder" -mindepth 1 -maxdepth 1 -name '*.qcow2' -not -name 'guest-*' \
          -exec sha256sum {} +
      done
      for domain in $(virsh --quiet list --all --uuid); do echo "$domain $(virsh --quiet domstate "$domain")"; done | sort
      virsh --quiet list --all --autostart --uuid | sed 's/^..*/& autostart/'
      virsh --quiet pool-list --all
      """, folders[0], folders[1])
    return Inventory(lines: text.split(separator: "\n"))
  }

  /// What migrations have left on a host besides guests and templates: files in work folders, exports and those who serve them.
  func leftovers(on host: Host) async throws -> [Substring] {
    let text = try await shell(
      on: host,
      """
      for folder; do find "$folder" -mindepth 1 -path "$folder/.longshore*"; done
      find /run/longshore/exports /run/longshore/views -mindepth 1
      pgrep -a -x 'qemu-nbd|qemu-img' || true
      """, folder(.primary, on: host), folder(.secondary, on: host))
    return text.split(separator: "\n")
  }

  /// Expects that hosts have no ``leftovers(on:)``.
  func expectNoLeftovers(
    on hosts: [Host] = Host.allCases, _ comment: @autoclosure () -> Comment = "", sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    for host in hosts {
      let found = try await leftovers(on: host)
      #expect(found == [], "\(host): \(comment())", sourceLocation: sourceLocation)
    }
  }

  /// The files of a guest's disks, or under their names, in a host's pools.
  func files(of guest: Guest, on host: Host) async throws -> [Substring] {
    let text = try await shell(
      on: host, #"name=$1; shift; find "$@" -maxdepth 1 -name "$name-*""#, guest.name, folder(.primary, on: host),
      folder(.secondary, on: host))
    return text.split(separator: "\n")
  }

  /// Deletes the disks that a migration has set aside on a host.
  func removeSetAside(by id: MigrationID, on host: Host) async throws {
    for pool in Pool.allCases {
      try await on(host, "rm", "-rf", "\(folder(pool, on: host))/.longshore/\(Self.cluster).\(host)/\(id)")
      try await shell(
        on: host, #"rmdir --ignore-fail-on-non-empty "$1/$2" "$1" 2>/dev/null || true"#, "\(folder(pool, on: host))/.longshore",
        "\(Self.cluster).\(host)")
    }
  }

  /// Makes the lab as `up` leaves it: no guests, empty pools, broker and agents running. After a test that failed, what that has ended is
  /// started again, and the agents forget what they were doing in it.
  func clear() async throws {
    try await command("clear", (LabKeeping.takeBroken(name) ? ["--forget"] : []) + Host.allCases.map(\.rawValue))
  }

  /// Lets a host's agent lose its journal, and start again.
  func loseJournal(of host: Host) async throws {
    try await command("agent", "kill", host.rawValue)
    try await shell(on: host, "rm -f /var/lib/longshore/journal.sqlite*")
    try await command("agent", "start", host.rawValue)
  }
}

/// Runs the body and then, whether it failed or not, the clean-up.
func finally<Value>(
  _ body: () async throws -> Value, do cleanUp: () async throws -> Void
) async throws -> Value {
  let outcome: Result<Value, any Error>
  do {
    outcome = .success(try await body())
  } catch {
    outcome = .failure(error)
  }
  do {
    try await cleanUp()
  } catch {
    // The first failure says more than what followed from it.
    _ = try outcome.get()
    throw error
  }
  return try outcome.get()
}
