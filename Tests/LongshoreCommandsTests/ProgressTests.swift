import ArgumentParser
import LongshoreMessages
import Testing

@testable import LongshoreCommands

@Suite struct ProgressTests {
  private static let plain = Style.plain
  private static let unicode = Style(colour: false, unicode: true)

  @Test func theBarFillsByEighths() {
    #expect(ProgressBar.draw(0, width: 4, style: Self.unicode) == "░░░░")
    #expect(ProgressBar.draw(0.375, width: 4, style: Self.unicode) == "█▌░░")
    #expect(ProgressBar.draw(0.999, width: 4, style: Self.unicode) == "███▉")
    #expect(ProgressBar.draw(1, width: 4, style: Self.unicode) == "████")
    #expect(ProgressBar.draw(0.5, width: 5, style: Self.plain) == "##...")
    #expect(ProgressBar.draw(9, width: 2, style: Self.plain) == "##")
    #expect(ProgressBar.draw(0.5, width: 0, style: Self.plain) == "")
  }

  @Test func aPartNeverRunsBackwards() throws {
    var parts = ProgressParts()
    parts.update(Sample.progress(memory: Sample.amount(400, of: 500)))
    parts.update(Sample.progress(memory: Sample.amount(300, of: 600)))
    let memory = try #require(parts.all.first)
    #expect(memory.furthest == 0.8)
    #expect(memory.bytes == "catching up, 300 B left")
    parts.update(Sample.progress(memory: Sample.amount(600, of: 600)))
    #expect(parts.all.first?.furthest == 1)
    #expect(parts.all.first?.bytes == "600 of 600 B")
  }

  @Test func manyDisksAreOnePart() {
    var parts = ProgressParts()
    parts.update(Sample.progress(disks: Array(repeating: Sample.amount(1, of: 4), count: 5)))
    #expect(parts.all.map(\.name) == ["5 disks"])
    #expect(parts.all.first?.amount == Sample.amount(5, of: 20))
  }

  @Test func numbersFromTheWireMayBeAnything() {
    var parts = ProgressParts()
    let wild = Progress.Amount(done: .max, remaining: .max, total: 1)
    parts.update(Sample.progress(template: wild, disks: [wild, wild], memory: wild))
    #expect(parts.whole.furthest == 0)
    #expect(parts.whole.bytes.hasPrefix("0 of"))
    parts.update(Sample.progress(memory: Progress.Amount(done: 0, remaining: 0, total: 0)))
    #expect(parts.all.first?.furthest == 1)
  }

  @Test func theBlockAtEightyColumns() {
    #expect(
      lines(width: 79) == [
        "web-1  alpha -> beta - transferring - 30s",
        "  template  ################################# 100 %  1.0 of 1.0 GiB",
        "  vda       ################.................  50 %  2.0 of 4.0 GiB",
        "  memory    ########.........................  25 %  128 of 512 MiB",
        "  112 MiB/s - 1m 30s left, until 18:32:00",
      ])
  }

  @Test func theBlockWithoutRoomForBars() {
    #expect(
      lines(width: 30) == [
        "web-1  alpha -> beta - transfe",
        "  template  100 %  1.0 of 1.0 ",
        "  vda        50 %  2.0 of 4.0 ",
        "  memory     25 %  128 of 512 ",
        "  112 MiB/s",
      ])
  }

  @Test(arguments: [1, 8, 20, 39, 40, 60, 79, 132, 400])
  func noLineIsWiderThanTheTerminal(width: Int) {
    var state = Self.state
    state.guest = "ゲスト-\u{1b}[2J-\(String(repeating: "x", count: 300))"
    state.linkLost = "connection reset"
    for style in [Self.plain, Self.unicode] {
      let lines = ProgressBlock.lines(state, at: Sample.time(30), width: width, zone: .fixed(0), style: style)
      #expect(lines.allSatisfy { $0.columns <= width })
      #expect(lines.allSatisfy { !$0.contains("\u{1b}") })
    }
  }

  @Test func whatKeepsItFromItsEndIsToldWhole() {
    var state = Self.state
    state.progress?.reasons = [Reason(.notConverging, "the memory does not converge: allow a longer pause (`tune`), or more")]
    let lines = ProgressBlock.lines(state, at: Sample.time(30), width: 40, zone: .fixed(0), style: .plain)
    #expect(
      lines.suffix(3) == ["the memory does not converge: allow a", "longer pause (`tune`), or more", "[not-converging]"])
  }

  @Test func silenceIsTold() {
    let lines = ProgressBlock.lines(Self.state, at: Sample.time(75), width: 79, zone: .fixed(0), style: .plain)
    #expect(lines.last == "Nothing heard for 45s.")
  }

  @Test func theBlockIsDrawnOverItself() {
    var block = LiveBlock()
    #expect(block.draw(["one", "two"], width: 80) == "one\ntwo\n")
    #expect(block.draw(["three"], width: 80) == "\u{1b}[2F\u{1b}[Jthree\n")
    #expect(block.erase(width: 80) == "\u{1b}[1F\u{1b}[J")
    #expect(block.erase(width: 80) == "")
  }

  @Test func aNarrowerTerminalHasWrappedTheLines() {
    var block = LiveBlock()
    _ = block.draw([Style(colour: true, unicode: true).bold(String(repeating: "x", count: 79)), "short"], width: 80)
    #expect(block.erase(width: 40) == "\u{1b}[3F\u{1b}[J")
  }

  private static var state: FollowedState {
    var state = FollowedState(
      guest: "web-1", source: "alpha", destination: "beta", phase: "ordered", heardAt: Sample.start)
    state.apply(.event(Sample.event(1, .accepted)), at: Sample.start)
    let progress = Sample.progress(
      template: Sample.amount(Sample.gibibyte, of: Sample.gibibyte),
      disks: [Sample.amount(2 * Sample.gibibyte, of: 4 * Sample.gibibyte)],
      memory: Sample.amount(128 << 20, of: 512 << 20), elapsed: 30, remaining: 90)
    state.apply(.progress(Sample.progressEvent(progress, at: 30)), at: Sample.time(30))
    return state
  }

  private func lines(width: Int) -> [String] {
    ProgressBlock.lines(Self.state, at: Sample.time(30), width: width, zone: .fixed(0), style: Self.plain)
  }
}

@Suite struct PresenterTests {
  @Test func plainProgressIsALineAPhaseAndOneEachTenSeconds() {
    var presenter = PlainPresenter(
      state: FollowedState(guest: "web-1", source: "alpha", destination: "beta", phase: "ordered", heardAt: Sample.start),
      zone: .fixed(0), style: .plain)
    var text = presenter.present(.accepted, at: Sample.start)
    text += presenter.present(.event(Sample.event(2, .transferring, at: 1)), at: Sample.time(1))
    for second in 2...25 {
      let disk = Sample.amount(UInt64(second), of: 100)
      let progress = Sample.progress(disks: [disk], elapsed: Double(second), remaining: 60)
      text += presenter.present(.progress(Sample.progressEvent(progress, at: Double(second))), at: Sample.time(Double(second)))
    }
    text += presenter.present(.linkLost(reason: "reset"), at: Sample.time(26))
    text += presenter.present(.event(Sample.event(3, .switching, at: 27)), at: Sample.time(27))
    #expect(
      text == """
        18:30:00 web-1  alpha -> beta: accepted
        18:30:01 web-1  alpha -> beta: transferring
        18:30:11 web-1  alpha -> beta: transferring: 11 %, 11 of 100 B, 112 MiB/s, 1m 00s left
        18:30:21 web-1  alpha -> beta: transferring: 21 %, 21 of 100 B, 112 MiB/s, 1m 00s left
        18:30:26 web-1  alpha -> beta: the broker is away (reset); trying again
        18:30:27 web-1  alpha -> beta: switching

        """)
  }

  private static let raised = Reason(.downtimeRaised, "permitted downtime raised from 300 to 450 ms")

  @Test func plainProgressTellsWhatWasDoneAndWhatKeepsItBack() {
    var presenter = PlainPresenter(
      state: FollowedState(guest: "web-1", source: "alpha", destination: "beta", phase: "ordered", heardAt: Sample.start),
      zone: .fixed(0), style: .plain)
    var text = presenter.present(.event(Sample.event(2, .transferring, at: 1)), at: Sample.time(1))
    var progress = Sample.progress(disks: [Sample.amount(50, of: 100)], elapsed: 12)
    progress.reasons = [Reason(.notConverging, "the memory does not converge")]
    text += presenter.present(.progress(Sample.progressEvent(progress, at: 12)), at: Sample.time(12))
    text += presenter.present(.event(Sample.event(3, .transferring, at: 13) { $0.reasons = [Self.raised] }), at: Sample.time(13))
    #expect(
      text == """
        18:30:01 web-1  alpha -> beta: transferring
        18:30:12 web-1  alpha -> beta: transferring: 50 %, 50 of 100 B, 112 MiB/s; the memory does not converge [not-converging]
        18:30:13 web-1  alpha -> beta: transferring: permitted downtime raised from 300 to 450 ms [downtime-raised]

        """)
  }

  @Test func whatWasDoneStaysAboveTheBlock() {
    var presenter = LivePresenter(
      state: FollowedState(guest: "web-1", source: "alpha", destination: "beta", phase: "ordered", heardAt: Sample.start),
      zone: .fixed(0), style: .plain, columns: { 80 })
    let text = presenter.present(.event(Sample.event(3, .transferring, at: 13) { $0.reasons = [Self.raised] }), at: Sample.time(13))
    #expect(text.hasPrefix("18:30:13 transferring\n  - permitted downtime raised from 300 to 450 ms [downtime-raised]\n"))
  }

  @Test func jsonProgressIsTheEventsOfTheWire() throws {
    var presenter = JSONPresenter()
    let event = Sample.event(2, .preparing)
    let text = presenter.present(.event(event), at: Sample.start)
    #expect(text.hasSuffix("}\n"))
    #expect(try MessageCoding.decode(MigrationEvent.self, from: Array(text.utf8)) == event)
    #expect(presenter.present(.linkLost(reason: "reset"), at: Sample.start) == "")
  }

  @Test(arguments: [
    (OutputOptions.ProgressMode.auto, true, [:], OutputOptions.ProgressMode.tty, true),
    (.auto, false, [:], .plain, false),
    (.auto, true, ["TERM": "dumb"], .plain, false),
    (.auto, true, ["NO_COLOR": "1"], .tty, false),
    (.auto, true, ["NO_COLOR": ""], .tty, true),
    (.tty, false, [:], .tty, false),
    (.none, true, [:], .none, true),
    (.json, true, [:], .json, true),
  ])
  func theTerminalDecidesHowProgressLooks(
    asked: OutputOptions.ProgressMode, isTerminal: Bool, variables: [String: String],
    mode: OutputOptions.ProgressMode, hasColour: Bool
  ) throws {
    let options = try OutputOptions.parse(["--progress", asked.rawValue])
    let policy = OutputPolicy(
      options, environment: variables, outputIsTerminal: false, errorIsTerminal: isTerminal)
    #expect(policy.progressMode == mode)
    #expect(policy.progress.colour == hasColour)
    #expect(!policy.result.colour)
  }

  @Test func noColorAndQuietCount() throws {
    let options = try OutputOptions.parse(["--no-color", "--quiet"])
    let policy = OutputPolicy(options, environment: [:], outputIsTerminal: true, errorIsTerminal: true)
    #expect(policy.progressMode == .none)
    #expect(!policy.result.colour && !policy.progress.colour)
  }

  @Test(arguments: [
    (["LANG": "C.UTF-8"], true), (["LANG": "de_DE.utf8"], true), (["LANG": "C"], false), ([:], false),
    (["LC_ALL": "C", "LANG": "C.UTF-8"], false), (["LC_ALL": "", "LANG": "C.UTF-8"], true),
  ])
  func theLocaleDecidesOnTheCharacters(variables: [String: String], unicode: Bool) throws {
    let policy = OutputPolicy(
      try OutputOptions.parse([]), environment: variables, outputIsTerminal: true, errorIsTerminal: true)
    #expect(policy.result.unicode == unicode)
  }
}
