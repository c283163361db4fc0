import Digests
import Testing

@Suite("UUIDs of names")
struct NamedUUIDTests {
  /// The first is of RFC 9562, A.4; the others are Python's `uuid.uuid5`.
  @Test(
    "are those of the standard",
    arguments: [
      ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com", "2ed6657d-e927-568b-95e1-2665a8aea6a2"),
      ("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "", "4ebd0208-8328-5d69-8c44-ec50939c0967"),
      ("7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b", "target:vda", "10a7da28-87f8-5bb3-a213-5b813319a801"),
      ("7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b", "größe", "57ac0e45-4419-57fb-88ae-dba128d02db2"),
    ])
  func vectors(namespace: String, name: String, uuid: String) {
    #expect(NamedUUID.make(namespace: namespace, name: name) == uuid)
  }

  @Test(
    "need a namespace that is a UUID",
    arguments: ["", "web-1", "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6", "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6g"])
  func namespaces(namespace: String) {
    #expect(NamedUUID.make(namespace: namespace, name: "vda") == nil)
  }
}
