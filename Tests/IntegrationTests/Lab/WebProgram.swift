import FoundationEssentials
import LongshoreTestKit
import Subprocess
import SystemPackage
import Testing

/// A command of `longshore` that serves over HTTP and says where, on a free port.
struct WebProgram: Sendable {
  /// Where it is, as it says: `http://127.0.0.1:PORT/…`.
  let address: String
  /// Ends it at once (SIGKILL), as a crash would.
  let kill: @Sendable () throws -> Void

  /// Runs the command while the body runs.
  ///
  /// - Parameters:
  ///   - words: The command's words but for where it listens and which broker it uses.
  ///   - broker: The broker's URL; nil for that of the lab's operator.
  static func with(
    _ lab: Lab, _ words: [String], broker: String? = nil, _ body: @Sendable (WebProgram) async throws -> Void
  ) async throws {
    let longshore = try #require(Client.longshore)
    _ = try await Subprocess.run(
      .path(FilePath(longshore.program)),
      arguments: Arguments(words + ["--listen", "127.0.0.1:0", "--broker", broker ?? lab.brokerURL, "--cluster", Lab.cluster]),
      input: .none,
      output: .discarded, error: .sequence
    ) { execution in
      let lines = execution.standardError
      let (addresses, teller) = AsyncStream.makeStream(of: String.self)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          var text = ""
          for try await buffer in lines {
            text += String(decoding: buffer.withUnsafeBytes { [UInt8]($0) }, as: UTF8.self)
            guard let start = text.firstRange(of: "http://"), let end = text[start.lowerBound...].firstIndex(of: "\n") else { continue }
            teller.yield(String(text[start.lowerBound..<end]))
          }
          teller.finish()
        }
        var found: String?
        for await address in addresses {
          found = address
          break
        }
        let outcome: Result<Void, any Error>
        do {
          let address = try #require(found, "longshore \(words.first ?? "") does not listen")
          try await body(WebProgram(address: address) { try execution.send(signal: .kill) })
          outcome = .success(())
        } catch {
          outcome = .failure(error)
        }
        // One that the body has killed is not there any more.
        try? execution.send(signal: .terminate)
        try await group.waitForAll()
        try outcome.get()
      }
    }
  }
}
