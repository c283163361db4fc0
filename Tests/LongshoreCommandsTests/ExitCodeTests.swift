import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

@Suite struct ExitCodeTests {
  @Test func everyOutcomeHasItsCode() {
    let cancelled = Sample.event(4, .cancelled)
    let refusing = Sample.reply(.checked([Check(.noSpace, on: Sample.beta.host, .refused, "full")], disks: []))
    let passing = Sample.reply(.checked([Check(.noSpace, on: Sample.beta.host, .warning, "nearly full")], disks: []))
    let expected: [(FollowOutcome, Int32)] = [
      (.ended(Sample.completed(4)), 0), (.accepted(Sample.accepted), 0), (.checked(passing), 0),
      (.endedBefore(Sample.status(.completed)), 0),
      (.ended(Sample.verified(.equal)), 0), (.ended(Sample.verified(.unknown)), 6), (.ended(Sample.verified(.differs)), 7),
      (.ended(Sample.failed(4)), 1), (.endedBefore(Sample.status(.failed)), 1),
      (.ended(cancelled), 2), (.endedBefore(Sample.status(.cancelled)), 2),
      (.refused(Sample.rejected), 3), (.ended(Sample.failed(4, stage: .checks)), 3), (.checked(refusing), 3),
      (.needsAttention(Sample.event(5, .needsAttention)), 5),
      (.detached(accepted: true), 130), (.detached(accepted: false), 130),
    ]
    for (outcome, code) in expected { #expect(outcome.exit.rawValue == code, "\(outcome)") }
  }

  @Test(
    arguments: [
      (LinkError.Code.unknownHost, 3), (.unknownCluster, 3), (.notPermitted, 4), (.unreadableReply, 5), (.invalidSettings, 64),
      (.unreachable, 69), (.topologyMissing, 69), (.noAnswer, 124), (LinkError.Code(text: "new"), 69),
    ] as [(LinkError.Code, Int32)])
  func everyErrorOfTheLinkHasItsCode(code: LinkError.Code, exit: Int32) {
    #expect(CommandFailure(LinkError(code, "text", while: "testing")).exit.rawValue == exit)
  }
}
