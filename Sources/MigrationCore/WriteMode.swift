public import LongshoreMessages

/// Chooses how disks are copied under a guest that writes. It cannot be changed while they are.
///
/// As a rule QEMU copies in the background what the guest has written, which never ends where the guest writes about as fast as is
/// copied. Where the guest's writes wait for their copies it does, and they get slower.
public enum WriteMode {
  /// Over how long writes must have been seen for a choice, in milliseconds.
  static let leastMilliseconds: Int64 = 500

  /// Why the guest's writes are to wait; nil where they need not, or nothing is known.
  ///
  /// - Parameters:
  ///   - writes: What the guest was seen to write, by the disks' targets.
  ///   - milliseconds: Over how long that was seen.
  ///   - streamMiBps: libvirt's cap on the copy of each disk, in MiB/s; nil for none.
  ///   - budgetBps: What the bandwidth budgets let the migration send beside what moves already, in bytes a second; nil for no
  ///     limit.
  ///   - linkBps: What the link was seen to carry, in bytes a second; nil where that is not known.
  public static func choose(
    writes: [ResourceName: EstimateFacts.Writes], overMilliseconds milliseconds: Int64, streamMiBps: UInt64?,
    budgetBps: UInt64? = nil, linkBps: UInt64?
  ) -> Reason? {
    guard milliseconds >= leastMilliseconds else { return nil }
    let copied = writes.mapValues { Estimator.copiedAgain($0) }
    if let streamMiBps {
      let cap = Double(streamMiBps) * 1_048_576
      if let (target, rate) = copied.max(by: { ($0.value, $1.key.text) < ($1.value, $0.key.text) }), rate >= cap * Estimator.nearness {
        return reason("the guest writes \(words(rate)) to disk \(target), whose copy is capped at \(words(cap))")
      }
    }
    let all = copied.values.reduce(0, +)
    if let budgetBps, all >= Double(budgetBps) * Estimator.nearness {
      return reason("the guest writes \(words(all)) to its disks, and its part of the bandwidth budgets is \(words(Double(budgetBps)))")
    }
    if let linkBps {
      if all >= Double(linkBps) * Estimator.nearness {
        return reason("the guest writes \(words(all)) to its disks, and the last transfer on this link copied \(words(Double(linkBps)))")
      }
    }
    return nil
  }

  private static func reason(_ why: String) -> Reason {
    Reason(.writesWait, "the guest's writes wait for the copy of its disks (`synchronousWrites`): \(why)")
  }

  private static func words(_ rate: Double) -> String { "\(ByteCount(UInt64(max(0, min(rate, 0x1p62)))))/s" }
}
