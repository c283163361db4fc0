import Testing

/// Whole migrations in a lab of their own whose links are slow, beside `MigrationTests`: those that are watched in a browser, and others
/// that need no more than what every lab has. The suites run in the order of their files' names.
@Suite(
  .serialized, .enabled(if: OwnLab.isUsable, OwnLab.missing), .labKept, .ownLab("slow", "--rate", "200mbit"), .timeLimit(.minutes(10)))
struct SlowLinkTests {}
