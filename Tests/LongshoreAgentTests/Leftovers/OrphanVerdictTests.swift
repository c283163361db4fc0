import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("What may be removed")
struct OrphanVerdictTests {
  private static let time = Timestamp(milliseconds: 1_800_000_000_000)

  private func verdict(
    _ kind: Orphan.Kind = .draft, _ fate: MigrationFate = .unknown, isRegistered: Bool = false,
    edit: (inout OrphanVerdict.File) -> Void = { _ in }
  ) -> OrphanVerdict {
    var file = OrphanVerdict.File(kind: kind, fate: fate, isRegistered: isRegistered, isRegular: true)
    edit(&file)
    return OrphanVerdict(file)
  }

  @Test(
    "A file of an ended or unknown migration that nothing uses", arguments: [.draft, .templateCopy, .setAside] as [Orphan.Kind],
    [.unknown, .guestElsewhere(since: time)] as [MigrationFate])
  func unused(kind: Orphan.Kind, fate: MigrationFate) {
    // For how long a disk was to be kept went with the journal.
    let isKept = kind == .setAside && fate == .unknown
    #expect(verdict(kind, fate).isRemovable != isKept)
    #expect(verdict(kind, fate, isRegistered: true).isRemovable)
    #expect(verdict(kind, fate).why.contains(isKept ? "is not known any more" : fate.words))
  }

  @Test("Not what QEMU has open, what a domain names, what is no file, and what this version cannot judge")
  func used() {
    #expect(!verdict { $0.isInUse = true }.isRemovable)
    #expect(!verdict(isRegistered: true) { $0.isInUse = true }.isRemovable)
    let named = verdict(isRegistered: true) { $0.user = "rescue" }
    #expect(!named.isRemovable)
    #expect(named.why.contains("rescue"))
    #expect(!verdict { $0.isRegular = false }.isRemovable)
    #expect(!verdict(.draft, .unreadable(since: Self.time)).isRemovable)
  }

  @Test("Not a disk that was set aside although the guest stayed")
  func onlyDisk() {
    #expect(!verdict(.setAside, .guestHere(since: Self.time)).isRemovable)
    #expect(verdict(.draft, .guestHere(since: Self.time)).isRemovable)
  }

  @Test("A domain is removed only where it is shut off, saves nothing and has no disk here")
  func domains() {
    let left = OrphanVerdict.Guest(state: "shut off", isActive: false, elsewhere: MigrationSamples.destination.host)
    #expect(OrphanVerdict(left).isRemovable)
    for edit in [
      { $0.isActive = true }, { $0.hasManagedSave = true }, { $0.existingDisk = "/pool/web.qcow2" },
    ] as [(inout OrphanVerdict.Guest) -> Void] {
      var guest = left
      edit(&guest)
      #expect(!OrphanVerdict(guest).isRemovable, "\(guest)")
    }
  }
}
