import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The pages of code")
struct ProgramPagesTests {
  /// The resident bytes of the program's code and its libraries', in KiB.
  private static func residentCode() throws -> Int {
    let text = String(decoding: try ProcessFile.contents(of: "/proc/self/smaps"), as: UTF8.self)
    var isCode = false
    var sum = 0
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.first?.contains("-") == true {
        isCode = words.count > 1 && words[1].hasPrefix("r-xp") && line.contains(" /")
      } else if isCode, words.first == "Rss:", let size = words.dropFirst().first.flatMap({ Int($0) }) {
        sum += size
      }
    }
    return sum
  }

  @Test("are those of files that may be run and not written to, and nothing else")
  func code() {
    let maps = """
      55e4a63a9000-55e4a7a44000 r--p 00000000 fe:00 1234                       /usr/bin/longshored
      55e4a7a44000-55e4a7b00000 r-xp 00658000 fe:00 1234                       /usr/bin/longshored
      55e4a7b00000-55e4a7b10000 rw-p 00700000 fe:00 1234                       /usr/bin/longshored
      55e4a8000000-55e4a8021000 rw-p 00000000 00:00 0                          [heap]
      7f0000000000-7f0000010000 r-xp 00026000 fe:00 99                         /usr/lib/a library.so.1 (deleted)
      7f0000020000-7f0000030000 rwxp 00026000 fe:00 99                         /usr/lib/libwritten.so.1
      7f0000040000-7f0000050000 r-xp 00000000 00:00 0
      7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
      """
    #expect(ProgramPages.code(in: maps) == [0x55e4_a7a4_4000..<0x55e4_a7b0_0000, 0x7f00_0000_0000..<0x7f00_0001_0000])
    #expect(ProgramPages.code(in: "").isEmpty)
  }

  /// In a process of its own: what other tests run meanwhile becomes resident again.
  @Test(
    "Code that is given back is not resident any more, and is there when it is called",
    .enabled(if: ExitTests.run, ExitTests.requirement))
  func giveBack() async {
    await #expect(processExitsWith: .success) {
      let before = try ProgramPagesTests.residentCode()
      ProgramPages.giveBack()
      let after = try ProgramPagesTests.residentCode()
      #expect(before > 0)
      #expect(after < before, "\(before) KiB were resident, \(after) are")
      #expect(after > 0)
    }
  }
}
