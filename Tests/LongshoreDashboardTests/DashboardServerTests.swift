import HTTPTestClient
import LongshoreClient
import LongshoreMessages
import Synchronization
import Testing

@testable import LongshoreDashboard

@Suite("The dashboard's server", .timeLimit(.minutes(10))) struct DashboardServerTests {
  private static func busy() -> ClusterModel {
    ClusterModel(events: Array(Sample.history().prefix(4)) + Sample.history("old", from: -50))
  }

  @Test("Pages are there, with headers that let nothing foreign in")
  func pages() async throws {
    try await RunningDashboard.with(Self.busy()) { dashboard in
      for target in [
        "/", "/ended", "/ended?page=7&host=alpha&state=completed&guest=web", "/migrations/m-1", "/migrations/old", "/hosts/alpha",
      ] {
        let answer = try await dashboard.get(target)
        #expect(answer.status == 200 && answer.body.hasPrefix("<!DOCTYPE html>") && answer.body.contains("web-1"), "\(target)")
        let policy = try #require(answer.headers["content-security-policy"])
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"))
        #expect(answer.headers["x-content-type-options"] == "nosniff" && answer.headers["cache-control"] == "no-store")
        #expect(answer.headers["date"] == "Sat, 31 Jan 2026 18:31:40 GMT")
        let head = try await HTTPConnection.send("HEAD", target, to: dashboard.port)
        #expect(head.status == 200 && head.body.isEmpty && head.headers["content-length"] == answer.headers["content-length"])
      }
      let events = try await dashboard.get("/migrations/m-1/events.jsonl")
      #expect(events.body.split(separator: "\n").count == 4)
    }
  }

  @Test("What is not there, not allowed, too long or not well-formed is said to be so")
  func refusals() async throws {
    try await RunningDashboard.with(Self.busy().complete()) { dashboard in
      for target in [
        "/nothing", "/migrations/unknown", "/hosts/nobody", "/hosts/UPPER", "/migrations/a/b", "/login", "/live?page=%2Fnothing",
      ] {
        #expect(try await dashboard.get(target).status == 404, "\(target)")
      }
      for target in ["/?a=%zz", "/%ff", "/ended?guest=%"] { #expect(try await dashboard.get(target).status == 400, "\(target)") }
      #expect(try await dashboard.get("/" + String(repeating: "a", count: 3_000)).status == 414)
      for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = try await HTTPConnection.send(method, "/", to: dashboard.port)
        #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD")
      }
      #expect(try await HTTPConnection.send("POST", "/migrations/m-1/cancel", to: dashboard.port).status == 404)
    }
  }

  @Test(
    "What is not known yet is looked for until the history is read and the hosts were asked, and then not found",
    arguments: ["/migrations/late", "/migrations/late/events.jsonl", "/migrations/late/cancel", "/hosts/gamma", "/hosts/gamma/move"])
  func search(target: String) async throws {
    try await RunningDashboard.with(Self.busy(), hasToken: true) { dashboard in
      let (cookie, _) = try await Self.logIn(dashboard, "/migrations/m-1/cancel")
      let isPage = target.split(separator: "/").count == 2
      let steps: [(ClusterModel.Input, String)] = [
        (.brokerLost(reason: "refused"), "The broker is away."), (.brokerBack, "The history of events is being read."),
        (.replaying(since: Sample.time(-1_000)), "since <time datetime=\"2026-01-31T18:13:20.000Z\">"),
        (.event(Sample.event(1, .accepted, at: -100, of: "early")), "0 % of the time is read"),
        (.event(Sample.event(2, .preparing, at: 50, of: "early")), "75 % of the time is read"),
        (.replayed, "the hosts are being asked"),
      ]
      for (input, words) in steps {
        await dashboard.state.apply(input)
        let answer = try await dashboard.get(target, headers: [("Cookie", cookie)])
        #expect(answer.status == 503 && answer.headers["retry-after"] == "3", "\(input)")
        #expect(answer.body.contains("<h1>Not found yet</h1>") && answer.body.contains("content=\"3\""), "\(input)")
        #expect(answer.body.contains(words), "\(input)")
        #expect(answer.body.contains("data-live=\"searching\"") == isPage)
      }
      await dashboard.state.apply(.askedInVain)
      let missing = try await dashboard.get(target, headers: [("Cookie", cookie)])
      #expect(missing.status == 404 && missing.headers["retry-after"] == nil && missing.body.contains("<h1>Not found</h1>"))
      #expect(missing.body.contains("since <time datetime=\"2026-01-31T18:13:20.000Z\">"))
      #expect(missing.body.contains("the oldest is of <time datetime=\"2026-01-31T18:28:20.000Z\">"))
      #expect(missing.body.contains(target.hasPrefix("/hosts") ? "longshore hosts" : "longshore status late"))
      // A broker that was away may have what was told meanwhile.
      await dashboard.state.apply(.brokerLost(reason: "reset"))
      #expect(try await dashboard.get(target, headers: [("Cookie", cookie)]).status == 503)
      await dashboard.state.apply(.brokerBack)
      await dashboard.state.apply(.replaying(since: Sample.time(-1_000)))
      #expect(try await dashboard.get(target, headers: [("Cookie", cookie)]).status == 503)
      await dashboard.state.apply(.event(Sample.event(4, .transferring, at: 10, of: "late", from: Sample.node("gamma"))))
      #expect(try await dashboard.get(target, headers: [("Cookie", cookie)]).status == 200)
    }
  }

  @Test("A browser that looks for a migration is told when it is found")
  func found() async throws {
    try await RunningDashboard.with(Self.busy()) { dashboard in
      try await HTTPConnection.with(dashboard.port) { chunks, write in
        try await write("GET /live?page=%2Fmigrations%2Flate HTTP/1.1\r\nHost: x\r\n\r\n")
        var reader = EventReader(chunks)
        #expect(try await reader.next()?.data.contains("\"kind\":\"searching\"") == true)
        for input in [ClusterModel.Input.brokerBack, .replayed, .askedInVain] { await dashboard.state.apply(input) }
        await dashboard.hub.tick()
        #expect(try await reader.next()?.data.contains("\"kind\":\"missing\"") == true)
        await dashboard.state.apply(.event(Sample.event(4, .transferring, at: 10, of: "late")))
        await dashboard.hub.tick()
        #expect(try await reader.next()?.data.contains("\"kind\":\"shown\"") == true)
      }
    }
  }

  @Test("Nothing is said to be empty before all is known")
  func emptiness() async throws {
    try await RunningDashboard.with { dashboard in
      for target in ["/", "/ended", "/ended?guest=web"] {
        let body = try await dashboard.get(target).body
        #expect(body.contains("None is known yet.") && !body.contains("None has") && !body.contains("No migration"), "\(target)")
      }
      for input in [ClusterModel.Input.brokerBack, .replayed, .askedInVain] { await dashboard.state.apply(input) }
      for (target, words) in [("/", "No migration is under way."), ("/ended", "None has ended."), ("/ended?guest=web", "is so.")] {
        let body = try await dashboard.get(target).body
        #expect(body.contains(words) && !body.contains("known yet"), "\(target)")
      }
    }
  }

  @Test("Files are in the binary, and a browser that has one is told so")
  func assets() async throws {
    try await RunningDashboard.with { dashboard in
      for (path, asset) in Asset.all {
        let answer = try await dashboard.get(path)
        #expect(answer.status == 200 && answer.body == asset.text && answer.headers["content-type"] == asset.contentType)
        let tag = try #require(answer.headers["etag"])
        let again = try await dashboard.get(path, headers: [("If-None-Match", tag)])
        #expect(again.status == 304 && again.body.isEmpty)
      }
    }
  }

  @Test("It is alive at once, and ready when it is connected, has read the history and has asked")
  func readiness() async throws {
    try await RunningDashboard.with { dashboard in
      #expect(try await dashboard.get("/healthz").status == 200)
      for input in [ClusterModel.Input.brokerBack, .replayed, .round(HostRound(askedAt: Sample.start))] {
        #expect(try await dashboard.get("/readyz").status == 503)
        await dashboard.state.apply(input)
      }
      #expect(try await dashboard.get("/readyz").status == 200)
      await dashboard.state.apply(.brokerLost(reason: "reset"))
      let away = try await dashboard.get("/readyz")
      #expect(away.status == 503 && away.body.contains("reset"))
      #expect(try await dashboard.get("/").body.contains("The broker is away"))
    }
  }

  @Test("A proxy is told that what changes is not to be gathered")
  func proxies() async throws {
    try await RunningDashboard.with(Self.busy()) { dashboard in
      let answer = try await HTTPConnection.send("HEAD", "/live?page=%2F", to: dashboard.port)
      #expect(answer.status == 200 && answer.headers["x-accel-buffering"] == "no")
      #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
    }
  }

  @Test("A browser is told its page once, and then what has changed")
  func live() async throws {
    try await RunningDashboard.with(Self.busy()) { dashboard in
      try await HTTPConnection.with(dashboard.port) { chunks, write in
        try await write("GET /live?page=%2Fmigrations%2Fm-1 HTTP/1.1\r\nHost: x\r\n\r\n")
        var reader = EventReader(chunks)
        let first = try #require(try await reader.next())
        #expect(first.name == "parts" && first.data.contains("\"story\"") && first.data.contains("\"plan\""))
        // Without news nothing is told; the next message is of the news.
        await dashboard.hub.tick()
        await dashboard.state.apply(.progress(Sample.progress(at: 20, disks: [Sample.amount(1, of: 2)])))
        await dashboard.hub.tick()
        let second = try #require(try await reader.next())
        #expect(second.data.contains("\"copy\"") && !second.data.contains("\"story\"") && !second.data.contains("\"plan\""))
        #expect(!second.data.contains("\n"))
        #expect(await dashboard.hub.readerCount == 1)
      }
      // Who has gone is noticed by the next message.
      var round: UInt64 = 0
      while await dashboard.hub.readerCount > 0 {
        let amount = Sample.amount(1 + round % 2, of: 3)
        await dashboard.state.apply(.progress(Sample.progress(at: 30 + Double(round), disks: [amount])))
        await dashboard.hub.tick()
        await Task.yield()
        round += 1
      }
    }
  }

  @Test("Who comes to a page that others look at is told how it is now")
  func latecomers() async throws {
    try await RunningDashboard.with(Self.busy()) { dashboard in
      try await HTTPConnection.with(dashboard.port) { chunks, write in
        try await write("GET /live?page=%2Fmigrations%2Fm-1 HTTP/1.1\r\nHost: x\r\n\r\n")
        var first = EventReader(chunks)
        #expect(try await first.next()?.data.contains("copied, 50 B left") == false)
        await dashboard.state.apply(.progress(Sample.progress(at: 20, disks: [Sample.amount(50, of: 100)])))
        try await HTTPConnection.with(dashboard.port) { chunks, write in
          try await write("GET /live?page=%2Fmigrations%2Fm-1 HTTP/1.1\r\nHost: x\r\n\r\n")
          var second = EventReader(chunks)
          #expect(try await second.next()?.data.contains("copied, 50 B left") == true)
        }
        #expect(try await first.next()?.data.contains("copied, 50 B left") == true)
      }
    }
  }

  @Test("Who does not read is dropped, and holds up nobody")
  func slowReaders() async throws {
    var model = ClusterModel(cluster: Sample.cluster)
    for number in 0..<200 {
      model.apply(.event(Sample.event(4, .transferring, at: 1, of: "m-\(number)", guest: "guest-\(number)")), at: Sample.start)
    }
    try await RunningDashboard.with(model, limits: LiveHub.Limits(readers: 2, backlog: 3)) { dashboard in
      try await HTTPConnection.silent(dashboard.port, "/live?page=%2F") {
        while await dashboard.hub.readerCount < 1 { await Task.yield() }
        try await HTTPConnection.with(dashboard.port) { chunks, write in
          try await write("GET /live?page=%2F HTTP/1.1\r\nHost: x\r\n\r\n")
          var reader = EventReader(chunks)
          #expect(try await reader.next()?.name == "parts")
          #expect(try await dashboard.get("/live?page=%2F").status == 503)
          // What the kernel takes for who does not read comes first.
          var round: UInt64 = 2
          while await dashboard.hub.readerCount > 1 {
            let amount = Sample.amount(round % 500, of: 500)
            for number in 0..<200 {
              await dashboard.state.apply(.progress(Sample.progress(at: Double(round), of: "m-\(number)", disks: [amount])))
            }
            await dashboard.hub.tick()
            #expect(try await reader.next()?.name == "parts")
            round += 1
          }
        }
      }
    }
  }

  @Test("Who has the token gets in, cancels after a question, and gets out")
  func actions() async throws {
    try await RunningDashboard.with(Self.busy(), hasToken: true) { dashboard in
      let target = "/migrations/m-1/cancel"
      #expect(try await dashboard.get(target).headers["location"] == "/login?for=/migrations/m-1/cancel")
      #expect(try await dashboard.post("/login", "token=wrong").status == 403)
      let entered = try await dashboard.post("/login", "token=\(RunningDashboard.token)&for=\(target)")
      #expect(entered.status == 303 && entered.headers["location"] == target)
      let cookie = try #require(entered.headers["set-cookie"])
      #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"))
      let session = String(cookie.prefix { $0 != ";" })
      let question = try await dashboard.get(target, headers: [("Cookie", session)])
      #expect(question.status == 200 && question.body.contains("Cancel the migration of web-1?"))
      let form = try #require(question.body.split(separator: "name=\"form\" value=\"").last?.prefix { $0 != "\"" })
      #expect(dashboard.actions.asked.isEmpty)
      #expect(try await dashboard.post(target, "form=\(form)", cookie: session).status == 303)
      #expect(dashboard.actions.asked == [.cancel(Sample.id("m-1"))])
      #expect(try await dashboard.post("/migrations/old/cancel", "form=\(form)", cookie: session).status == 409)
      #expect(try await dashboard.post("/logout", "form=\(form)", cookie: session).status == 303)
      #expect(try await dashboard.post(target, "form=\(form)", cookie: session).status == 403)
      #expect(dashboard.actions.asked.count == 1)
    }
  }

  /// Logs in; returns the cookie and what forms carry.
  private static func logIn(_ dashboard: RunningDashboard, _ page: String) async throws -> (cookie: String, form: String) {
    let entered = try await dashboard.post("/login", "token=\(RunningDashboard.token)")
    let cookie = String(try #require(entered.headers["set-cookie"]).prefix { $0 != ";" })
    let question = try await dashboard.get(page, headers: [("Cookie", cookie)])
    return (cookie, String(try #require(question.body.split(separator: "name=\"form\" value=\"").last?.prefix { $0 != "\"" })))
  }

  @Test("Who has the token changes the limits of a migration, and what is no limit is said")
  func tuning() async throws {
    try await RunningDashboard.with(Self.busy(), hasToken: true) { dashboard in
      let target = "/migrations/m-1/tune"
      let (cookie, form) = try await Self.logIn(dashboard, target)
      for (fields, words) in [
        ("", "Give at least one limit."), ("downtime=0", "The longest pause is a whole number"), ("bandwidth=much", "The bandwidth is a"),
        ("deadline=99999999", "The time in all is"),
      ] {
        let answer = try await dashboard.post(target, "form=\(form)&\(fields)", cookie: cookie)
        #expect(answer.status == 400 && answer.body.contains(words), "\(fields)")
      }
      #expect(dashboard.actions.asked.isEmpty)
      let answer = try await dashboard.post(target, "form=\(form)&downtime=500&bandwidth=&deadline=90", cookie: cookie)
      #expect(answer.status == 200 && answer.body.contains("the longest pause of the guest: <b>500 ms</b>, before 300 ms"))
      #expect(
        dashboard.actions.asked == [.tune(Sample.id("m-1"), TransferLimits(maxDowntimeMs: 500, deadlineSeconds: 5_400))])
      #expect(try await dashboard.post("/migrations/old/tune", "form=\(form)&downtime=500", cookie: cookie).status == 409)
    }
  }

  @Test("Who has the token moves a guest, after its checks and a question")
  func moving() async throws {
    let refused = CheckRule.knownPool.failed(on: try #require(NodeName("beta")), "there is no pool of the name fast")
    for checks in [[], [refused]] {
      try await RunningDashboard.with(Self.busy(), hasToken: true, actions: RunningDashboard.Actions(checks: checks)) { dashboard in
        let target = "/hosts/alpha/move"
        let (cookie, form) = try await Self.logIn(dashboard, target)
        for (fields, words) in [
          ("guest=web-1", "Choose the host that it goes to."), ("to=beta", "Choose a guest."),
          ("guest=web-1&to=beta&pool=a%2Fb", "is no pool"),
        ] {
          let answer = try await dashboard.post(target, "form=\(form)&step=check&\(fields)", cookie: cookie)
          #expect(answer.status == 400 && answer.body.contains(words), "\(fields)")
        }
        #expect(dashboard.actions.asked.isEmpty)
        let fields = "form=\(form)&guest=web-1&to=beta&pool=fast&priority=high"
        let checked = try await dashboard.post(target, "\(fields)&step=check", cookie: cookie)
        var order = MigrateCommand(
          guest: try #require(ResourceName("web-1")), destination: .init(host: try #require(NodeName("beta"))),
          pools: .init(default: ResourceName("fast")), priority: .high)
        #expect(dashboard.actions.asked == [.check(order)])
        #expect(checked.body.contains("The migration would run.") == checks.isEmpty)
        #expect(checked.body.contains("there is no pool of the name fast") == !checks.isEmpty)
        let id = checked.body.split(separator: "name=\"id\" value=\"").dropFirst().first?.prefix { $0 != "\"" }
        #expect((id == nil) == !checks.isEmpty)
        guard let id else { return }
        // A form that is sent twice is one migration.
        for _ in 1...2 {
          let ordered = try await dashboard.post(target, "\(fields)&step=move&id=\(id)", cookie: cookie)
          #expect(ordered.status == 200 && ordered.body.contains("/migrations/\(id)"))
        }
        order.dryRun = nil
        let wanted = RunningDashboard.Actions.Asked.migrate(order, try #require(MigrationID(String(id))))
        #expect(dashboard.actions.asked.dropFirst() == [wanted, wanted])
      }
    }
  }

  @Test("No other page's form does anything", arguments: ["/migrations/m-1/cancel", "/migrations/m-1/tune", "/hosts/alpha/move"])
  func forgery(target: String) async throws {
    try await RunningDashboard.with(Self.busy(), hasToken: true) { dashboard in
      let entered = try await dashboard.post("/login", "token=\(RunningDashboard.token)")
      let session = String(try #require(entered.headers["set-cookie"]).prefix { $0 != ";" })
      let question = try await dashboard.get(target, headers: [("Cookie", session)])
      let form = try #require(question.body.split(separator: "name=\"form\" value=\"").last?.prefix { $0 != "\"" })
      for (body, cookie, origin) in [
        ("form=\(form)", session, "http://evil.example"), ("form=\(form)", session, "null"), ("form=\(form)", nil, nil),
        ("form=", session, nil),
        ("form=\(String(repeating: "0", count: form.count))", session, nil), ("form=\(form)", "longshore-session=guess", nil),
        ("form=\(form)&downtime=500&guest=web-1&to=beta&x=" + String(repeating: "a", count: 5_000), session, nil),
      ] as [(String, String?, String?)] {
        #expect(try await dashboard.post(target, body, cookie: cookie, origin: origin).status == 403)
      }
      let bare = try await HTTPConnection.send("POST", target, to: dashboard.port, headers: [("Cookie", session)], body: "form=\(form)")
      #expect(bare.status == 403)
      #expect(dashboard.actions.asked.isEmpty)
      #expect(try await dashboard.post("/login", "token=\(RunningDashboard.token)", origin: "http://evil.example").status == 403)
    }
  }

  @Test("Tokens cannot be tried out")
  func guessing() async throws {
    try await RunningDashboard.with(hasToken: true) { dashboard in
      for _ in 0..<ActionGate.triesPerMinute {
        let wrong = try await dashboard.post("/login", "token=guess")
        #expect(wrong.status == 403)
      }
      let right = try await dashboard.post("/login", "token=\(RunningDashboard.token)")
      #expect(right.status == 429)
    }
  }

  @Test("A refusal of the host is shown")
  func refusal() async throws {
    let actions = RunningDashboard.Actions(refusal: ActionRefusal(reasons: [Reason(.tooLate, "the guest has switched")], message: nil))
    try await RunningDashboard.with(Self.busy(), hasToken: true, actions: actions) { dashboard in
      let entered = try await dashboard.post("/login", "token=\(RunningDashboard.token)")
      let session = String(try #require(entered.headers["set-cookie"]).prefix { $0 != ";" })
      let question = try await dashboard.get("/migrations/m-1/cancel", headers: [("Cookie", session)])
      let form = try #require(question.body.split(separator: "name=\"form\" value=\"").last?.prefix { $0 != "\"" })
      let answer = try await dashboard.post("/migrations/m-1/cancel", "form=\(form)", cookie: session)
      #expect(answer.status == 409 && answer.body.contains("the guest has switched"))
    }
  }
}

/// Reads server-sent events out of what comes.
private struct EventReader {
  private var chunks: AsyncThrowingStream<String, any Error>.Iterator
  private var text = ""

  init(_ chunks: AsyncThrowingStream<String, any Error>) { self.chunks = chunks.makeAsyncIterator() }

  /// The next event; nil where the connection has ended.
  mutating func next() async throws -> (name: String, data: String)? {
    while true {
      if let start = text.firstRange(of: "event: "), let end = text[start.upperBound...].firstRange(of: "\n\n") {
        let lines = text[start.upperBound..<end.lowerBound].split(separator: "\n", maxSplits: 1)
        text = String(text[end.upperBound...])
        return (String(lines.first ?? ""), String((lines.last ?? "").dropFirst("data: ".count)))
      }
      guard let chunk = try await chunks.next(isolation: #isolation) else { return nil }
      text += chunk
    }
  }
}
