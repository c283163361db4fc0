import FoundationEssentials
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The pages of the program")
struct ProgramPagesTests {
  /// The resident bytes of the program's code, in KiB.
  private static func residentCode() throws -> Int {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let text = String(decoding: try ProcessFile.contents(of: "/proc/self/smaps"), as: UTF8.self)
    var isCode = false
    var sum = 0
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.first?.contains("-") == true {
        isCode = words.count > 1 && words[1].hasPrefix("r-xp") && line.hasSuffix(program)
      } else if isCode, words.first == "Rss:", let size = words.dropFirst().first.flatMap({ Int($0) }) {
        sum += size
      }
    }
    return sum
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
