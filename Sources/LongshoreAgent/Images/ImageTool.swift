internal import Subprocess
internal import SystemPackage

/// Runs one of QEMU's image programs: arguments as a list (never a shell), bounded output, a time limit, and messages
/// in English.
struct ImageTool: Sendable {
  /// The program, by name in `PATH` or by absolute path.
  let program: String

  /// The most that a program may print, in bytes.
  static let outputLimit = 4 << 20

  /// Runs the program and gives what it printed.
  ///
  /// When the time is over or the task is cancelled, the program gets `SIGTERM` and, after two seconds, `SIGKILL`. A
  /// program that waits for a dead NFS server dies only when the server answers; the call takes that long then.
  ///
  /// - Parameters:
  ///   - input: What the program reads on its standard input; nothing is like an empty file.
  ///   - successes: The exit codes that are no failures.
  /// - Throws: `toolFailed` with what the program said on standard error, `timedOut`, `cancelled`, `toolMissing`.
  @discardableResult
  func run(
    _ arguments: [String], input: [UInt8] = [], successes: Set<CInt> = [0], operation: String, limit: Duration
  ) async throws(ImageError) -> [UInt8] {
    let configuration = try await configuration(arguments, operation: operation)
    let result = try await Self.mapErrors(operation: operation) {
      try await withTimeLimit(limit, operation: operation) {
        let result = try await Subprocess.run(
          configuration, input: .fileDescriptor(Self.pipe(of: input), closeAfterSpawningProcess: true),
          output: .bytes(limit: Self.outputLimit), error: .string(limit: Self.outputLimit))
        return (result.terminationStatus, result.standardOutput, result.standardError)
      }
    }
    if case .exited(let code) = result.0, successes.contains(code) { return result.1 }
    try Self.check(result.0, message: result.2, operation: operation)
    return result.1
  }

  /// A pipe from which these bytes can be read, and then no more.
  ///
  /// They are in it before the program starts. Subprocess 1.0 ends this process where a program that it writes to ends before it has read
  /// all, or even before the writing has begun.
  private static func pipe(of bytes: [UInt8]) throws -> FileDescriptor {
    // What a pipe takes without a reader (`pipe(7)`): a passphrase is far shorter.
    guard bytes.count <= 4096 else { throw Errno.messageTooLong }
    // Subprocess closes in each program that it starts what is not meant for it.
    let (reading, writing) = try FileDescriptor.pipe()
    do {
      try writing.closeAfter { _ = try writing.writeAll(bytes) }
    } catch {
      try? reading.close()
      throw error
    }
    return reading
  }

  /// How the program is started.
  ///
  /// - Throws: `toolMissing`.
  func configuration(_ arguments: [String], operation: String) async throws(ImageError) -> Configuration {
    var options = PlatformOptions()
    options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
    let environment = Environment.inherit.updating(["LC_ALL": "C"])
    let executable: Executable = program.hasPrefix("/") ? .path(FilePath(program)) : .name(program)
    // A name would be tried in each folder of `PATH` by a process of its own.
    let path = try await Self.mapErrors(operation: operation) { try await executable.resolveExecutablePath(in: environment) }
    return Configuration(executable: .path(path), arguments: Arguments(arguments), environment: environment, platformOptions: options)
  }

  /// Refuses any end but a successful one.
  static func check(_ status: TerminationStatus, message: String, operation: String) throws(ImageError) {
    guard !status.isSuccess else { return }
    if Task.isCancelled { throw ImageError(.cancelled, operation: operation, message: "the task was cancelled") }
    let lines = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
    let isFull = lines.contains("No space left on device") || lines.contains("Disk quota exceeded")
    // Seen where the kernel counts a thread's time by ticks: the first measurement is a short one.
    let isUnmeasured = lines.contains("Unable to get accurate CPU usage")
    throw ImageError(
      isFull ? .noSpace : isUnmeasured ? .unmeasured : .toolFailed, operation: operation, message: lines.isEmpty ? "\(status)" : lines)
  }

  /// Turns the errors of starting and watching a program into the module's own.
  static func mapErrors<Value>(
    operation: String, _ body: () async throws -> Value
  ) async throws(ImageError) -> Value {
    do {
      return try await body()
    } catch let error as ImageError {
      throw error
    } catch let error as Errno {
      throw ImageError(error, operation: operation)
    } catch is CancellationError {
      throw ImageError(.cancelled, operation: operation, message: "the task was cancelled")
    } catch let error as SubprocessError {
      if Task.isCancelled { throw ImageError(.cancelled, operation: operation, message: "the task was cancelled") }
      throw ImageError(
        error.code == .executableNotFound ? .toolMissing : .toolFailed, operation: operation,
        message: error.description)
    } catch {
      throw ImageError(.system, operation: operation, message: "\(error)")
    }
  }
}

/// Cancels a body that takes longer than a limit, and waits for its end.
///
/// - Throws: ``ImageError`` with `timedOut`, or what the body throws.
func withTimeLimit<Value: Sendable>(
  _ limit: Duration, operation: String, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: limit)
      return nil
    }
    defer { group.cancelAll() }
    guard case let value?? = try await group.next() else {
      throw ImageError(.timedOut, operation: operation, message: "it took longer than \(limit)")
    }
    return value
  }
}
