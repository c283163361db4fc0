public import LongshoreMessages

/// What a comparison of the disks' content has found, and the reason that the migration's end says.
public struct ContentComparison: Sendable, Hashable, Codable {
  /// The most differences that are named.
  static let namedDifferences = 16

  /// What was found.
  public var verification: Verification
  /// Why it is not known, or what differs; nil where all is equal.
  public var reason: Reason?

  /// Nothing was found out, for this reason.
  public static func unknown(_ why: String) -> ContentComparison {
    ContentComparison(
      verification: Verification(.unknown), reason: Reason(.notVerified, "the content of the disks was not compared: \(why)"))
  }

  /// Compares what both hosts have read of the disks that were copied.
  ///
  /// It is equal only where both have read the whole of every disk of the plan in the same ranges.
  public static func of(_ here: [DiskContent], at source: NodeName, with there: [DiskContent], planned: [PlannedDisk]) -> ContentComparison
  {
    var bytes: UInt64 = 0
    var differences: [Verification.Difference] = []
    for disk in planned {
      guard let one = here.first(where: { $0.target == disk.target }), let other = there.first(where: { $0.target == disk.target }) else {
        return unknown("disk \(disk.target) was not read on both hosts")
      }
      guard one.size == other.size else {
        return differ(
          [Verification.Difference(target: disk.target, offset: 0, length: max(one.size, other.size))], bytes: bytes, at: source,
          "disk \(disk.target) has \(other.size) bytes, and \(one.size) at \(source)")
      }
      guard one.isWhole, one.rangeSize == other.rangeSize, one.digests.count == other.digests.count else {
        return unknown("disk \(disk.target) was read in other ranges by the two hosts")
      }
      bytes += one.size
      differences += one.differences(from: other)
    }
    guard let first = differences.first else {
      return ContentComparison(verification: Verification(.equal, bytes: bytes))
    }
    return differ(
      differences, bytes: bytes, at: source,
      "disk \(first.target) differs first within \(first.length) bytes from \(first.offset)"
        + (differences.count > 1 ? ", and in \(differences.count - 1) other places" : ""))
  }

  private static func differ(
    _ differences: [Verification.Difference], bytes: UInt64, at source: NodeName, _ what: String
  ) -> ContentComparison {
    ContentComparison(
      verification: Verification(.differs, bytes: bytes, differences: Array(differences.prefix(namedDifferences))),
      reason: Reason(
        .contentDiffers,
        "the guest runs on disks that did not hold at the switch what they held at \(source), whose disks are kept until they are purged: \(what)"
      ))
  }
}

extension DiskContent {
  /// Whether the ranges cover the disk.
  fileprivate var isWhole: Bool {
    rangeSize > 0 && UInt64(digests.count) == (size == 0 ? 0 : (size - 1) / rangeSize + 1)
  }

  /// The parts that differ from another reading of the same ranges; neighbouring ones are one.
  fileprivate func differences(from other: DiskContent) -> [Verification.Difference] {
    var found: [Verification.Difference] = []
    for (index, (one, two)) in zip(digests, other.digests).enumerated() where one != two {
      let offset = UInt64(index) * rangeSize
      let length = min(rangeSize, size - offset)
      if let last = found.last, last.offset + last.length == offset {
        found[found.count - 1].length += length
      } else {
        found.append(Verification.Difference(target: target, offset: offset, length: length))
      }
    }
    return found
  }
}
