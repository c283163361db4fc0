import Logging
import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("Addresses of destinations")
struct AddressTests {
  @Test(
    "A host's libvirt is of a remote transport, and its port is the one it names or the transport's",
    arguments: [
      ("qemu+tls://beta.lab/system", "beta.lab", 16_514), ("qemu+tcp://192.0.2.2/system", "192.0.2.2", 16_509),
      ("qemu+ssh://root@beta.lab/system", "beta.lab", 22), ("qemu+libssh2://beta_1/session", "beta_1", 22),
      ("qemu+ssh://root@beta.lab:2222/system", "beta.lab", 2222), ("qemu+tcp://192.0.2.2:17000/system", "192.0.2.2", 17_000),
      ("qemu+tls://[2001:db8::2]/system", "2001:db8::2", 16_514), ("qemu+tcp://u@[2001:db8::2]:17000/system", "2001:db8::2", 17_000),
      ("qemu://beta.lab/system", "beta.lab", 16_514),
      ("qemu+tls://[fe80::1%eth0]/system", "fe80::1%eth0", 16_514), ("qemu+tls://[::ffff:192.0.2.2]/system", "::ffff:192.0.2.2", 16_514),
    ] as [(String, String, UInt16)])
  func peer(_ uri: String, _ host: String, _ port: UInt16) throws {
    let peer = try PeerLibvirt(uri)
    #expect(peer.host == host && peer.port == port)
    try AllowedAddresses(hosts: nil).check(endpoint(uri, host))
  }

  @Test(
    "No other URI is opened for another host: none that starts a program, skips the certificate's check or is this host's own",
    arguments: [
      "", "beta.lab", "qemu:///system", "qemu+://beta.lab/system", "qemu+unix:///system", "qemu+unix://beta.lab/system",
      "qemu+ext://beta.lab/system", "qemu+ext://beta.lab/system?command=/bin/sh", "qemu+ssh://beta.lab/system?command=/bin/sh",
      "qemu+tls://beta.lab/system?no_verify=1", "qemu+tls://beta.lab/system?", "qemu+tls://beta.lab/system#x", "qemu+tls://beta.lab",
      "qemu+tls://beta.lab/", "qemu+tls://beta.lab/system/", "qemu+tls:///system", "qemu+tls://:16514/system",
      "qemu+tls://[2001:db8::2/system", "qemu+tls://[beta.lab]/system", "qemu+tls://[2001:db8::2]x/system", "qemu+tls://2001:db8::2/system",
      "qemu+ssh://-oProxyCommand=sh/system", "qemu+ssh://-oProxyCommand=sh@beta.lab/system", "qemu+ssh://a b@beta.lab/system",
      "qemu+tls://beta.lab@evil.lab@beta.lab/system", "qemu+tls://beta.lab:/system", "qemu+tls://beta.lab:+22/system",
      "qemu+tls://beta.lab:65536/system", "qemu+tls://b\u{e9}ta/system", "qemu+tls://beta\n.lab/system", "qemu+tls://beta.lab\0/system",
      "QEMU+TLS://beta.lab/system", "xen+tls://beta.lab/system", "test:///default", "test+tcp://127.0.0.1/default",
    ])
  func noPeer(_ uri: String) async {
    #expect(throws: Reason.Failure.self) { try PeerLibvirt(uri) }
    let error = #expect(throws: Reason.Failure.self) { try AllowedAddresses(hosts: nil).check(endpoint(uri, "beta.lab")) }
    #expect(error?.reason.code == .addressNotAllowed)
    await #expect(throws: Reason.Failure.self) {
      try await DestinationConnections(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }).connection(to: uri)
    }
  }

  @Test(
    "An address for disks and memory is a host name or an IP address", arguments: ["", "a b", "beta.lab/x", "[::1]", "-x", "x:y", "1\n"])
  func noAddress(_ address: String) {
    let error = #expect(throws: Reason.Failure.self) {
      try AllowedAddresses(hosts: nil).check(endpoint("qemu+tls://beta.lab/system", address))
    }
    #expect(error?.reason.code == .addressNotAllowed)
  }

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
      (endpoint("qemu+tls://root@evil.lab/system", "192.0.2.2"), "evil.lab"),
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
