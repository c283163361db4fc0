import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// A transfer as it is sampled once a second, and what is said of it.
private struct Trace {
  /// What is permitted at the end, in milliseconds.
  private(set) var downtime: UInt64
  /// The pauses that were permitted, in turn.
  private(set) var raised: [UInt64] = []
  /// Seconds at which the transfer was said not to converge.
  private(set) var stuckAt: [Int] = []
  /// Everything that was said.
  private(set) var said: [Reason] = []

  /// A transfer that is made up.
  ///
  /// - Parameters:
  ///   - sample: The progress at a second.
  ///   - deadline: At which second the deadline is.
  init(
    seconds: Int = 120, max: UInt64 = 300, autoConverge: Bool = false, compressMemory: Bool = false, synchronousWrites: Bool = false,
    onDeadline: DeadlineAction = .abort, deadline: Int? = nil, _ sample: (Int) -> Progress
  ) {
    self.init(
      (0..<seconds).map(sample), max: max, autoConverge: autoConverge, compressMemory: compressMemory, synchronousWrites: synchronousWrites,
      onDeadline: onDeadline, deadline: deadline)
  }

  /// A transfer as it was sampled.
  init(
    _ samples: [Progress], max: UInt64 = 300, autoConverge: Bool = false, compressMemory: Bool = false, synchronousWrites: Bool = false,
    onDeadline: DeadlineAction = .abort, deadline: Int? = nil
  ) {
    var convergence = Convergence()
    downtime = min(300, max)
    for sample in samples {
      let second = Int(sample.elapsedSeconds)
      let means = Convergence.Means(
        downtimeMs: downtime, maxDowntimeMs: max, autoConverge: autoConverge, compressMemory: compressMemory,
        synchronousWrites: synchronousWrites, onDeadline: onDeadline)
      let judgement = convergence.judge(sample, by: means, secondsLeft: deadline.map { Double($0 - second) })
      if case .raiseDowntime(let milliseconds)? = judgement.action?.0 {
        downtime = milliseconds
        raised.append(milliseconds)
        said += [judgement.action?.reason].compactMap(\.self)
      }
      if judgement.isStuck { stuckAt.append(second) }
      said += judgement.notices
    }
  }
}

private let mebibyte: UInt64 = 1 << 20

/// A sample of disks of which so much is left, in MiB.
private func disks(_ second: Int, left: [Double], rate: UInt64 = 100) -> Progress {
  Progress(
    phase: .transferring, guest: MigrationSamples.guest,
    disks: zip(["vda", "vdb", "vdc"], left).map { target, left in
      Progress.Disk(
        target: MigrationSamples.name(target),
        bytes: .init(done: 0, remaining: UInt64(max(0, left) * 1_048_576), total: 100_000 * mebibyte))
    }, rateBps: rate * mebibyte, elapsedSeconds: Double(second))
}

/// A sample of memory in a pass over it.
private func memory(
  _ second: Int, pass: UInt64, needs: UInt64, dirty: UInt64 = 120, rate: UInt64 = 100, disk: Double = 0, throttle: UInt64? = nil
) -> Progress {
  var sample = disks(second, left: [disk], rate: rate)
  sample.memory = .init(done: 0, remaining: needs * rate * mebibyte / 1000, total: 4096 * mebibyte)
  sample.iteration = pass
  sample.dirtyRateBps = dirty * mebibyte
  sample.expectedDowntimeMs = needs
  sample.throttlePercent = throttle
  return sample
}

@Suite struct ConvergenceTests {
  // MARK: - Disks

  @Test("nothing is said of an idle guest")
  func idle() {
    let trace = Trace { disks($0, left: [10_000 - 100 * Double($0)]) }
    #expect(trace.said == [])
    #expect(trace.stuckAt == [])
  }

  @Test("nothing is said of a guest that writes steadily and slower than is copied")
  func steady() { #expect(Trace { disks($0, left: [10_000 - 20 * Double($0)]) }.said == []) }

  @Test("nothing is said of bursts from which the copy recovers")
  func bursty() {
    // Five seconds in twenty the guest writes four times what is copied.
    var left = 10_000.0
    let trace = Trace { second in
      left += second % 20 < 5 ? 200 : -100
      return disks(second, left: [left])
    }
    #expect(trace.said == [])
  }

  @Test("nothing is said of a saw-tooth that falls")
  func sawTooth() {
    var left = 8000.0
    let trace = Trace { second in
      left += second % 8 == 0 ? 500 : -100
      return disks(second, left: [left])
    }
    #expect(trace.said == [])
  }

  @Test("a guest that writes just faster than is copied is told early, and without end")
  func growing() {
    let trace = Trace { disks($0, left: [4000 + 2 * Double($0)]) }
    #expect(trace.stuckAt == Array(40..<120))
    #expect(Set(trace.said.map(\.code)) == [.notConverging])
    #expect(trace.said[0].message.contains("growing by 2.0 MiB/s, copied at 100.0 MiB/s"))
    #expect(trace.said[0].message.contains("`synchronousWrites`"))
    #expect(trace.said[0].message.contains("`force-complete`"))
  }

  @Test("a saw-tooth that stays is told as well")
  func standingSawTooth() {
    var left = 8000.0
    let trace = Trace { second in
      left += second % 8 == 0 ? 700 : -100
      return disks(second, left: [left])
    }
    #expect(trace.stuckAt.count > 60)
  }

  @Test("one disk that grows counts, whatever the others do when they are done")
  func oneOfThree() {
    let trace = Trace { disks($0, left: [0, 3000 + 10 * Double($0), 1]) }
    #expect(trace.stuckAt.first == 40)
  }

  @Test("little that goes of very much is a trend")
  func large() { #expect(Trace(seconds: 300) { disks($0, left: [4_000_000 - 20 * Double($0)]) }.said == []) }

  @Test("disks that have caught up once are not judged, however they sway while memory is copied")
  func caughtUp() { #expect(Trace { memory($0, pass: 1, needs: 100, disk: Double($0 % 3) * 20) }.said == []) }

  @Test("a disk that nearly catches up and never does is told")
  func nearly() {
    let trace = Trace { disks($0, left: [1 + Double($0 % 5) * 4], rate: 2) }
    #expect(trace.stuckAt == Array(40..<120))
    #expect(trace.said[0].message.contains("up to 17.0 MiB left, not getting less, copied at 2.0 MiB/s"))
  }

  @Test("what is allowed already is not advised, and the deadline's force is told")
  func advice() {
    let trace = Trace(synchronousWrites: true, onDeadline: .force) { disks($0, left: [4000 + 2 * Double($0)]) }
    #expect(trace.said[0].message.contains("the guest's writes wait for the copy already"))
    #expect(trace.said[0].message.contains("suspended at the deadline"))
  }

  @Test("disks that will not be done by the deadline are told, with an end")
  func deadline() {
    let trace = Trace(deadline: 200) { disks($0, left: [10_000 - 20 * Double($0)]) }
    #expect(trace.stuckAt == [])
    #expect(trace.said.first?.message.contains("the deadline is in 160 s") == true)
    #expect(Trace(onDeadline: .wait, deadline: 200) { disks($0, left: [10_000 - 20 * Double($0)]) }.said == [])
  }

  // MARK: - Memory

  @Test("nothing is said in the first passes, nor where the pauses become shorter by themselves")
  func shrinking() {
    #expect(Trace(max: 10_000) { memory($0, pass: UInt64($0 / 10 + 1), needs: 60_000 >> UInt64($0 / 10)) }.raised == [])
    #expect(Trace(seconds: 20) { memory($0, pass: UInt64($0 / 10 + 1), needs: 4000) }.said == [])
  }

  @Test("a longer pause is permitted in steps, as much of it as is needed, within what is allowed")
  func steps() {
    let trace = Trace(max: 10_000) { memory($0, pass: UInt64($0 / 2 + 1), needs: 800) }
    #expect(trace.raised == [1013])
    #expect(trace.said[0].code == .downtimeRaised)
    #expect(
      trace.said[0].message
        == "permitted downtime raised from 300 to 1013 ms: 120.0 MiB/s of memory changed, 100.0 MiB/s copied, the switch would need 800 ms now"
    )
    #expect(trace.stuckAt == [])
    // The guest gets busier, and the next step follows.
    let busier = Trace(max: 10_000) { memory($0, pass: UInt64($0 / 2 + 1), needs: $0 < 30 ? 800 : 1800) }
    #expect(busier.raised == [1013, 2279])
  }

  @Test("where more is needed than is allowed, all of it is taken and the truth told")
  func notEnough() {
    let trace = Trace(max: 1000) { memory($0, pass: UInt64($0 / 2 + 1), needs: 3000) }
    #expect(trace.raised == [1000])
    let told = trace.said.first { $0.code == .notConverging }
    #expect(told?.message.contains("would need 3000 ms and 1000 are allowed") == true)
    #expect(told?.message.contains("`autoConverge`") == true)
    #expect(trace.stuckAt.count > 100)
  }

  @Test("without a pause to be raised the truth is told within seconds of the third pass")
  func nothingAllowed() {
    let trace = Trace { memory($0, pass: UInt64($0 / 2 + 1), needs: 3000) }
    #expect(trace.raised == [])
    #expect(trace.stuckAt.first.map { $0 < 12 } == true)
  }

  @Test("what the order has not allowed is named for the next one", arguments: [false, true], [false, true])
  func nextOrder(autoConverge: Bool, compressMemory: Bool) {
    let trace = Trace(autoConverge: autoConverge, compressMemory: compressMemory) { memory($0, pass: UInt64($0 / 2 + 1), needs: 3000) }
    let told = trace.said[0].message
    let next =
      switch (autoConverge, compressMemory) {
      case (false, false): ", allow `autoConverge` or `compressMemory` in the next order, or suspend"
      case (false, true): ", allow `autoConverge` in the next order, or suspend"
      case (true, false): ", QEMU slows the guest down as far as it does, allow `compressMemory` in the next order, or suspend"
      case (true, true): "(`tune`), QEMU slows the guest down as far as it does, or suspend"
      }
    #expect(told.contains(next), "\(told)")
  }

  @Test("one long pass is not a trend")
  func onePass() { #expect(Trace(max: 10_000) { memory($0, pass: $0 < 3 ? 1 : 2, needs: 3000) }.said == []) }

  @Test("a pass that needs little is a way out: nothing is done about the others")
  func lulls() { #expect(Trace(max: 10_000) { memory($0, pass: UInt64($0 + 1), needs: $0 % 2 == 0 ? 3000 : 200) }.said == []) }

  @Test("slowed CPUs are told")
  func slowed() {
    let trace = Trace(seconds: 1, autoConverge: true) { memory($0, pass: 3, needs: 250, throttle: 20) }
    #expect(trace.said.map(\.code) == [.guestSlowed])
  }

  // MARK: - Together

  @Test("disks that are busy while memory is idle are told: the switch waits for them")
  func busyDisks() {
    let trace = Trace { memory($0, pass: 2, needs: 100, dirty: 0, disk: 500 + 10 * Double($0)) }
    #expect(Set(trace.said.map(\.code)) == [.notConverging])
    #expect(trace.said[0].message.contains("the disks do not converge"))
  }

  @Test("memory that is busy while the disks are idle is told alone")
  func busyMemory() {
    let trace = Trace { memory($0, pass: UInt64($0 / 2 + 1), needs: 3000, disk: 1) }
    #expect(trace.said.allSatisfy { $0.message.contains("the memory does not converge") })
  }

  // MARK: - Recorded transfers

  /// A transfer of a guest in the lab, as `longshore migrate --progress json` told it while it was copied: in `Traces/*.jsonl`, a sample
  /// a line, each with what the agent said then.
  ///
  /// - `idle`: hardly any writes, on 200 Mbit/s.
  /// - `slow`: 4 MiB a second rewritten on a disk, on 60 Mbit/s.
  /// - `growing`: 40 MiB a second rewritten on a disk, on 200 Mbit/s; cancelled.
  /// - `dirty`: 40 MiB of memory rewritten a second, on 200 Mbit/s; cancelled.
  private static func recorded(_ name: String) throws -> [Progress] {
    let text = try String(contentsOfFile: Repository.path("Tests/MigrationCoreTests/Traces/\(name).jsonl"), encoding: .utf8)
    return try text.split(separator: "\n").map { try MessageCoding.decode(Progress.self, from: Array($0.utf8)) }
  }

  @Test("nothing is said of guests of the lab that have arrived", arguments: ["idle", "slow"])
  func arrived(name: String) throws {
    let samples = try Self.recorded(name)
    #expect(samples.count >= 5)
    let trace = Trace(samples)
    #expect(trace.said == [] && trace.raised == [])
  }

  @Test(
    "guests of the lab that change faster than the link are told, in time and to the end, as the agent did",
    arguments: [("growing", 45, "the disks do not converge"), ("dirty", 20, "the memory does not converge")])
  func stuck(name: String, latest: Int, words: String) throws {
    let samples = try Self.recorded(name)
    let trace = Trace(samples)
    let first = try #require(trace.stuckAt.first)
    #expect(first <= latest)
    #expect(trace.stuckAt == samples.map { Int($0.elapsedSeconds) }.filter { $0 >= first })
    #expect(trace.said.allSatisfy { $0.code == .notConverging && $0.message.hasPrefix(words) })
    let told = samples.first { $0.reasons?.isEmpty == false }
    #expect(try #require(told?.reasons?.first).message.hasPrefix(words))
    #expect(abs(try #require(told).elapsedSeconds - Double(first)) < 3)
  }

  @Test("the recorded guest whose memory changes too fast is let go on with a longer pause, where one is allowed")
  func recordedPause() throws {
    let trace = Trace(try Self.recorded("dirty"), max: 5000)
    #expect(trace.raised.count == 1)
    #expect((2800...3700).contains(trace.downtime), "\(trace.downtime)")
    #expect(trace.stuckAt == [])
  }

  @Test("a sample that comes again says nothing new")
  func repeated() {
    var convergence = Convergence()
    let means = Convergence.Means(
      downtimeMs: 300, maxDowntimeMs: 300, autoConverge: false, synchronousWrites: false, onDeadline: .abort)
    for _ in 0..<100 { #expect(convergence.judge(disks(5, left: [4000]), by: means).notices == []) }
  }

  @Test("any numbers are taken")
  func anything() {
    var convergence = Convergence()
    let means = Convergence.Means(
      downtimeMs: 0, maxDowntimeMs: .max, autoConverge: false, synchronousWrites: false, onDeadline: .abort)
    for second in 0..<40 {
      var sample = memory(second, pass: UInt64(second), needs: 1)
      sample.disks = ["vda", "vdb"].map { .init(target: MigrationSamples.name($0), bytes: .init(done: .max, remaining: .max, total: .max)) }
      sample.expectedDowntimeMs = .max
      sample.dirtyRateBps = .max
      sample.rateBps = .max
      _ = convergence.judge(sample, by: means, secondsLeft: 0)
    }
  }
}

@Suite struct WriteModeTests {
  private func choose(
    _ mebibytes: Double, milliseconds: Int64 = 5000, stream: UInt64? = nil, budget: UInt64? = nil, link: UInt64? = nil
  ) -> Reason? {
    WriteMode.choose(
      writes: [
        MigrationSamples.name("vda"): .init(bytesPerSecond: 0, requestsPerSecond: 0),
        MigrationSamples.name("vdb"): .init(bytesPerSecond: mebibytes * 1_048_576, requestsPerSecond: 1000),
      ], overMilliseconds: milliseconds, streamMiBps: stream, budgetBps: budget.map { $0 * mebibyte },
      linkBps: link.map { $0 * mebibyte })
  }

  @Test("the guest's writes wait where they come about as fast as they are copied, and only where that is known")
  func choice() {
    #expect(choose(100) == nil)
    #expect(choose(9, stream: 10)?.code == .writesWait)
    #expect(choose(7, stream: 10) == nil)
    #expect(choose(9, budget: 10)?.message.contains("its part of the bandwidth budgets is 10.0 MiB/s") == true)
    #expect(choose(7, budget: 10, link: 100) == nil)
    #expect(choose(90, link: 100)?.code == .writesWait)
    #expect(choose(70, link: 100) == nil)
    #expect(choose(90, milliseconds: 400, link: 100) == nil)
  }
}
