internal import FoundationEssentials
internal import Glibc
internal import LongshoreMessages
internal import MigrationCore

/// Reads the clocks of the host, which the machines get as values.
protocol HostClock: Sendable {
  /// The time now.
  func now() -> Now
  /// Returns after so many milliseconds of the boot clock, or throws when the task is cancelled.
  func wait(milliseconds: Int64) async throws
}

/// The host's own clocks.
struct SystemHostClock: HostClock {
  private let bootID: String

  init() {
    let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    bootID = text.map { String($0.prefix { !$0.isWhitespace }) } ?? "unknown"
  }

  func now() -> Now {
    Now(wall: Timestamp(milliseconds: Self.read(CLOCK_REALTIME)), bootID: bootID, bootMilliseconds: Self.read(CLOCK_BOOTTIME))
  }

  func wait(milliseconds: Int64) async throws {
    try await Task.sleep(for: .milliseconds(milliseconds), clock: .continuous)
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
