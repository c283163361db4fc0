/// Judges by a transfer's counters whether anything moves still.
///
/// A destination that has lost its power tells nobody. QEMU waits for the answers to what it had sent, for a quarter of an hour while the
/// kernel repeats it (`tcp_retries2`) and for ever where all of it had been acknowledged, and libvirt waits for QEMU.
public struct StallWatch: Sendable, Hashable {
  private let patience: Int64
  private var counters: [UInt64]?
  private var stillSince: Int64?

  /// A watch over a transfer that begins. `patience` is for how long nothing may move, in milliseconds.
  public init(patience: Int64) { self.patience = patience }

  /// Takes in the counters, nil where libvirt does not tell them, `now` in milliseconds of the boot clock, and tells whether nothing
  /// has moved for the patience: once each time that it has passed.
  public mutating func isStill(_ counters: [UInt64]?, at now: Int64) -> Bool {
    let hasMoved = counters != nil && counters != self.counters
    self.counters = counters ?? self.counters
    guard !hasMoved, let since = stillSince else {
      stillSince = now
      return false
    }
    guard now - since >= patience else { return false }
    stillSince = now
    return true
  }
}

/// Whether a transfer that stands still may be made to fail, after which libvirt lets the guest go on at the source.
public enum StallRelief {
  /// The source's guest during a transfer.
  public enum Guest: Sendable, Hashable, CaseIterable {
    /// It runs.
    case running
    /// It stands still for the switch.
    case suspended
    /// Anything else, such as paused by somebody.
    case other
  }

  /// Whether nobody can run the guest at the destination then.
  ///
  /// While the guest runs at the source it does so nowhere else, and a destination that has it is still at work. Once it is suspended
  /// for the switch, a direct handover's destination may run it unless it is known not to have it; a fenced one's waits there, paused,
  /// until it is gone at the source.
  public static func isSafe(for guest: Guest, destination: GuestSight, isFenced: Bool) -> Bool {
    switch (guest, destination) {
    case (.running, .absent), (.running, .unreachable), (.suspended, .absent): true
    case (.suspended, .unreachable): isFenced
    default: false
    }
  }
}
