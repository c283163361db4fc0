import Libvirt
import Testing

@Suite("A domain's state")
struct DomainStateTests {
  @Test(
    "is read from libvirt's numbers",
    arguments: [
      (1, 2, .running(.migrated), "running (migrated)"),
      (1, 6, .running(.migrationCanceled), "running (migration canceled)"),
      (3, 1, .paused(.user), "paused (user)"),
      (3, 2, .paused(.migration), "paused (migration)"),
      (5, 4, .shutoff(.migrated), "shut off (migrated)"),
      (5, 3, .shutoff(.crashed), "shut off (crashed)"),
      (6, 1, .crashed(.panicked), "crashed (panicked)"),
    ] as [(Int32, Int32, DomainState, String)])
  func known(state: Int32, reason: Int32, expected: DomainState, text: String) {
    #expect(DomainState(state: state, reason: reason) == expected)
    #expect(expected.description == text)
  }

  @Test("keeps numbers that are not known")
  func unknown() {
    #expect(DomainState(state: 42, reason: 3) == .other(state: 42, reason: 3))
    #expect(DomainState(state: 1, reason: 99) == .running(.init(rawValue: 99)))
    #expect(DomainState(state: 1, reason: 99).description == "running (unknown (99))")
    #expect(DomainState(state: -1, reason: 0) == .other(state: -1, reason: 0))
  }
}
