internal import Glibc
internal import SystemPackage

/// A running `qemu-nbd` that serves the bytes of one image file; ``NBDExporter`` starts it.
///
/// The server is a process of its own that outlives the agent, so this is a value that may be written down and used
/// later: ``stop()`` ends that very process and no other.
struct NBDExport: Sendable, Hashable, Codable {
  /// Where clients find it.
  let endpoint: NBDEndpoint
  /// The server.
  let process: ProcessIdentity
  /// The file with the process's number, which also is in the process's arguments.
  let pidFile: String

  /// Where clients find it, as a URI.
  var uri: String { endpoint.uri }

  /// Ends the server; does nothing when it has ended.
  func stop() async throws(ImageError) {
    try await process.end()
    await Self.removeFiles(of: pidFile)
  }
}

extension NBDExport {
  /// The argument that names the pid file, by which a server is known.
  static func argument(for pidFile: String) -> String { "--pid-file=\(pidFile)" }

  /// How the names of the files end that tell about a server.
  static let suffixes = [".pid", ".log", ".sock"]

  /// The file for what the server says on standard error.
  static func logFile(of pidFile: String) -> String { "\(pidFile.dropLast(".pid".count)).log" }

  /// The process that a pid file names, if it was started with this very file.
  static func running(_ pidFile: String) async -> ProcessIdentity? {
    let text = await text(of: pidFile)
    guard let pid = text.split(whereSeparator: \.isWhitespace).first.flatMap({ Int32($0) }),
      let process = ProcessIdentity(pid: pid), process.arguments.contains(argument(for: pidFile))
    else { return nil }
    return process
  }

  static func removeFiles(of pidFile: String) async {
    _ = try? await BlockingWork.run { () throws(ImageError) -> Void in
      unlink(pidFile)
      unlink(logFile(of: pidFile))
    }
  }

  /// The beginning of a small file; empty when it cannot be read.
  static func text(of path: String) async -> String {
    let text = try? await BlockingWork.run { () throws(ImageError) -> String in
      try ImageError.wrapping("read \(path)") {
        let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
        return try file.closeAfter {
          try String(unsafeUninitializedCapacity: 16 << 10) { try file.read(into: .init($0)) }
        }
      }
    }
    return text ?? ""
  }
}
