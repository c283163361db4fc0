import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("Names made of content")
struct ContentNameTests {
  private static let digest = "15971524bde2" + String(repeating: "0", count: 52)

  private func name(_ volume: String) -> String {
    ContentName(sha256: Self.digest, below: nil).name(besides: MigrationSamples.name(volume)).text
  }

  @Test("keep the ending, and are no longer than a name may be")
  func names() {
    #expect(name("debian-12.qcow2") == "debian-12-15971524bde2.qcow2")
    #expect(name("debian") == "debian-15971524bde2")
    #expect(name(".hidden") == ".hidden-15971524bde2")
    #expect(name("release.2026-02-28-final-candidate") == "release.2026-02-28-final-candidate-15971524bde2")
    let long = name(String(repeating: "ü", count: 120) + ".qcow2")
    #expect(long.utf8.count <= ResourceName.maximumLength && long.hasSuffix("ü-15971524bde2.qcow2"))
    #expect(ContentName.words(besides: MigrationSamples.name("a.raw")) == "a-<the first 12 digits of its SHA-256>.raw")
  }

  @Test("tell layers apart that lie on different ones")
  func chains() {
    let base = ContentName(sha256: Self.digest, below: nil)
    let other = ContentName(sha256: String(repeating: "1", count: 64), below: nil)
    let upper = ContentName(sha256: Self.digest, below: base)
    #expect(upper != base && upper != ContentName(sha256: Self.digest, below: other))
    #expect(upper == ContentName(sha256: Self.digest, below: base))
    #expect(upper.identity.count == 64)
  }
}
