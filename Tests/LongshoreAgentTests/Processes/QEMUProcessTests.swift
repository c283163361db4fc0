import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import Testing

@testable import LongshoreAgent

@Suite("A guest's QEMU", .timeLimit(.minutes(10)))
struct QEMUProcessTests {
  @Test("is found by libvirt's note and the guest's UUID, and killed")
  func life() async throws {
    try await withTemporaryFolder { folder in
      try await Impostor.run(in: folder) { impostor in
        let qemu = try QEMUProcess(guest: impostor.name, uuid: impostor.uuid, runDirectory: folder.path)
        defer { qemu.close() }
        #expect(try !qemu.waitForEnd(limit: .zero))
        try qemu.kill()
        #expect(try qemu.waitForEnd(limit: .seconds(10)))
      }
    }
  }

  @Test("is not taken for another guest's, and not found where there is none")
  func another() async throws {
    try await withTemporaryFolder { folder in
      try await Impostor.run(in: folder) { impostor in
        func refusal(_ name: String, _ uuid: String) -> ImageError.Code? {
          do throws(ImageError) {
            try QEMUProcess(guest: name, uuid: uuid, runDirectory: folder.path).close()
            return nil
          } catch {
            return error.code
          }
        }
        #expect(refusal(impostor.name, impostor.uuid) == nil)
        #expect(refusal(impostor.name, "00000000-0000-4000-8000-000000000000") == .changed)
        #expect(refusal("another", impostor.uuid) == .notFound)
      }
    }
  }
}

/// A process that looks like a guest's QEMU: with QEMU's argument for the UUID, and noted as libvirt notes it. It lives until its input
/// ends.
private struct Impostor: Sendable {
  let name = "web-1"
  let uuid = "6a1f52f3-9d0c-4f0e-8f57-0d8a3f1f2a61"
  private let input: FileDescriptor
  private let output: FileDescriptor

  private static let program = """
    echo $$ >"$1"
    printf r
    read -r
    """

  static func run(in folder: TemporaryFolder, _ body: (Impostor) async throws -> Void) async throws {
    let input = try FileDescriptor.pipe()
    let output = try FileDescriptor.pipe()
    let impostor = Impostor(input: input.writeEnd, output: output.readEnd)
    async let process = Subprocess.run(
      .path("/bin/bash"), arguments: ["-c", program, "qemu", folder.file("\(impostor.name).pid"), "-uuid", impostor.uuid],
      input: .fileDescriptor(input.readEnd, closeAfterSpawningProcess: true),
      output: .fileDescriptor(output.writeEnd, closeAfterSpawningProcess: true), error: .discarded)
    let result = await Result {
      try await impostor.waitUntilReady()
      try await body(impostor)
    }
    try impostor.input.close()
    _ = try await process
    try impostor.output.close()
    try result.get()
  }

  /// Waits on a thread that may block: the process that answers is started by one of the few that must not.
  func waitUntilReady() async throws {
    let output = output
    let count = try await BlockingWork.run { () throws(ImageError) in
      try ImageError.wrapping("wait for the impostor") {
        var answer: [UInt8] = [0]
        return try answer.withUnsafeMutableBytes { try output.read(into: $0) }
      }
    }
    #expect(count == 1)
  }
}
