import LongshoreMessages
import Testing

/// Which processors a guest may move between that sees its host's as it is.
@Suite struct HostProcessorTests {
  private let here = HostProcessor(model: "Skylake-Server", vendor: "Intel", microcode: "1", features: ["avx", "pku"])

  @Test("one of another microcode is the same")
  func same() {
    var there = here
    there.microcode = "2"
    #expect(here.difference(from: here) == nil)
    #expect(here.difference(from: there) == nil)
  }

  @Test("another model or vendor, a feature less or more is a difference, and is named")
  func differences() {
    #expect(
      here.difference(from: HostProcessor(model: "EPYC", vendor: "AMD", microcode: nil, features: []))
        == "it is AMD EPYC, not Intel Skylake-Server")
    #expect(
      here.difference(from: HostProcessor(model: "Skylake-Server", vendor: "Intel", microcode: nil, features: ["sse"]))
        == "it lacks avx, pku")
    #expect(
      here.difference(from: HostProcessor(model: "Skylake-Server", vendor: "Intel", microcode: nil, features: ["avx", "pku", "tsx"]))
        == "it has tsx too")
  }
}
