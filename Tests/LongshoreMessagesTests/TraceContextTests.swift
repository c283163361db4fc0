import LongshoreMessages
import Testing

@Suite("The context of a trace")
struct TraceContextTests {
  private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test(
    "is what the W3C says",
    arguments: [
      parent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    ])
  func valid(text: String) { #expect(TraceContext(traceparent: text)?.traceparent == text) }

  @Test(
    "is nothing else",
    arguments: [
      "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "\(parent)-", "\(parent)-more", " \(parent)", "\(parent)\n",
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\u{e9}", "cc\(parent.dropFirst(2))-\(String(repeating: "x", count: 300))",
    ])
  func invalid(text: String) { #expect(TraceContext(traceparent: text) == nil) }

  @Test("has what tracers pass on, where that is valid")
  func state() {
    func state(_ text: String) -> String? { TraceContext(traceparent: Self.parent, tracestate: text)?.tracestate }
    #expect(state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE") == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    #expect(state("a=1, b=2") == "a=1, b=2")
    for wrong in ["", "a", "=a", "a=1\n", "a=\u{e9}", String(repeating: "a", count: 511) + "=1"] { #expect(state(wrong) == nil) }
    #expect(state((1...33).map { "k\($0)=1" }.joined(separator: ",")) == nil)
    #expect(
      TraceContext(traceparent: Self.parent, tracestate: "a=1")?.fields == ["traceparent": Self.parent, "tracestate": "a=1"])
  }

  @Test("goes through JSON")
  func coding() throws {
    for state in [nil, "a=1"] {
      let trace = try #require(TraceContext(traceparent: Self.parent, tracestate: state))
      #expect(try MessageCoding.decode(TraceContext.self, from: MessageCoding.encode(trace)) == trace)
    }
    #expect(throws: DecodingError.self) {
      try MessageCoding.decode(TraceContext.self, from: Array(#"{"traceparent":"no"}"#.utf8))
    }
  }
}
