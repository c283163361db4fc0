import Glibc
import Testing

@testable import LongshoreAgent

@Suite(
  "Copying templates over TLS",
  .enabled(if: ImagePrograms.areInstalled, ImagePrograms.missing),
  .enabled(if: access("/usr/bin/openssl", X_OK) == 0, "openssl is not installed"))
struct EncryptedCopyTests {
  @Test("Only clients with a certificate of the authority get anything, and only from the named server")
  func mutualAuthentication() async throws {
    try await withTemporaryFolder { folder in
      let bytes = noise(1 << 20)
      let path = try folder.write(bytes, to: "template")
      try await makeAuthority("ours", in: folder)
      try await makeAuthority("other", in: folder)
      let exporter = ExportFixture.exporter(in: folder, credentials: folder.file("ours"))
      let export = try await exporter.export(path: path, name: folder.name)
      #expect(export.uri.hasPrefix("nbds://127.0.0.1:"))
      let results = await Result {
        let copied = try await copy(export.endpoint, in: folder, credentials: "ours", byteCount: UInt64(bytes.count))
        #expect(copied == bytes)
        await #expect(throws: ImageError.self, "a name that the certificate does not have") {
          try await copy(named("localhost", export.endpoint), in: folder, credentials: "ours")
        }
        await #expect(throws: ImageError.self, "an authority of its own") {
          try await copy(export.endpoint, in: folder, credentials: "other")
        }
        await #expect(throws: ImageError.self, "no credentials") {
          try await copy(export.endpoint, in: folder, credentials: nil)
        }
        await #expect(throws: TemporaryFolder.ProgramFailed.self, "no TLS at all") {
          try await folder.run(
            "qemu-img", "info", "nbd://127.0.0.1:\(export.endpoint.port)/\(folder.name)")
        }
      }
      try await export.stop()
      try results.get()
    }
  }

  @Test("A client that demands TLS takes nothing from a server without")
  func downgrade() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(noise(512), to: "template")
      try await makeAuthority("ours", in: folder)
      let export = try await ExportFixture.exporter(in: folder).export(path: path, name: folder.name)
      let results = await Result {
        let error = await #expect(throws: ImageError.self) { try await copy(export.endpoint, in: folder, credentials: "ours") }
        #expect(error?.code == .invalidArgument)
        // Nor from one that only says that it has it.
        let lying = try NBDEndpoint(
          host: export.endpoint.host, port: export.endpoint.port, export: export.endpoint.export, usesTLS: true)
        let refused = await #expect(throws: ImageError.self) { try await copy(lying, in: folder, credentials: "ours") }
        #expect(refused?.code == .toolFailed)
      }
      try await export.stop()
      try results.get()
    }
  }

  private func named(_ host: String, _ endpoint: NBDEndpoint) throws -> NBDEndpoint {
    try NBDEndpoint(host: host, port: endpoint.port, export: endpoint.export, usesTLS: true)
  }

  private func copy(_ endpoint: NBDEndpoint, in folder: TemporaryFolder, credentials: String?, byteCount: UInt64 = 512) async throws
    -> [UInt8]
  {
    let file = try await ExclusiveFile.create(at: folder.file("copy"))
    let result = await Result {
      try await TemplateCopy(from: endpoint, to: file, byteCount: byteCount, credentials: credentials.map(folder.file)).run { _ in }
      return try folder.read(file.path)
    }
    _ = try await file.remove()
    return try result.get()
  }

  /// Makes an authority and certificates for a server at 127.0.0.1 and a client, under the names that QEMU wants.
  private func makeAuthority(_ name: String, in folder: TemporaryFolder) async throws {
    mkdir(folder.file(name), 0o700)
    let authority = "\(name)/ca"
    try await folder.run(
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
      "-subj", "/CN=\(name)", "-addext", "keyUsage=critical,keyCertSign", "-keyout", "\(authority)-key.pem",
      "-out", "\(authority)-cert.pem")
    for (role, usage) in [("server", "serverAuth"), ("client", "clientAuth")] {
      let prefix = "\(name)/\(role)"
      try await folder.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=host-a", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "extendedKeyUsage=\(usage)",
        "-addext", "basicConstraints=critical,CA:FALSE", "-CA", "\(authority)-cert.pem", "-CAkey",
        "\(authority)-key.pem", "-keyout", "\(prefix)-key.pem", "-out", "\(prefix)-cert.pem")
    }
  }
}
