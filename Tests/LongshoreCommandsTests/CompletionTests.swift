import ArgumentParser
import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

@Suite("Completions that ask the bus", .timeLimit(.minutes(10)))
struct CompletionTests {
  private static func host(guests: [HostDescription.Guest] = [], pools: [HostDescription.Pool] = []) -> Reply.Body {
    .host(
      HostDescription(
        agentVersion: "0.1.0", libvirtVersion: nil, hypervisorVersion: nil, migrations: 0, pools: pools, guests: guests))
  }

  private static func guest(_ name: String, _ state: String = "running") -> HostDescription.Guest {
    HostDescription.Guest(uuid: "u", name: name, state: state)
  }

  private func values(
    _ kind: BusCompletion.Kind, _ replies: [Reply], words: [String] = [], edit: (inout CommandHarness) -> Void = { _ in }
  ) async -> [String] {
    var harness = CommandHarness()
    harness.link = FakeLink(answers: { _, _ in .success(replies) })
    edit(&harness)
    let (never, end) = AsyncStream<Void>.makeStream()
    defer { end.finish() }
    return await BusCompletion(kind: kind).candidates(words: words, in: harness.environment) { _ in for await _ in never {} }.map(\.value)
  }

  @Test func hostsThatAnswerAreOffered() async {
    let replies = [Sample.reply(Self.host(), from: Sample.beta), Sample.reply(Self.host(), from: Sample.alpha)]
    #expect(await values(.host, replies) == ["alpha", "beta"])
  }

  @Test func guestsAndPoolsAreOfferedOnceAndNoneThatCannotBeUsed() async {
    let pool = HostDescription.Pool(name: "fast", type: "dir", active: true, capacity: 1, available: 1)
    let old = HostDescription.Pool(name: "old", type: "dir", active: false, capacity: 1, available: 1)
    let body = Self.host(guests: [Self.guest("web-1"), Self.guest("db", "shut off"), Self.guest("app", "paused")], pools: [pool, old])
    let replies = [Sample.reply(body, from: Sample.alpha), Sample.reply(body, from: Sample.beta)]
    #expect(await values(.guest, replies) == ["app", "web-1"])
    #expect(await values(.pool, replies) == ["fast"])
  }

  /// Bash expands what it is offered.
  @Test func namesThatAShellWouldExpandAreNotOffered() async {
    let names = ["$(touch x)", "`id`", "a b", "a\nb", "-rf", "a*", "a'b", "~root", "ü", "", "a\\b", "ok_1.2+3"]
    let replies = [Sample.reply(Self.host(guests: names.map { Self.guest($0) }), from: Sample.alpha)]
    #expect(await values(.guest, replies) == ["ok_1.2+3"])
  }

  @Test func migrationsAreOfferedTheNewestFirst() async {
    var older = Sample.status(.completed)
    older.id = Sample.id("m-0")
    older.acceptedAt = Sample.time(-60)
    let replies = [Sample.reply(.migrations([older, Sample.status(.transferring)]))]
    #expect(await values(.migration, replies) == ["m-1", "m-0"])
  }

  @Test func whatAMigrationIsIsShownWhereTheShellShowsIt() {
    let candidate = BusCompletion.Candidate(value: "m-1", description: "web-1 from alpha to beta, queued")
    #expect(BusCompletion.line(candidate, for: .bash) == "m-1")
    #expect(BusCompletion.line(candidate, for: .zsh) == "m-1:web-1 from alpha to beta, queued")
    #expect(BusCompletion.line(candidate, for: .fish) == "m-1\tweb-1 from alpha to beta, queued")
  }

  @Test func nothingIsOfferedWithoutABrokerOrACluster() async {
    let replies = [Sample.reply(Self.host(), from: Sample.alpha)]
    let away = LinkError(.unreachable, "away", while: "connecting to the broker")
    #expect(await values(.host, replies) { $0.linkFailure = away } == [])
    #expect(await values(.host, replies) { $0.variables = [:] } == [])
    #expect(await values(.host, replies) { $0.variables["LONGSHORE_COMPLETION_TIMEOUT"] = "soon" } == [])
    #expect(await values(.host, replies, words: ["longshore", "migrate", "--cluster", "north"]) { $0.variables = [:] } == ["alpha"])
  }

  @Test func aBrokerThatDoesNotAnswerIsWaitedForNoLongerThanThePatience() async {
    let (never, end) = AsyncStream<Void>.makeStream()
    defer { end.finish() }
    var environment = CommandHarness().environment
    environment.openLink = { _, _, _ in
      for await _ in never {}
      return .done
    }
    #expect(await BusCompletion(kind: .host).candidates(words: [], in: environment) { _ in } == [])
  }

  @Test(arguments: [(nil, Duration.seconds(1)), ("10s", .seconds(10))])
  func theSettingsSayHowLongItMayTake(text: String?, time: Duration) async {
    var environment = CommandHarness().environment
    environment.variables["LONGSHORE_COMPLETION_TIMEOUT"] = text
    let (never, end) = AsyncStream<Void>.makeStream()
    defer { end.finish() }
    environment.openLink = { _, _, _ in
      for await _ in never {}
      return .done
    }
    let (waited, teller) = AsyncStream<Duration>.makeStream()
    #expect(await BusCompletion(kind: .host).candidates(words: [], in: environment) { teller.yield($0) } == [])
    #expect(await waited.first { _ in true } == time)
  }

  @Test func theOptionsOfTheLineSayWhereTheBrokerIs() {
    let words = ["longshore", "status", "--broker", "amqp://b", "--format", "json", "--cluster=lab", "--config"]
    #expect(BusCompletion.connectionArguments(in: words) == ["--broker", "amqp://b", "--cluster=lab"])
  }
}
