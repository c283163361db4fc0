import Testing

/// Whole migrations with a broker of three nodes, in a lab of their own beside `MigrationTests`: those that let the broker lose a node,
/// and others that need no more than what every lab has.
@Suite(
  .serialized, .enabled(if: OwnLab.isUsable, OwnLab.missing), .labKept, .ownLab("node", "--brokers", "3"), .timeLimit(.minutes(10)))
struct ThreeNodeTests {}
