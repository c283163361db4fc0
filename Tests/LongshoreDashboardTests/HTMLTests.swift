import LongshoreMessages
import Testing

@testable import LongshoreClient
@testable import LongshoreDashboard

@Suite("What is written into pages") struct HTMLTests {
  @Test("Text from anywhere is escaped in elements and attributes")
  func escaping() {
    let hostile = "\"'><script>alert(1)</script>&\u{202e}\u{0}\u{1b}[2J"
    let html: HTML = "<p title=\"\(hostile)\">\(hostile)</p>"
    let escaped = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;???[2J"
    #expect(html.text == "<p title=\"\(escaped)\">\(escaped)</p>")
  }

  @Test("What an agent puts between backticks is set apart, and escaped all the same")
  func prose() {
    #expect(Piece.prose("see `<b>` & `x`").text == "see <kbd>&lt;b&gt;</kbd> &amp; <kbd>x</kbd>")
    #expect(Piece.prose("one ` alone <b>").text == "one ` alone &lt;b&gt;")
  }

  @Test("Parts of addresses are percent-encoded")
  func addresses() {
    let html: HTML = "<a href=\"/x/\(url: "a/b?c&d\"<é")\">"
    #expect(html.text == "<a href=\"/x/a%2Fb%3Fc%26d%22%3C%C3%A9\">")
  }

  @Test("Names change no tag and no attribute of any page", arguments: HostilePages.names)
  func hostileNames(name: String) throws {
    let innocent = try HostilePages(guest: "innocent")
    let hostile = try HostilePages(guest: name)
    #expect(hostile.all.count == innocent.all.count)
    for (page, model) in zip(hostile.all, innocent.all) {
      let (written, wanted) = (TagReader.tags(of: page), TagReader.tags(of: model))
      #expect(written == wanted)
      #expect(wanted.count > 20)
    }
  }

  @Test("Pages carry no script, no style and nothing from elsewhere")
  func contentSecurity() throws {
    for page in try HostilePages(guest: "web-1").all {
      let tags = TagReader.tags(of: page)
      #expect(tags.filter { $0.hasPrefix("script") } == ["script src defer"])
      #expect(!tags.contains { $0.hasPrefix("style") || $0.contains(" style") || $0.contains(" on") })
      #expect(!page.text.contains("http://") && !page.text.contains("https://"))
    }
    #expect(!Asset.style.text.contains("url(") && !Asset.style.text.contains("@import"))
  }

  @Test("Each table has heads with scope, each bar a name, each page one heading of the first rank and its landmarks")
  func accessibility() throws {
    for page in try HostilePages(guest: "web-1").all {
      let tags = TagReader.tags(of: page)
      #expect(tags.filter { $0.hasPrefix("h1") }.count == 1)
      for landmark in ["header", "main", "footer", "nav"] { #expect(tags.contains { $0.hasPrefix(landmark) }) }
      #expect(tags.filter { $0.hasPrefix("th ") || $0 == "th" }.allSatisfy { $0.contains("scope") })
      #expect(tags.filter { $0.hasPrefix("progress") || $0.hasPrefix("meter") }.allSatisfy { $0.contains("aria-label") })
      #expect(tags.filter { $0 == "table" }.count == tags.filter { $0.hasPrefix("caption") }.count)
      #expect(tags.filter { $0.hasPrefix("time") }.allSatisfy { $0.contains("datetime") })
    }
  }

  @Test("Ids of a page are there once")
  func ids() throws {
    for page in try HostilePages(guest: "web-1").all {
      let ids = page.text.split(separator: " id=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
      #expect(Set(ids).count == ids.count, "\(ids)")
    }
  }
}

/// All pages, over a model in which everything is to be seen.
struct HostilePages {
  static let names = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onfocus='alert(1)' autofocus='", "</title><script>", "<!--", "]]>",
    "javascript:alert(1)", "&lt;b&gt;", "\u{202e}gnp.exe", String(repeating: "<", count: 500), "{{7*7}}", "</pre></details>",
  ]

  let all: [HTML]

  init(guest name: String) throws {
    var model = ClusterModel(cluster: Sample.cluster)
    let now = Sample.time(100)
    let reasons = [Reason(Reason.Code(name), name)]
    var inputs: [ClusterModel.Input] = Sample.history("done", guest: name).map { .event($0) }
    inputs += Sample.history("live", from: 50, guest: name).prefix(4).map { .event($0) }
    inputs += (0..<8).map { step in
      .progress(
        Sample.progress(
          at: 60 + Double(step), of: "live", guest: name, disks: [Sample.amount(UInt64(step), of: 9), Sample.amount(1, of: 2)],
          memory: Sample.amount(1, of: 9), dirtyRate: 7, iteration: 2, reasons: reasons))
    }
    inputs.append(.event(Sample.event(2, .needsAttention, at: 60, of: "alarm", guest: name) { $0.reasons = reasons }))
    inputs.append(
      .event(
        Sample.event(2, .failed, at: 60, of: "failed", guest: name) {
          $0.reasons = reasons
          $0.checks = [Check(Reason.Code(name), on: Sample.beta, .refused, name, expected: name, advice: name)]
          $0.stage = .checks
        }))
    inputs.append(
      .event(
        Sample.event(2, .queued, at: 61, of: "queued", guest: name) {
          $0.waiting = Waiting(host: Sample.alpha, limit: name, position: 1, reason: reasons[0])
        }))
    inputs.append(
      .drain(
        DrainEvent(
          drain: Sample.id("d-1"), host: HostAddress(cluster: Sample.cluster, host: Sample.alpha), sequence: 1, time: Sample.start,
          data: DrainEventData(
            .paused, host: Sample.alpha, phase: .paused, counts: DrainEventData.Counts(total: 4, waiting: 1, moving: 1, done: 1, left: 1),
            reasons: reasons))))
    var round = HostRound(askedAt: now)
    var host = Sample.host(guests: 0)
    host.agentVersion = name
    host.guests = [HostDescription.Guest(uuid: name, name: name, state: name)]
    host.pools[0].name = name
    host.pools[0].type = name
    round.hosts[Sample.alpha] = host
    inputs.append(.round(round))
    inputs.append(.brokerBack)
    for input in inputs { model.apply(input, at: now) }
    var reading = model
    reading.apply(.replaying(since: Sample.start), at: now)
    reading.apply(.event(Sample.event(2, .preparing, at: 60, of: "live")), at: now)
    model.apply(.replayed, at: now)
    var away = model
    away.apply(.brokerLost(reason: name), at: now)
    let addresses: [PageAddress] = [
      .overview, .ended(.all, page: 1), .ended(EndedList.Filter(text: name), page: 1), .host(Sample.alpha), .host(Sample.node("nobody")),
    ]
    var pages = (addresses + ["done", "live", "alarm", "failed", "queued", "nobody"].map { .migration(Sample.id($0)) }).map {
      $0.page(of: model, at: now, canAct: true).document(PageFrame(model))
    }
    pages.append(PageAddress.overview.page(of: away, at: now, canAct: false).document(PageFrame(away)))
    pages += [.overview, .migration(Sample.id("nobody")), .host(Sample.node("nobody"))].map { (address: PageAddress) in
      address.page(of: reading, at: now, canAct: false).document(PageFrame(reading))
    }
    guard let record = model.migration(Sample.id("live")), let known = model.hosts[Sample.alpha] else {
      preconditionFailure("the migration and the host are known")
    }
    let form = MoveForm(guest: name, destination: name, pool: name, priority: name)
    let checks = [CheckRule.knownPool.failed(on: Sample.alpha, name, advice: name)]
    let actions = [
      ActionPage.confirm(record, formToken: name), ActionPage.logIn(for: .cancel(record.id), problem: name),
      ActionPage.refused("\(name)", ActionRefusal(reasons: reasons, message: name), back: .none),
      ActionPage.tune(record, formToken: name, problem: name), ActionPage.tuned(record, [LimitChange(.bandwidthMiBps, from: nil, to: 1)]),
      ActionPage.move(known, model, form, formToken: name, problem: name), ActionPage.ordered(name, record.id),
      ActionPage.checked(known, form, guest: name, CheckedMove(checks: checks), id: record.id, formToken: name),
      ActionPage.checked(known, form, guest: name, CheckedMove(checks: []), id: record.id, formToken: name),
    ]
    pages += actions.map { $0.document(PageFrame(model), isLive: false) }
    all = pages
  }
}

/// Reads the tags of a page as a browser does, enough for pages that are written here.
enum TagReader {
  /// Each tag's name and the names of its attributes: `a class href`, `/a`.
  static func tags(of html: HTML) -> [String] {
    var tags: [String] = []
    var rest = Substring(html.text)
    while let start = rest.firstIndex(of: "<") {
      rest = rest[rest.index(after: start)...]
      var words: [String] = []
      var word = ""
      var quote: Character?
      while let character = rest.popFirst() {
        if let open = quote {
          if character == open { quote = nil }
          continue
        }
        switch character {
        case "\"", "'": quote = character
        case ">", " ", "\n":
          if !word.isEmpty { words.append(String(word.prefix { $0 != "=" })) }
          word = ""
        default: word.append(character)
        }
        if character == ">" { break }
      }
      tags.append(words.joined(separator: " "))
    }
    return tags
  }
}
