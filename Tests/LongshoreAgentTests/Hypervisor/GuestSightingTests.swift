import Libvirt
import MigrationCore
import Testing

@Suite("What a host shows of a guest")
struct GuestSightingTests {
  @Test("A guest that has moved away is known by libvirt's words")
  func movedAway() {
    #expect(GuestSight.inactive(DomainState.shutoff(.migrated).description) == .migratedAway)
  }
}
