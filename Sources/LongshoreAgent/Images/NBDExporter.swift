internal import Glibc
internal import Subprocess
internal import SystemPackage

/// Serves image files to other hosts with `qemu-nbd`, read-only.
///
/// A file is served raw whatever its format, so that a client gets it byte for byte.
struct NBDExporter: Sendable {
  /// The address to listen on.
  let address: String
  /// The ports to choose from; each export has one.
  let ports: ClosedRange<UInt16>
  /// The folder for what tells about running exports: this agent's own. It must exist.
  let directory: String
  /// The connections that may be open at once to one export.
  let connections: Int
  /// The folder of the server's X.509 credentials, as QEMU names them (`ca-cert.pem`, `server-cert.pem`,
  /// `server-key.pem`); clients must then show a certificate of the same authority. `nil` for no TLS.
  let credentials: String?
  let tool: ImageTool

  /// How long a server may take to open the image and listen.
  private static let limit = Duration.seconds(30)

  init(
    address: String, ports: ClosedRange<UInt16>, directory: String, connections: Int = 8,
    credentials: String? = nil, program: String = "qemu-nbd"
  ) {
    self.address = address
    self.ports = ports
    self.directory = directory
    self.connections = connections
    self.credentials = credentials
    self.tool = ImageTool(program: program)
  }

  /// Starts a server and waits until it listens.
  ///
  /// The ports are tried in order, each by really listening on it. `qemu-nbd --fork` returns when it listens.
  ///
  /// - Parameters:
  ///   - path: the absolute path of the image file.
  ///   - name: the name of the export: letters, digits, `-`, `.` and `_`. It is never used again, since ports are: a
  ///     client that comes late must not find another file.
  /// - Throws: `noFreePort`; `toolFailed` with what `qemu-nbd` said; `toolMissing`; `invalidArgument`.
  func export(path: String, name: String) async throws(ImageError) -> NBDExport {
    let operation = "export \(path) as \(name)"
    try ImageError.check(path: path, operation: operation)
    for port in ports {
      let endpoint = try NBDEndpoint(host: address, port: port, export: name, usesTLS: credentials != nil)
      if let export = try await start(path, at: endpoint, operation: operation) { return export }
    }
    throw ImageError(
      .noFreePort, operation: operation,
      message: "all ports from \(ports.lowerBound) to \(ports.upperBound) of \(address) are in use")
  }

  /// Ends the servers that another run of the agent left, and removes all that tells about them.
  ///
  /// A process is a leftover when its arguments name a pid file of the directory, whether it has written it or not: the other run may have
  /// ended while the server started. So this comes before the first export.
  ///
  /// - Returns: the processes that were ended.
  @discardableResult
  func endLeftovers() async throws(ImageError) -> [ProcessIdentity] {
    let ended = try await endServers(ofPidFile: "\(directory)/")
    let directory = directory
    for name in try await names() where NBDExport.suffixes.contains(where: name.hasSuffix) { unlink("\(directory)/\(name)") }
    return ended
  }

  /// Ends the servers that were started with a pid file whose path begins so, whether they have written it or not.
  @discardableResult
  private func endServers(ofPidFile prefix: String) async throws(ImageError) -> [ProcessIdentity] {
    var ended: [ProcessIdentity] = []
    // One that starts goes to the background as a process of its own, which may come between the looking and the ending.
    while case let servers = try await servers(ofPidFile: prefix), !servers.isEmpty {
      for server in servers { try await server.end() }
      ended += servers
    }
    return ended
  }

  private func servers(ofPidFile prefix: String) async throws(ImageError) -> [ProcessIdentity] {
    let argument = NBDExport.argument(for: prefix)
    let program = PathText.name(of: tool.program)
    return try await BlockingWork.run { () throws(ImageError) in
      try ProcessIdentity.all().filter { process in
        let arguments = process.arguments
        // Not who only looks for such a server.
        return arguments.contains { PathText.name(of: $0) == program } && arguments.contains { $0.hasPrefix(argument) }
      }
    }
  }

  /// Ends the server of a pid file, where it runs and was started with this very file, and forgets it.
  ///
  /// - Returns: The process that was ended; nil where there was none.
  @discardableResult
  func end(_ pidFile: String) async throws(ImageError) -> ProcessIdentity? {
    let process = await NBDExport.running(pidFile)
    try await process?.end()
    await NBDExport.removeFiles(of: pidFile)
    return process
  }

  /// The pid files of all servers that were started here, whether they run or not.
  func pidFiles() async throws(ImageError) -> [String] {
    try await names().filter { $0.hasSuffix(".pid") }.map { "\(directory)/\($0)" }
  }

  private func names() async throws(ImageError) -> [String] {
    let directory = directory
    return try await BlockingWork.run { () throws(ImageError) in
      try FolderListing.names(in: directory, operation: "list the exports in \(directory)")
    }
  }

  /// One attempt; `nil` when the port is in use.
  private func start(
    _ path: String, at endpoint: NBDEndpoint, operation: String
  ) async throws(ImageError) -> NBDExport? {
    // One of its own for each attempt: the same layer may be asked for again while its server starts, and an attempt that finds the port
    // in use clears away what it has made itself.
    let attempt = String(UInt32.random(in: 0 ... .max), radix: 16)
    let pidFile = "\(directory)/\(endpoint.export)-\(endpoint.port).\(attempt).pid"
    do throws(ImageError) {
      try await run(path, at: endpoint, pidFile: pidFile, operation: operation)
      guard let process = await NBDExport.running(pidFile) else {
        throw ImageError(.toolFailed, operation: operation, message: "qemu-nbd ended at once")
      }
      return NBDExport(endpoint: endpoint, process: process, pidFile: pidFile)
    } catch {
      let isInUse = error.message.contains("Address already in use")
      // What goes to the background outlives the program that was started, when that is ended by a cancellation or after too long a time,
      // and listens then for ever. One that says that the port is in use has ended.
      if !isInUse { _ = try? await endServers(ofPidFile: pidFile) }
      await NBDExport.removeFiles(of: pidFile)
      if isInUse { return nil }
      throw error
    }
  }

  private func run(
    _ path: String, at endpoint: NBDEndpoint, pidFile: String, operation: String
  ) async throws(ImageError) {
    try await start(arguments(for: path, at: endpoint, pidFile: pidFile), with: tool, pidFile: pidFile, operation: operation)
  }

  /// Starts a server that goes to the background when it listens.
  func start(_ arguments: [String], with tool: ImageTool, pidFile: String, operation: String) async throws(ImageError) {
    let logFile = NBDExport.logFile(of: pidFile)
    let configuration = try await tool.configuration(arguments, operation: operation)
    let status = try await ImageTool.mapErrors(operation: operation) {
      // A file and not a pipe: the server keeps its standard error, and a pipe would stay open as long as it runs.
      let log = try FileDescriptor.open(
        FilePath(logFile), .writeOnly, options: [.create, .truncate, .noFollow, .closeOnExec],
        permissions: [.ownerReadWrite])
      return try await withTimeLimit(Self.limit, operation: operation) {
        try await Subprocess.run(
          configuration, input: .none, output: .discarded,
          error: .fileDescriptor(log, closeAfterSpawningProcess: true)
        ).terminationStatus
      }
    }
    let message = status.isSuccess ? "" : await NBDExport.text(of: logFile)
    try ImageTool.check(status, message: message, operation: operation)
  }

  private func arguments(for path: String, at endpoint: NBDEndpoint, pidFile: String) -> [String] {
    var arguments = [
      "--read-only", "--format=raw", "--fork", "--persistent", "--shared=\(connections)",
      "--bind=\(endpoint.host)", "--port=\(endpoint.port)", "--export-name=\(endpoint.export)",
      NBDExport.argument(for: pidFile),
    ]
    if let credentials {
      arguments += [
        "--object", "tls-creds-x509,id=tls0,endpoint=server,verify-peer=yes,dir=\(QEMUOption.escape(credentials))",
        "--tls-creds=tls0",
      ]
    }
    return arguments + [path]
  }
}
