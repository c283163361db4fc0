package import LongshoreMessages

/// The rates of a migration over its time, in a bounded number of samples: where they become too many, neighbours are joined.
package struct RateHistory: Sendable, Hashable {
  /// What was measured over an interval that ends at a time.
  package struct Sample: Sendable, Hashable {
    /// The end of the interval.
    package var time: Timestamp
    /// Bytes a second that were copied.
    package var rate: UInt64
    /// Bytes a second of memory that the guest changed; nil where it was not measured.
    package var dirtyRate: UInt64?
  }

  /// The most samples that are kept.
  package static let most = 240

  /// The samples, the oldest first.
  package private(set) var samples: [Sample] = []

  /// No samples.
  package init() {}

  /// Takes in what was measured. What is older than the last sample is not taken.
  package mutating func add(_ sample: Sample) {
    guard samples.last.map({ $0.time < sample.time }) ?? true else { return }
    samples.append(sample)
    if samples.count > Self.most { join() }
  }

  /// Joins neighbours. The last sample stays as it is.
  private mutating func join() {
    var joined: [Sample] = []
    var index = 0
    while index + 2 < samples.count {
      let (first, second) = (samples[index], samples[index + 1])
      joined.append(
        Sample(
          time: second.time, rate: first.rate / 2 + second.rate / 2,
          dirtyRate: [first.dirtyRate, second.dirtyRate].compactMap(\.self).max()))
      index += 2
    }
    samples = joined + samples[index...]
  }
}
