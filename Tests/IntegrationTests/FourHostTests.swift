import Testing

/// Whole migrations in a lab of four hosts of their own, beside `MigrationTests`: the drains, which need them all, then the transfers
/// whose rates are looked at, and others that need no more than what every lab has. The suites run in the order of their files' names.
@Suite(
  .serialized, .enabled(if: OwnLab.isUsable, OwnLab.missing), .labKept, .ownLab("four", "--hosts", "4"), .timeLimit(.minutes(10)))
struct FourHostTests {}
