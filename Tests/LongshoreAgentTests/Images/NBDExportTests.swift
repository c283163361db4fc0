import FoundationEssentials
import Glibc
import Subprocess
import Testing

@testable import LongshoreAgent

@Suite("Exports over NBD", .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing))
struct NBDExportTests {
  @Test("An export serves the bytes of the file, read-only, until it is stopped")
  func serves() async throws {
    try await withTemporaryFolder { folder in
      let bytes = noise(1 << 20)
      let path = try folder.write(bytes, to: "a,b.qcow2")
      let export = try await ExportFixture.exporter(in: folder).export(path: path, name: folder.name)
      #expect(export.uri == "nbd://127.0.0.1:\(export.endpoint.port)/\(folder.name)")
      #expect(export.process.isRunning)
      try await folder.run("qemu-img", "convert", "-f", "raw", "-O", "raw", export.uri, folder.file("out"))
      #expect(try folder.read(folder.file("out")) == bytes)
      await #expect(throws: TemporaryFolder.ProgramFailed.self) {
        try await folder.run("qemu-io", "-f", "raw", "-c", "write 0 512", export.uri)
      }
      try await export.stop()
      #expect(!export.process.isRunning)
      #expect(!folder.exists(export.pidFile))
      try await export.stop()
    }
  }

  @Test("Ports that are taken are passed over, and a full range is told")
  func ports() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(512), to: "a")
      let first = try await ExportFixture.exporter(in: folder).export(path: path, name: "\(folder.name)-one")
      let port = first.endpoint.port
      let exporter = ExportFixture.exporter(in: folder, ports: port...port)
      let error = await #expect(throws: ImageError.self) { try await exporter.export(path: path, name: "\(folder.name)-two") }
      #expect(error?.code == .noFreePort)
      #expect(first.process.isRunning)
      let second = try await ExportFixture.exporter(in: folder, ports: port...65_535).export(path: path, name: "\(folder.name)-two")
      #expect(second.endpoint.port > port)
      try await first.stop()
      try await second.stop()
    }
  }

  @Test("Exports of one name that start at the same time do not end each other")
  func sameName() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(512), to: "a")
      let exporter = ExportFixture.exporter(in: folder)
      let exports = try await withThrowingTaskGroup(of: NBDExport.self) { group in
        for _ in 0..<4 { group.addTask { try await exporter.export(path: path, name: folder.name) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(exports.filter { !$0.process.isRunning } == [])
      #expect(Set(exports.map(\.endpoint.port)).count == 4)
      for export in exports { try await export.stop() }
      #expect(try await exporter.pidFiles() == [])
    }
  }

  @Test("A file that cannot be served leaves no server and no files")
  func failure() async throws {
    try await withTemporaryFolder { folder in
      let error = await #expect(throws: ImageError.self) {
        try await ExportFixture.exporter(in: folder).export(path: folder.file("none"), name: folder.name)
      }
      #expect(error?.code == .toolFailed)
      #expect(error?.message.contains("No such file or directory") == true)
      let left = try await ExportFixture.exporter(in: folder).endLeftovers()
      #expect(left.isEmpty)
      for name in ["a b", "a/b", "", "a,b"] {
        let error = await #expect(throws: ImageError.self) {
          try await ExportFixture.exporter(in: folder).export(path: folder.file("none"), name: name)
        }
        #expect(error?.code == .invalidArgument)
      }
    }
  }

  @Test("A server in the background that is not ready when it is given up is ended")
  func givenUp() async throws {
    try await withTemporaryFolder { folder in
      try await folder.run("mkfifo", "started", "never")
      let program = try folder.write(
        Array(
          """
          #!/bin/sh
          (read -r _ <'\(folder.file("never"))') &
          echo >'\(folder.file("started"))'
          wait

          """.utf8), to: "qemu-nbd")
      #expect(chmod(program, 0o700) == 0)
      let port = ExportFixture.exporter(in: folder).ports.lowerBound
      let exporter = NBDExporter(address: "127.0.0.1", ports: port...port, directory: folder.path, program: program)
      let exporting = Task { try await exporter.export(path: folder.file("a"), name: folder.name) }
      try await folder.run("cat", "started")
      exporting.cancel()
      await #expect(throws: ImageError.self) { try await exporting.value }
      #expect(try await exporter.endLeftovers() == [])
      #expect(try await exporter.pidFiles() == [])
    }
  }

  @Test("Another run's exports are found and ended")
  func leftovers() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(512), to: "a")
      let exporter = ExportFixture.exporter(in: folder)
      let left = try await exporter.export(path: path, name: folder.name)
      #expect(try await exporter.endLeftovers() == [left.process])
      #expect(!left.process.isRunning)
      #expect(try await exporter.endLeftovers().isEmpty)
    }
  }

  @Test("What another run left of a server that was still starting is ended and removed too")
  func startedLeftovers() async throws {
    try await withTemporaryFolder { folder in
      let exporter = ExportFixture.exporter(in: folder)
      let left = try await exporter.export(path: try folder.write(noise(512), to: "a"), name: folder.name)
      // As it is before the server has written its number.
      #expect(unlink(left.pidFile) == 0)
      _ = try folder.write([], to: "\(folder.name)-10809.0.log")
      #expect(try await exporter.endLeftovers() == [left.process])
      #expect(!left.process.isRunning)
      #expect(try FolderListing.names(in: folder.path, operation: "list") == ["a"])
    }
  }

  @Test("Who only looks for a server is left alone")
  func onlookers() async throws {
    try await withTemporaryFolder { folder in
      let exporter = ExportFixture.exporter(in: folder)
      _ = try await Subprocess.run(
        .name("tail"), arguments: ["-f", "--", "/dev/null", "--pid-file=\(folder.path)/a-10809.0.pid"], input: .none, output: .discarded,
        error: .discarded
      ) { execution in
        let process = try #require(ProcessIdentity(pid: execution.processIdentifier.value))
        #expect(try await exporter.endLeftovers().isEmpty)
        #expect(process.isRunning)
        try await process.end()
      }
    }
  }

  @Test("A process that got the number of an ended server is left alone")
  func recycledNumber() async throws {
    try await withTemporaryFolder { folder in
      let exporter = ExportFixture.exporter(in: folder)
      _ = try await Subprocess.run(
        .name("sleep"), arguments: ["600"], input: .none, output: .discarded, error: .discarded
      ) { execution in
        let pid = execution.processIdentifier.value
        let process = try #require(ProcessIdentity(pid: pid))
        _ = try folder.write(Array("\(pid)\n".utf8), to: "old-10809.pid")
        #expect(try await exporter.endLeftovers().isEmpty)
        #expect(process.isRunning)
        #expect(!folder.exists(folder.file("old-10809.pid")))

        let earlier = try #require(ProcessIdentity(pid: getpid()))
        #expect(earlier != process)
        try await Self.impostor(of: process).end()
        #expect(process.isRunning)
        try await process.end()
        #expect(!process.isRunning)
      }
    }
  }

  /// The identity of an earlier process of the same number.
  private static func impostor(of process: ProcessIdentity) throws -> ProcessIdentity {
    try JSONDecoder().decode(
      ProcessIdentity.self, from: Data(#"{"pid": \#(process.pid), "startTime": \#(process.startTime - 1)}"#.utf8))
  }

  @Test("A server that ignores the first signal is killed")
  func stubborn() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(512), to: "a")
      let export = try await ExportFixture.exporter(in: folder).export(path: path, name: folder.name)
      #expect(kill(export.process.pid, SIGSTOP) == 0)
      try await export.process.end(grace: .milliseconds(50))
      #expect(!export.process.isRunning)
    }
  }
}
