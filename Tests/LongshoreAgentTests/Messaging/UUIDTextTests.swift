import Testing

@testable import LongshoreAgent

@Suite("UUIDs")
struct UUIDTextTests {
  @Test("A UUID is brought into lower case")
  func normal() {
    #expect(UUIDText.normal("0B5F0C1E-8A9D-4D8E-B7A7-3A1C0C7D9E01") == "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e01")
  }

  @Test(
    "Other texts are names",
    arguments: [
      "", "web", "0b5f0c1e8a9d4d8eb7a73a1c0c7d9e01", "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e0", "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e011",
      "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e0g", "0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e01-", "{0b5f0c1e-8a9d-4d8e-b7a7-3a1c0c7d9e01}",
    ])
  func other(_ text: String) { #expect(UUIDText.normal(text) == nil) }
}
