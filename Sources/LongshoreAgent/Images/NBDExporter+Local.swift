internal import Glibc
internal import Subprocess
internal import SystemPackage

/// A running `qemu-nbd` that serves a disk, as a guest sees it, at a Unix socket; ``NBDExporter`` starts it.
struct LocalExport: Sendable {
  /// The name of the one export.
  static let name = "disk"

  /// The socket's path.
  let socket: String
  let process: ProcessIdentity
  let pidFile: String

  /// Ends the server; does nothing when it has ended.
  func stop() async throws(ImageError) {
    try await process.end()
    await NBDExport.removeFiles(of: pidFile)
    Self.removeSocket(socket)
  }

  static func removeSocket(_ path: String) { unlink(path) }
}

extension NBDExporter {
  /// Serves a disk, with all layers below it, read-only and to this agent alone. The server gives way to whatever else wants the
  /// processor or the storage.
  ///
  /// - Parameters:
  ///   - path: The absolute path of the disk's file.
  ///   - format: `qcow2` or `raw`.
  ///   - name: What tells it from other exports.
  /// - Throws: `toolFailed` with what `qemu-nbd` said; `toolMissing`.
  func exportHere(path: String, format: String, name: String) async throws(ImageError) -> LocalExport {
    let operation = "read \(path) as \(format)"
    try ImageError.check(path: path, operation: operation)
    // Named as the exports of layers are, which end with their port.
    let pidFile = "\(directory)/\(name)-0.pid"
    let socket = "\(directory)/\(name).sock"
    // Of an agent that has died; its server was ended at the start of this one.
    LocalExport.removeSocket(socket)
    do throws(ImageError) {
      try await start(
        [
          "--class", "3", "nice", "-n", "19", tool.program, "--read-only", "--format=\(format)", "--fork", "--persistent", "--shared=1",
          "--socket=\(socket)", "--export-name=\(LocalExport.name)", NBDExport.argument(for: pidFile), path,
        ], with: ImageTool(program: "ionice"), pidFile: pidFile, operation: operation)
      guard let process = await NBDExport.running(pidFile) else {
        throw ImageError(.toolFailed, operation: operation, message: "qemu-nbd ended at once")
      }
      return LocalExport(socket: socket, process: process, pidFile: pidFile)
    } catch {
      // The server may have got as far as listening before the task was cancelled.
      if let process = await NBDExport.running(pidFile) { try await process.end() }
      await NBDExport.removeFiles(of: pidFile)
      LocalExport.removeSocket(socket)
      throw error
    }
  }
}
