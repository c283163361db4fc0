import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreClient
@testable import LongshoreDashboard

@Suite("What to do about a migration that needs attention") struct AttentionAdviceTests {
  private func steps(for codes: Reason.Code...) -> [String] {
    AttentionAdvice(
      for: codes.map { Reason($0, "as it is") }, of: Sample.id("m-1"), guest: Sample.guest("web-1"), from: Sample.alpha, to: Sample.beta
    ).steps
  }

  @Test("each code has steps that no other has, and names its section of the page")
  func own() {
    for code in AttentionAdvice.codes {
      let others = Set(AttentionAdvice.codes.filter { $0 != code }.flatMap { steps(for: $0) })
      let own = steps(for: code).filter { !others.contains($0) }
      #expect(own.count >= 3, "\(code)")
      #expect(own.last == "The page \"A migration needs attention\" has more, at \"\(code.text)\": \(AttentionAdvice.installedPage)")
    }
  }

  @Test("the codes are those that agents count, and all are sections of the page")
  func known() throws {
    let table = try Repository.text("contrib/metrics/README.md").split(separator: "\n")
    let row = try #require(table.first { $0.contains("`longshore_needs_attention_total`") })
    let counted = row.split(separator: "|")[2].matches(of: /`([a-z-]+)`/).map { String($0.output.1) }.dropFirst()
    #expect(Set(counted) == Set(AttentionAdvice.codes.map(\.text)))
    let page = try Repository.text("Sources/LongshoreCommands/Longshore.docc/how-to/needs-attention.md")
    #expect(page.hasPrefix("# \(AttentionAdvice.page)\n"))
    for code in AttentionAdvice.codes { #expect(page.contains("\n## \(code.text)\n")) }
  }

  @Test("a code of a call that fails is told as one that fails, two reasons as both, and none by a look at both hosts")
  func others() {
    #expect(steps(for: .noSpace) == steps(for: .operationFailed))
    let both = steps(for: .splitBrain, .contentDiffers, .splitBrain)
    #expect(both.first == steps(for: .splitBrain).first)
    #expect(both.contains { $0 == steps(for: .contentDiffers).first })
    #expect(Set(both).count == both.count && both.last?.contains("at \"split-brain\" and \"content-differs\"") == true)
    #expect(steps().first?.contains("`virsh domstate \(Sample.guest("web-1").uuid) --reason` on alpha and on beta") == true)
  }

  @Test("stands on the migration's page")
  func page() {
    for code in AttentionAdvice.codes {
      let model = ClusterModel(events: [Sample.event(2, .needsAttention, at: 20) { $0.reasons = [Reason(code, "as it is")] }])
      let page = MigrationPage.page(model, Sample.id("m-1"), at: Sample.time(21))?.parts.first { $0.id == "advice" }?.content.text ?? ""
      for step in steps(for: code) { #expect(page.contains(Piece.prose(step).text), "\(code)") }
    }
  }
}
