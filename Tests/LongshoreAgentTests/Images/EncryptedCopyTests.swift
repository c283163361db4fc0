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
        let copied = try await copy(export, in: folder, credentials: "ours", serverName: "host-a")
        #expect(copied == bytes)
        await #expect(throws: ImageError.self, "a server of another name") {
          try await copy(export, in: folder, credentials: "ours", serverName: "host-b")
        }
        await #expect(throws: ImageError.self, "an authority of its own") {
          try await copy(export, in: folder, credentials: "other", serverName: "host-a")
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

  private func copy(
    _ export: NBDExport, in folder: TemporaryFolder, credentials: String, serverName: String
  ) async throws -> [UInt8] {
    let file = try await ExclusiveFile.create(at: folder.file("copy"))
    let result = await Result {
      try await TemplateCopy(
        from: export.endpoint, to: file, byteCount: 1 << 20, credentials: folder.file(credentials),
        serverName: serverName
      ).run { _ in }
      return try folder.read(file.path)
    }
    _ = try await file.remove()
    return try result.get()
  }

  /// Makes an authority and certificates for a server `host-a` and a client, under the names that QEMU wants.
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
        "-subj", "/CN=host-a", "-addext", "subjectAltName=DNS:host-a", "-addext", "extendedKeyUsage=\(usage)",
        "-addext", "basicConstraints=critical,CA:FALSE", "-CA", "\(authority)-cert.pem", "-CAkey",
        "\(authority)-key.pem", "-keyout", "\(prefix)-key.pem", "-out", "\(prefix)-cert.pem")
    }
  }
}
