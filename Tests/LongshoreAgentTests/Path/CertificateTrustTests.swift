import Digests
import Testing

@Suite("Certificates")
struct CertificateTrustTests {
  @Test("are trusted by whom an authority of theirs is, for what they were made for, and while they are valid")
  func trust() async throws {
    try await withTemporaryFolder { folder in
      func openssl(_ words: String...) async throws { try await folder.run("openssl", words) }
      func content(_ name: String) throws -> [UInt8] { try folder.read(folder.file(name)) }
      for name in ["ca", "other"] {
        try await openssl(
          "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)", "-keyout",
          "\(name).key", "-out", "\(name).pem")
      }
      try await openssl("req", "-new", "-key", "ca.key", "-subj", "/CN=host", "-out", "host.csr")
      _ = try folder.write(Array("extendedKeyUsage=serverAuth".utf8), to: "server.ext")
      for (name, days) in [("server", "2"), ("ended", "-1")] {
        try await openssl(
          "x509", "-req", "-in", "host.csr", "-days", days, "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "server.ext", "-out",
          "\(name).pem")
      }
      let authority = try content("ca.pem")
      let server = try content("server.pem")
      #expect(Certificate.objection(to: server, trusting: authority, as: .server) == nil)
      #expect(try Certificate.objection(to: server, trusting: content("other.pem") + authority, as: .server) == nil)
      #expect(try Certificate.objection(to: server, trusting: content("other.pem"), as: .server) != nil)
      #expect(Certificate.objection(to: server, trusting: authority, as: .client)?.contains("purpose") == true)
      #expect(try Certificate.objection(to: content("ended.pem"), trusting: authority, as: .server) == "certificate has expired")
      #expect(Certificate.objection(to: server, trusting: [], as: .server) == "no authority is trusted")
      #expect(Certificate.objection(to: Array("rubbish".utf8), trusting: authority, as: .server) == "there is no certificate")
    }
  }
}
