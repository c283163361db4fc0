import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

/// The board of `longshore watch`.
@Suite struct WatchBoardTests {
  private static func progress(_ number: Int, done: UInt64, seconds: Double? = 70) -> ProgressEvent {
    var progress = Sample.progress(disks: [Sample.amount(done, of: 100)], remaining: seconds)
    progress.guest.name = "guest-\(number)"
    return ProgressEvent(
      id: "m-\(number)/p\(done)", migration: Sample.id("m-\(number)"), host: Sample.alpha, time: Sample.start, data: progress)
  }

  private static func board(_ count: Int) -> WatchBoard {
    var board = WatchBoard()
    for number in 0..<count { board.apply(.progress(progress(number, done: UInt64(number) * 4)), at: Sample.time(Double(number))) }
    return board
  }

  @Test("twenty migrations fit 80 columns and a terminal's height")
  func twenty() {
    let lines = Self.board(20).lines(at: Sample.time(20), width: 79, style: .plain)
    #expect(lines.count == 21)
    #expect(lines.allSatisfy { $0.columns <= 79 }, "\(lines.map(\.columns))")
    let one = lines.first { $0.hasPrefix("guest-5 ") } ?? ""
    #expect(one.contains("20 %") && one.contains("112 MiB/s") && one.contains("1m 10s left"), "\(lines)")
    #expect(lines[20] == "20 moving, 0 waiting. Ctrl-C ends the watching, not the migrations.")
  }

  @Test("of more it says how many there are")
  func more() {
    let lines = Self.board(25).lines(at: Sample.time(25), width: 79, style: .plain)
    #expect(lines.count == 22 && lines[20] == "and 5 more")
  }

  @Test("every width is kept to", arguments: [1, 10, 20, 40, 60, 79, 120, 200])
  func widths(width: Int) {
    for style in [Style.plain, Style(colour: false, unicode: true)] {
      for line in Self.board(3).lines(at: Sample.time(3), width: width, style: style) where width >= 40 {
        #expect(line.columns <= width, "\(line)")
      }
    }
  }

  @Test("what a host lists stays although nothing is told of it, and what has ended does not come back")
  func listed() {
    var board = WatchBoard()
    board.apply(Sample.status(.queued), at: Sample.start)
    let later = Sample.time(Double(WatchBoard.memory) / 1000 + 1)
    #expect(board.lines(at: later, width: 79, style: .plain).count == 1)
    board.apply(Sample.status(.queued), at: later)
    #expect(board.lines(at: later, width: 79, style: .plain).count == 2)
    board.apply(.event(Sample.completed(5)), at: later)
    board.apply(Sample.status(.transferring), at: later)
    #expect(board.lines(at: later, width: 79, style: .plain).count == 1)
  }

  @Test("what waits stands below with what it waits for, and moves up when it begins")
  func waiting() {
    var board = WatchBoard()
    let event = Sample.event(1, .queued, of: Sample.id("m-0")) {
      $0.guest.name = "first"
      $0.waiting = Waiting(
        host: Sample.alpha.host, limit: "limits.outgoing", position: 2, reason: Reason(.limitReached, "four move already"))
    }
    board.apply(.event(event), at: Sample.start)
    board.apply(.progress(Self.progress(7, done: 50)), at: Sample.time(1))
    let lines = board.lines(at: Sample.time(1), width: 79, style: .plain)
    #expect(lines[0].hasPrefix("guest-7") && lines[1].hasPrefix("first"))
    #expect(lines[1].hasSuffix("waits at alpha, no. 2 (limits.outgoing)"))
    #expect(lines[2].hasPrefix("1 moving, 1 waiting."))
    board.apply(.event(Sample.event(2, .preparing, of: Sample.id("m-0"))), at: Sample.time(2))
    #expect(board.lines(at: Sample.time(2), width: 79, style: .plain).last?.hasPrefix("2 moving, 0 waiting.") == true)
  }

  @Test("what needs attention stands first and says so, by its event and by what a host lists, until it goes on")
  func attention() {
    var board = Self.board(2)
    func lines() -> [String] { board.lines(at: Sample.time(3), width: 100, style: .plain) }
    board.apply(.event(Sample.event(4, .needsAttention, of: Sample.id("m-1")) { $0.guest.name = "guest-1" }), at: Sample.time(2))
    board.apply(.progress(Self.progress(1, done: 50)), at: Sample.time(3))
    #expect(lines()[0].hasPrefix("guest-1") && lines()[0].hasSuffix("needs attention, see `longshore status m-1`"))
    #expect(lines()[1].hasPrefix("guest-0") && lines()[1].contains("disks"))
    #expect(lines()[2].hasPrefix("1 needs attention, 1 moving, 0 waiting."))
    board.apply(.event(Sample.event(5, .confirming, of: Sample.id("m-1")) { $0.guest.name = "guest-1" }), at: Sample.time(3))
    #expect(lines()[2].hasPrefix("2 moving, 0 waiting."))

    var status = Sample.status(.needsAttention)
    status.id = Sample.id("m-0")
    board.apply(status, at: Sample.time(3))
    #expect(lines()[0].hasPrefix("guest-0") && lines()[0].contains("needs attention"))
    status.phase = .transferring
    board.apply(status, at: Sample.time(3))
    #expect(!lines()[0].contains("needs attention"))
    // Asked before its last event, and answered after it.
    status.id = Sample.id("m-1")
    status.phase = .needsAttention
    status.updatedAt = Sample.time(-1)
    board.apply(status, at: Sample.time(3))
    #expect(lines()[2].hasPrefix("2 moving, 0 waiting."))
  }

  @Test("what has ended goes, and what is not heard of says so")
  func ended() {
    var board = Self.board(2)
    #expect(board.lines(at: Sample.time(30), width: 100, style: .plain)[0].contains("silent"))
    board.apply(.event(Sample.event(9, .completed, of: Sample.id("m-0"))), at: Sample.time(30))
    #expect(board.lines(at: Sample.time(30), width: 79, style: .plain).count == 2)
    #expect(board.lines(at: Sample.time(700), width: 79, style: .plain) == ["No migrations run. Ctrl-C ends the watching."])
    board.apply(.lost(reason: "gone"), at: Sample.time(31))
    #expect(board.lines(at: Sample.time(31), width: 79, style: .plain).contains { $0.contains("The broker is away (gone)") })
    board.apply(.restored, at: Sample.time(32))
    #expect(!board.lines(at: Sample.time(32), width: 79, style: .plain).contains { $0.contains("away") })
  }

  @Test("a bar never runs backwards")
  func catchingUp() {
    var board = WatchBoard()
    board.apply(.progress(Self.progress(1, done: 90)), at: Sample.start)
    board.apply(.progress(Self.progress(1, done: 60)), at: Sample.time(1))
    let line = board.lines(at: Sample.time(1), width: 100, style: .plain)[0]
    #expect(line.contains("90 %") && line.contains("catching up"))
  }

  @Test("the bar is that of what is copied now")
  func stages() {
    func line(_ board: WatchBoard) -> String { board.lines(at: Sample.time(9), width: 100, style: .plain)[0] }
    var board = WatchBoard()
    func take(_ progress: Progress) {
      board.apply(.progress(Sample.progressEvent(progress, at: 9)), at: Sample.time(9))
    }
    take(Sample.progress(.preparing, template: Sample.amount(95, of: 100)))
    #expect(line(board).contains("template") && line(board).contains("95 %"))
    take(Sample.progress(template: Sample.amount(100, of: 100), disks: [Sample.amount(10, of: 100), Sample.amount(30, of: 100)]))
    #expect(line(board).contains("disks") && line(board).contains("20 %") && !line(board).contains("catching up"))
    take(Sample.progress(disks: [Sample.amount(99, of: 100)], memory: Sample.amount(5, of: 50)))
    #expect(line(board).contains("memory") && line(board).contains("10 %"))
  }
}
