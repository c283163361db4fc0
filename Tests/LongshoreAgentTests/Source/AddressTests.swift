import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("Addresses of destinations")
struct AddressTests {
  @Test(
    "The host of a libvirt URI",
    arguments: [
      ("qemu+tls://beta.lab/system", "beta.lab"), ("qemu+ssh://root@beta.lab:2222/system?keyfile=/k", "beta.lab"),
      ("qemu+tcp://192.0.2.2:16509/system", "192.0.2.2"), ("qemu+tls://[2001:db8::2]:16514/system", "2001:db8::2"),
      ("qemu+tls://u@[2001:db8::2]/system", "2001:db8::2"), ("qemu+tls://beta.lab", "beta.lab"),
      ("qemu+tls://beta.lab?pkipath=/p", "beta.lab"),
    ])
  func host(_ uri: String, _ host: String) { #expect(LibvirtURI.host(of: uri) == host) }

  @Test(
    "A URI without a host", arguments: ["", "beta.lab", "qemu:///system", "qemu+tls://:16514/system", "qemu+tls://[2001:db8::2/system"])
  func noHost(_ uri: String) { #expect(LibvirtURI.host(of: uri) == nil) }

  @Test("IPv6 addresses stand in brackets in URIs")
  func brackets() {
    #expect("2001:db8::2".bracketedIfIPv6 == "[2001:db8::2]")
    #expect("192.0.2.2".bracketedIfIPv6 == "192.0.2.2")
    #expect("beta.lab".bracketedIfIPv6 == "beta.lab")
  }

  @Test("Without a list every address is allowed")
  func allAllowed() throws {
    try AllowedAddresses(hosts: nil).check(endpoint("qemu+tls://beta.lab/system", "192.0.2.2"))
  }

  @Test("With a list both addresses of a destination must be on it")
  func listed() throws {
    let allowed = AllowedAddresses(hosts: ["beta.lab", "192.0.2.2"])
    try allowed.check(endpoint("qemu+tls://beta.lab/system", "192.0.2.2"))
    for (endpoint, name) in [
      (endpoint("qemu+tls://evil.lab/system", "192.0.2.2"), "evil.lab"),
      (endpoint("qemu+tls://beta.lab/system", "192.0.2.66"), "192.0.2.66"),
      (endpoint("qemu:///system", "192.0.2.2"), "qemu:///system"),
      (endpoint("qemu+tls://beta.lab@evil.lab/system", "192.0.2.2"), "evil.lab"),
    ] {
      let error = #expect(throws: Reason.Failure.self) { try allowed.check(endpoint) }
      #expect(error?.reason.code == .addressNotAllowed)
      #expect(error?.reason.message.contains(name) == true)
    }
  }

  private func endpoint(_ uri: String, _ address: String) -> DestinationEndpoint {
    DestinationEndpoint(libvirtURI: uri, migrationAddress: address)
  }
}
