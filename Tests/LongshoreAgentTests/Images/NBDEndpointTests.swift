import Testing

@testable import LongshoreAgent

@Suite("Addresses of NBD exports")
struct NBDEndpointTests {
  @Test(
    "An address is read and written the same",
    arguments: ["nbd://192.0.2.1:10809/layer-1", "nbds://kvm-2.example.org:49152/a_b.c", "nbd://[2001:db8::1]:10809/x"])
  func roundTrip(uri: String) throws {
    let endpoint = try NBDEndpoint(uri: uri)
    #expect(endpoint.uri == uri)
    #expect(endpoint.usesTLS == uri.hasPrefix("nbds"))
    #expect(!endpoint.host.contains("["))
  }

  @Test(
    "Anything else is refused",
    arguments: [
      "", "nbd://host/x", "nbd://host:1", "nbd://host:0/x", "nbd://host:70000/x", "nbd://:1/x", "nbd://host:1/",
      "nbd://2001:db8::1:10809/x", "http://host:1/x", "nbd+unix:///x?socket=/s", "nbd://host:1/a,b", "nbd://h,x=y:1/a",
      "nbd://host:1/a?tls-certificates=/x", "nbd://user@host:1/x", "nbd://host:1/a/b",
    ])
  func refused(uri: String) {
    let error = #expect(throws: ImageError.self) { try NBDEndpoint(uri: uri) }
    #expect(error?.code == .invalidArgument)
  }
}
