import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The users of agents")
struct PeerUserTests {
  @Test("a message is of the host that its user is of")
  func objections() throws {
    let users = PeerUser("agent-{host}")
    let message = try #require(MessageSamples.peerMessages(of: .confirm).first)
    #expect(message.from.host.text == "alpha" && users.name(of: message.from.host) == "agent-alpha")
    #expect(users.objection(to: message, from: "agent-alpha") == nil)
    for user in ["agent-beta", "", "agent-{host}", "AGENT-ALPHA", nil] as [String?] {
      let reason = try #require(users.objection(to: message, from: user), "\(user ?? "nobody")")
      #expect(reason.code == .notAuthorised && reason.message.contains("agent-alpha"))
    }
    #expect(PeerUser("longshore").objection(to: message, from: "longshore") == nil)
  }
}
