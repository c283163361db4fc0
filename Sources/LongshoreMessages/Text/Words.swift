extension MigrationEventData.Kind {
  /// What happened, for people.
  package var words: String { self == .needsAttention ? "needs attention" : rawValue }
}

extension MigrationPhase {
  /// The phase, for people.
  package var words: String {
    switch self {
    case .rollingBack: "rolling back"
    case .needsAttention: "needs attention"
    default: rawValue
    }
  }
}

extension MigrationEventData.Stage {
  /// The step, as it stands after "failed at".
  package var words: String {
    switch self {
    case .checks: "the checks"
    case .prepare: "the preparation"
    case .transfer: "the transfer"
    case .handover: "the handover"
    }
  }
}

extension Reason {
  /// The reason as people read it, with its code.
  package var words: String { "\(message.printable) [\(code.text.printable)]" }
}

extension MigrationEventData.Bytes {
  /// Bytes in all.
  package var total: UInt64 {
    [disks, memory].reduce(template) { sum, next in
      let (more, overflow) = sum.addingReportingOverflow(next)
      return overflow ? .max : more
    }
  }

  /// `8.4 GiB (templates 1.0 GiB, disks 7.0 GiB, memory 412 MiB)`.
  package var words: String {
    let parts = [("templates", template), ("disks", disks), ("memory", memory)].filter { $0.1 > 0 }
    guard !parts.isEmpty else { return Quantity.bytes(0) }
    return "\(Quantity.bytes(total)) (\(parts.map { "\($0.0) \(Quantity.bytes($0.1))" }.joined(separator: ", ")))"
  }
}
