import Digests
import Testing

@Suite("Certificates")
struct CertificateTests {
  /// Of the names beta.example.net and 192.0.2.2; made by `openssl req -x509 -nodes -addext subjectAltName=…`, and its key thrown away.
  private static let pem = """
    -----BEGIN CERTIFICATE-----
    MIIBsTCCAVagAwIBAgIUZJ/nJM0CCMoOWEkbd81fP/xmcWAwCgYIKoZIzj0EAwIw
    GzEZMBcGA1UEAwwQYmV0YS5leGFtcGxlLm5ldDAgFw0yNjExMjYwMDQ1MDZaGA8y
    MTI2MTEwMjAwNDUwNlowGzEZMBcGA1UEAwwQYmV0YS5leGFtcGxlLm5ldDBZMBMG
    ByqGSM49AgEGCCqGSM49AwEHA0IABPxjfiJBFLGEM+wPcEXo0wZC9W+Muy16LxY2
    zP7luUEcrWEzi9CMWMDY1RuiG5YNldcMhxdOQyOVAlefKRLNv1yjdjB0MB0GA1Ud
    DgQWBBQIvU5YluydcscWxEfQq6wP03dGazAfBgNVHSMEGDAWgBQIvU5YluydcscW
    xEfQq6wP03dGazAPBgNVHRMBAf8EBTADAQH/MCEGA1UdEQQaMBiCEGJldGEuZXhh
    bXBsZS5uZXSHBMAAAgIwCgYIKoZIzj0EAwIDSQAwRgIhAL34t/0jTeGqj6AHzVvX
    3q0CoOt67LDB/G7hWbJP642CAiEAxxQPkZxTkOw8Pmo2MMbKA7gOlYmeaFNVl8mA
    MBLgpig=
    -----END CERTIFICATE-----

    """

  @Test("are of the names and addresses in them, and of no others")
  func names() {
    guard let certificate = Certificate(pem: Array(Self.pem.utf8)) else {
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
    let validity = Certificate(pem: Array(Self.pem.utf8))?.validity
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
