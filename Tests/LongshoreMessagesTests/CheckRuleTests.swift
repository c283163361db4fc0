import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

@Suite("The rules that migrations are checked by")
struct CheckRuleTests {
  private static let host = NodeName("beta")

  @Test("say what they expect and what to do otherwise, as parts of a sentence", arguments: CheckRule.all)
  func words(rule: CheckRule) throws {
    let host = try #require(Self.host)
    for text in [rule.expected, rule.advice] { #expect(!text.isEmpty && text.last != "." && text.first?.isUppercase == false) }
    let passed = rule.passed(on: host, "as expected")
    #expect(passed == Check(rule.code, on: host, .passed, "as expected", expected: rule.expected))
    let failed = rule.failed(on: host, "otherwise")
    #expect(failed.outcome == (rule.severity == .refuse ? .refused : .warning))
    #expect(failed.advice == rule.advice)
    #expect(rule.failed(on: host, "otherwise", advice: "do that").advice == "do that")
    #expect(rule.unknown(on: host, "libvirt does not say").outcome == .warning)
  }

  @Test func areAllDifferent() { #expect(Set(CheckRule.all).count == CheckRule.all.count) }

  /// The table between the markers of the page of checks. `LONGSHORE_RECORD_DOCUMENTS=1 swift test --filter CheckRuleTests` writes it anew.
  @Test("stand in the reference")
  func table() throws {
    let page = "Sources/LongshoreCommands/Longshore.docc/reference/checks.md"
    let begin = "<!-- The rules of LongshoreMessages/Check.swift; written by CheckRuleTests. -->\n"
    let end = "<!-- End of the rules. -->"
    var rows = ["| at the | what is expected | or the reason is | what to do otherwise |", "| --- | --- | --- | --- |"]
    for rule in CheckRule.all {
      let code = "`\(rule.code)`" + (rule.severity == .warn ? " (a warning)" : "")
      rows.append("| \(rule.side.rawValue) | \(rule.expected) | \(code) | \(rule.advice) |")
    }
    var text = try Repository.text(page)
    let start = try #require(text.firstRange(of: begin)).upperBound
    let stop = try #require(text.firstRange(of: end)).lowerBound
    let table = rows.map { $0 + "\n" }.joined()
    if ProcessInfo.processInfo.environment["LONGSHORE_RECORD_DOCUMENTS"] == "1" {
      text.replaceSubrange(start..<stop, with: table)
      try text.write(toFile: Repository.path(page), atomically: true, encoding: .utf8)
    } else {
      #expect(text[start..<stop] == table)
    }
  }
}
