/// How a host's processor compares with the one that a guest has (`virCPUCompareResult`).
public enum CPUComparison: Sendable, Hashable {
  /// They are the same.
  case identical
  /// The host has all that the guest has, and more.
  case superset
  /// The guest would miss something.
  case incompatible
}
