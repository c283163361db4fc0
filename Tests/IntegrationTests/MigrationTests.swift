import Testing

/// Whole migrations: two agents, a broker, two libvirt daemons, QEMU and a guest that writes.
///
/// One after the other: each test has the lab to itself.
@Suite(.serialized, .enabled(if: Lab.isUsable, Lab.missing), .labKept, .timeLimit(.minutes(10)))
struct MigrationTests {}
