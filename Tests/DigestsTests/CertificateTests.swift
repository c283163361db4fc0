import Digests
import LongshoreTestKit
import Testing

@Suite("Certificates")
struct CertificateTests {
  @Test("are of the names and addresses in them, and of no others")
  func names() {
    guard let certificate = Certificate(pem: Array(SampleCertificate.pem.utf8)) else {
      Issue.record("the certificate cannot be read")
      return
    }
    for name in ["beta.example.net", "BETA.example.net", "192.0.2.2"] {
      let matches = certificate.matches(name)
      #expect(matches, "\(name)")
    }
    for name in ["alpha.example.net", "beta", "192.0.2.3", "", "*.example.net"] {
      let matches = certificate.matches(name)
      #expect(!matches, "\(name)")
    }
  }

  @Test("say for how long they are valid")
  func validity() {
    let validity = Certificate(pem: Array(SampleCertificate.pem.utf8))?.validity
    // openssl x509 -dates: Nov 26 00:45:06 2026 GMT to Nov 2 00:45:06 2126 GMT.
    #expect(validity == 1_795_653_906...4_949_253_906)
  }

  @Test("cannot be read from anything else", arguments: ["", "-----BEGIN CERTIFICATE-----", "no certificate"])
  func unreadable(text: String) {
    guard let certificate = Certificate(pem: Array(text.utf8)) else { return }
    let matches = certificate.matches("")
    Issue.record("\(text) was read, matches: \(matches)")
  }
}
