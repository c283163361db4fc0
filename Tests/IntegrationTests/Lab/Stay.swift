import LongshoreMessages
import Testing

/// Runs the body, in which a migration of a guest from `alpha` is refused or ends early, and expects that both hosts are afterwards
/// as they were before, and that the guest writes on.
func expectUnchanged(_ guest: Guest, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void) async throws {
  let lab = guest.lab
  let alpha = try await lab.inventory(of: .alpha)
  let beta = try await lab.inventory(of: .beta)
  try await body()
  #expect(try await lab.inventory(of: .alpha).changes(since: alpha) == [], sourceLocation: sourceLocation)
  #expect(try await lab.inventory(of: .beta).changes(since: beta) == [], sourceLocation: sourceLocation)
  let job = try await lab.on(.alpha, "virsh", "--quiet", "domjobinfo", guest.uuid)
  #expect(job.contains(/Job type: +None/), sourceLocation: sourceLocation)
  try await guest.waitForWrite(on: .alpha)
}

extension Lab {
  /// Runs the body while the destination has the source's template, so that nothing but the guest's own data has to move.
  func withTemplateAtDestination<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    let copy = try folder(.primary, on: .beta) + "/" + Guest.template
    // The machine's file system is that of both hosts.
    try await on(.beta, "cp", folder(.primary, on: .alpha) + "/" + Guest.template, copy)
    return try await finally {
      try await body()
    } do: {
      try await on(.beta, "rm", "-f", copy)
    }
  }
}
