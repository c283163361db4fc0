import Testing

@testable import LongshoreAgent

/// What `ss -Htnpa` of iproute2 6.1 writes, and which of it are connections by which a guest is copied.
@Suite struct QEMUConnectionsTests {
  private static let listing = """
    LISTEN 0      1          127.0.0.1:5900         0.0.0.0:*    users:(("qemu-system-x86",pid=70,fd=20))
    LISTEN 0      1               [::]:5901            [::]:*    users:(("qemu-system-x86",pid=70,fd=21))
    ESTAB  0      0       198.18.0.11:41022  198.18.0.12:49153 users:(("qemu-system-x86",pid=70,fd=31))
    ESTAB  0      512     198.18.0.11:41024  198.18.0.12:49152 users:(("qemu-system-x86",pid=70,fd=32))
    ESTAB  0      0       198.18.0.11:5900   198.18.0.12:50000 users:(("qemu-system-x86",pid=70,fd=33))
    ESTAB  0      0      [fd00::b]:41030       [fd00::c]:49152 users:(("qemu-system-x86",pid=70,fd=34))
    ESTAB  0      0      [fe80::b%eth0]:41031  [fe80::c%eth0]:49152 users:(("qemu-system-x86",pid=70,fd=35))
    ESTAB  0      0      [::ffff:198.18.0.11]:41032 [::ffff:198.18.0.12]:49154 users:(("qemu-system-x86",pid=70,fd=36))
    ESTAB  0      0       198.18.0.11:41040  198.18.0.13:49152 users:(("qemu-system-x86",pid=70,fd=37))
    ESTAB  0      0       198.18.0.11:41042  198.18.0.12:49155 users:(("qemu-system-x86",pid=701,fd=30))
    ESTAB  0      0       198.18.0.11:41044  198.18.0.12:16509 users:(("libvirtd",pid=7,fd=30))
    FIN-WAIT-1 0  0       198.18.0.11:41046  198.18.0.12:49156 users:(("qemu-system-x86",pid=70,fd=38))
    ESTAB  0      0       198.18.0.11:41048  198.18.0.12:49157
    """

  @Test(
    "takes those that QEMU opened to the host, whatever their addresses' form",
    arguments: [
      (["198.18.0.12"], ["198.18.0.12:49153", "198.18.0.12:49152", "[::ffff:198.18.0.12]:49154", "198.18.0.12:49156"]),
      (["fd00::c", "fe80::c"], ["[fd00::c]:49152", "[fe80::c%eth0]:49152"]), (["198.18.0.1"], []), ([], []),
    ])
  func selects(addresses: [String], remotes: [String]) {
    let found = QEMUConnections.connections(of: 70, to: Set(addresses), in: Self.listing)
    #expect(found.map(\.remote) == remotes)
  }

  @Test("names both ends as ss takes them")
  func ends() {
    let found = QEMUConnections.connections(of: 701, to: ["198.18.0.12"], in: Self.listing)
    #expect(found == [QEMUConnections.Connection(local: "198.18.0.11:41042", remote: "198.18.0.12:49155")])
  }

  @Test("finds nothing in what is no listing")
  func rubbish() { #expect(QEMUConnections.connections(of: 70, to: ["x"], in: "\n \nESTAB\n: : : : : pid=70,") == []) }

  @Test("an address in digits is its own, and a name that cannot be looked up is told")
  func addresses() throws {
    #expect(try HostLookup.addresses(of: "192.0.2.7") == ["192.0.2.7"])
    #expect(try HostLookup.addresses(of: "::1") == ["::1"])
    #expect(throws: ImageError.self) { try HostLookup.addresses(of: "no such host") }
    #expect(!HostLookup.isOfThisHost("no such host"))
  }
}
