import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Subprocess
import SystemPackage
import Testing

/// A program that talks to agents, as an operator or an orchestrator runs it.
struct Client: Sendable {
  /// How a program ended and what it wrote.
  struct Ending: Sendable {
    let code: Int32?
    let output: String
    let error: String
  }

  /// `longshore`: where the environment says, else beside the tests.
  static let longshore: Client? = {
    let environment = ProcessInfo.processInfo.environment
    let path =
      environment["LONGSHORE_TEST_CLI"]
      ?? FilePath(ProcessInfo.processInfo.arguments[0]).removingLastComponent().appending("longshore").string
    return FileManager.default.isExecutableFile(atPath: path) ? Client(program: path, arguments: []) : nil
  }()
  static let missingLongshore: Comment = "there is no program longshore beside the tests, and LONGSHORE_TEST_CLI names none"

  /// The example of an orchestrator in Python.
  static let pika: Client? = {
    guard let python = ProcessInfo.processInfo.environment["LONGSHORE_TEST_PYTHON"] else { return nil }
    return Client(program: python, script: "contrib/examples/migrate.py")
  }()
  static let missingPika: Comment = "LONGSHORE_TEST_PYTHON names no Python that has pika"

  /// The example of an orchestrator in Go.
  static let go: Client? = CloudStackClient.goPrograms.map { Client(program: FilePath($0).appending("migrate").string) }
  static let missingGo = CloudStackClient.missingGo

  let program: String
  private let arguments: [String]

  init(program: String, arguments: [String] = []) {
    self.program = program
    self.arguments = arguments
  }

  /// A script of this repository, with what interprets it.
  init(program: String, script: String) { self.init(program: program, arguments: [Repository.path(script)]) }

  /// Runs the program to its end.
  func callAsFunction(_ words: String...) async throws -> Ending { try await run(words) }

  /// Runs the program to its end, with more in its environment.
  func run(_ words: [String], environment: [Environment.Key: String?] = [:]) async throws -> Ending {
    let result = try await Subprocess.run(
      .path(FilePath(program)), arguments: Arguments(arguments + words), environment: .inherit.updating(environment),
      output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
    guard case .exited(let code) = result.terminationStatus else {
      return Ending(code: nil, output: result.standardOutput, error: result.standardError)
    }
    return Ending(code: code, output: result.standardOutput, error: result.standardError)
  }
}

extension MigrationTests {
  /// Migrations that programs order.
  @Suite(.serialized) struct Clients {
    @Test("longshore: a dry run, refused and passed, and a migration", .enabled(if: Client.longshore != nil, Client.missingLongshore))
    func command() async throws {
      let longshore = try #require(Client.longshore)
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let url = try lab.brokerURL
          let trace = try #require(TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
          func migrate(_ words: String...) async throws -> Client.Ending {
            try await longshore.run(
              ["migrate", guest.name, "--from", "alpha", "--to", "beta", "--broker", url, "--cluster", Lab.cluster] + words,
              environment: ["TRACEPARENT": trace.traceparent])
          }
          var estimate: MigrationEstimate?
          try await expectUnchanged(guest) {
            let refused = try await migrate("--dry-run", "--pool", "nowhere")
            #expect(refused.code == 3, "\(refused)")
            #expect(refused.output.contains("nowhere"))
            let passed = try await migrate("--dry-run")
            #expect(passed.code == 0, "\(passed)")
            #expect(passed.output.contains("Expected: about "))
            let answer = try await migrate("--dry-run", "--format", "json")
            let reply = try MessageCoding.read(Reply.self, from: Array(answer.output.utf8))
            guard case .checked(let checks, let disks, let found) = reply.body else {
              Issue.record("\(reply)")
              return
            }
            #expect(checks.allSatisfy { $0.outcome != .refused } && disks.count == found?.disks.count)
            estimate = found
            let rejected = try await longshore(
              "migrate", "nobody", "--from", "alpha", "--to", "beta", "--broker", url, "--cluster", Lab.cluster)
            #expect(rejected.code == 3, "\(rejected)")
            #expect(rejected.output.isEmpty)
            #expect(rejected.error.contains(Reason.Code.unknownGuest.text))
          }
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let moved = try await migrate("--format", "json")
          #expect(moved.code == 0, "\(moved)")
          let event = try MessageCoding.decode(MigrationEvent.self, from: Array(moved.output.utf8))
          try await expectMoved(guest, from: .alpha, id: event.subject, end: event.data, disks: disks)
          try await guest.verify(.alpha, .beta).expectGood()
          let traces = try await orchestrator.history(of: event.subject).map(\.trace) + orchestrator.progressTraces(of: event.subject)
          #expect(traces.allSatisfy { $0 == trace }, "\(traces)")
          try expect(try #require(estimate), of: try #require(event.data.bytes))
        }
      }
    }

    @Test("longshore: Ctrl-C ends the following, and the migration goes on", .enabled(if: Client.longshore != nil, Client.missingLongshore))
    func interrupted() async throws {
      let longshore = try #require(Client.longshore)
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let id = try Orchestrator.newID()
          let words = [
            "migrate", guest.name, "--from", "alpha", "--to", "beta", "--id", id.text, "--broker", try lab.brokerURL, "--cluster",
            Lab.cluster,
          ]
          let status = try await lab.withLink(of: .beta, rate: "50mbit") {
            let ending = try await Subprocess.run(
              .path(FilePath(longshore.program)), arguments: Arguments(words), input: .none, output: .discarded, error: .sequence
            ) { execution in
              let lines = execution.standardError
              let reading = Task {
                try await lines.reduce(into: "") { $0 += String(decoding: $1.withUnsafeBytes { [UInt8]($0) }, as: UTF8.self) }
              }
              // The command has asked for signals before it gave the order.
              return try await finally {
                try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              } do: {
                try execution.send(signal: .interrupt)
                let text = try await reading.value
                #expect(text.contains("longshore watch \(id)"), "\(text)")
              }
            }
            return ending.terminationStatus
          }
          #expect(status == .exited(130))
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
          try await guest.verify(.alpha, .beta).expectGood()
        }
      }
    }

    @Test("bash completes the hosts that answer", .enabled(if: Client.longshore != nil, Client.missingLongshore))
    func completion() async throws {
      let longshore = try #require(Client.longshore)
      let lab = try await Lab.find()
      try await lab.clear()
      let script = #"""
        set -euo pipefail
        source <("$1" --generate-completion-script bash)
        COMP_WORDS=("$1" migrate --to "$2") COMP_CWORD=3 COMP_LINE="$1 migrate --to $2"
        COMP_POINT=${#COMP_LINE}
        _longshore "$1" "$2" --to
        printf '%s\n' "${COMPREPLY[@]}"
        """#
      for (typed, offered) in [("", "alpha\nbeta\n"), ("b", "beta\n")] {
        let ending = try await Client(program: "/bin/bash").run(
          ["-c", script, "bash", longshore.program, typed],
          environment: [
            "LONGSHORE_BROKER": try lab.brokerURL, "LONGSHORE_CLUSTER": Lab.cluster, "LONGSHORE_COMPLETION_TIMEOUT": "10s",
          ])
        #expect(ending.code == 0 && ending.output == offered, "\(ending)")
      }
    }

    @Test("a program with pika, written from the contract", .enabled(if: Client.pika != nil, Client.missingPika))
    func pika() async throws {
      let pika = try #require(Client.pika)
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let id = try Orchestrator.newID()
          let ending = try await pika(
            "--broker", lab.brokerURL, "--cluster", Lab.cluster, "--from", "alpha", "--to", "beta", "--guest", guest.name, "--id",
            id.text)
          #expect(ending.code == 0, "\(ending)")
          #expect(ending.output.contains("completed"))
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
        }
      }
    }

    @Test("a program in Go, with amqp091-go", .enabled(if: Client.go != nil, Client.missingGo))
    func inGo() async throws {
      let program = try #require(Client.go)
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let ending = try await program.run(
            [Lab.cluster, "alpha", "beta", guest.name],
            environment: ["LONGSHORE_BROKER": try lab.brokerURL, "SSL_CERT_FILE": "\(try lab.state)/tls/ca.pem"])
          #expect(ending.code == 0, "\(ending)")
          #expect(ending.output.hasSuffix("the guest runs on beta\n"), "\(ending)")
          let id = try #require(ending.output.split(separator: "\n").first?.split(separator: " ").last.flatMap { MigrationID(String($0)) })
          let end = try await orchestrator.end(of: id)
          try await expectMoved(guest, from: .alpha, id: id, end: end, disks: disks)
        }
      }
    }
  }
}

/// Expects that no less was moved than was estimated, about: a guest that takes longer writes more meanwhile. How near it is on which
/// guests `contrib/bench-estimate` tells.
private func expect(_ estimate: MigrationEstimate, of moved: MigrationEventData.Bytes) throws {
  #expect(estimate.converges == true)
  #expect(try #require(estimate.seconds) > 0 && estimate.downtimeMs ?? 0 > 0)
  #expect(estimate.link.toDestinationBps ?? 0 > 1 << 20 && estimate.link.fromDestinationBps ?? 0 > 1 << 20)
  #expect(estimate.bytes.template == moved.template)
  #expect(Double(estimate.bytes.disks) < Double(moved.disks) * 1.5, "\(estimate.bytes) \(moved)")
  #expect(Double(estimate.bytes.memory) < Double(moved.memory) * 2.5, "\(estimate.bytes) \(moved)")
  #expect(estimate.memory.dirtyBps != nil && estimate.memory.used != nil)
  #expect(estimate.disks.allSatisfy { $0.writeBps != nil })
  for pool in estimate.pools { #expect(pool.availableAfter <= pool.availableBefore && pool.availableBefore <= pool.capacity) }
}
