import LongshoreMessages
import Testing

@testable import CloudStackGateway

@Suite("The file with the keys")
struct KeyFileTests {
  private static let secret = "0123456789abcdef0123456789abcdef"

  private func problem(_ yaml: String) -> String? {
    do throws(KeyFile.Problem) {
      _ = try KeyFile(yaml: Array(yaml.utf8))
      return nil
    } catch {
      return error.description
    }
  }

  @Test("names keys, what they may do and for which guests")
  func read() throws {
    let file = try KeyFile(
      yaml: Array(
        """
        keys:
          - { name: ansible, apiKey: key-of-ansible, secretKey: \(Self.secret), role: migrate, guests: ["web-*", "11111111-1111-4111-8111-111111111111"] }
          - { name: boss, apiKey: key-of-boss, secretKey: \(Self.secret), role: admin }
        """.utf8))
    let ansible = try #require(file.keys["key-of-ansible"])
    #expect(ansible.role == .migrate)
    #expect(ansible.covers(uuid: "2", name: "web-1"))
    #expect(ansible.covers(uuid: "11111111-1111-4111-8111-111111111111", name: "db"))
    #expect(!ansible.covers(uuid: "2", name: "db"))
    #expect(!ansible.covers(uuid: "2", name: "my-web-1"))
    #expect(file.keys["key-of-boss"]?.covers(uuid: "2", name: "db") == true)
    #expect(AccessKey.Role.admin > .migrate && AccessKey.Role.migrate > .read)
  }

  @Test(
    "is refused where it is not whole, and no message shows a secret",
    arguments: [
      "", "keys: []", "keys: 1", "[", "keys:\n  - {name: a}",
      "keys:\n  - {name: a, apiKey: key-of-a, secretKey: \(secret), role: king}",
      "keys:\n  - {name: a, apiKey: short, secretKey: \(secret), role: read}",
      "keys:\n  - {name: a, apiKey: key-of-a, secretKey: tooshortsecret, role: read}",
      "keys:\n  - {name: a, apiKey: key-of-a, secretKey: \(secret), role: read}\n  - {name: b, apiKey: key-of-a, secretKey: \(secret), role: read}",
      "keys:\n  - {name: a, apiKey: key-of-a, secretKey: [\(secret)], role: read}",
      "keys:\n  - {name: '', apiKey: key-of-a, secretKey: \(secret), role: read}",
    ])
  func refused(yaml: String) throws {
    let text = try #require(problem(yaml))
    #expect(!text.isEmpty)
    #expect(!text.contains(Self.secret) && !text.contains("tooshortsecret"))
  }

  @Test("shows no secret where a key is printed")
  func hidden() throws {
    let key = AccessKey(key: "key", secret: Secret(Self.secret), name: "a", role: .read, guests: nil)
    var dumped = ""
    dump(key, to: &dumped)
    for text in ["\(key)", String(reflecting: key), dumped] { #expect(!text.contains(Self.secret) && !text.contains("48")) }
  }

  @Test(
    "takes patterns of names",
    arguments: [
      ("*", "", true), ("*", "x", true), ("web-*", "web-", true), ("*-db", "x-db", true), ("a*b*c", "aXbYbZc", true),
      ("a*b*c", "aXbYbZ", false),
      ("web", "web1", false), ("**", "x", true), ("w?b", "web", false), ("", "", true), ("", "x", false),
    ])
  func patterns(pattern: String, name: String, matches: Bool) {
    let key = AccessKey(key: "key", secret: Secret(Self.secret), name: "a", role: .read, guests: [pattern])
    #expect(key.covers(uuid: "uuid", name: name) == matches)
  }
}

@Suite("Ids made of names")
struct StableIDTests {
  @Test("are UUIDs, always the same, and differ by kind and name")
  func stable() {
    #expect(StableID.make("zone", "lab") == StableID.make("zone", "lab"))
    #expect(StableID.make("zone", "lab") != StableID.make("pod", "lab"))
    #expect(StableID.make("zone", "la") != StableID.make("zonel", "a"))
    let id = StableID.make("zone", "lab")
    #expect(StableID.isUUID(id))
    #expect(id.dropFirst(14).first == "8")
    #expect("89ab".contains(id.dropFirst(19).first ?? "x"))
    #expect(!StableID.isUUID("11111111-1111-4111-8111-11111111111"))
    #expect(!StableID.isUUID("11111111x1111-4111-8111-111111111111"))
  }
}
