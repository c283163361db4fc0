import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

extension SlowLinkTests {
  /// The dashboard as a browser shows it, over a broker and hosts that are there.
  @Suite(
    "The dashboard in a browser", .serialized, .enabled(if: Browser.isThere, Browser.missing),
    .enabled(if: Client.longshore != nil, Client.missingLongshore))
  struct Dashboard {
    @Test("A migration is watched from its order to its end, on a page that is never loaded again and a bar that never runs backwards")
    func migration() async throws {
      let lab = try await Lab.find()
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await WebProgram.with(lab, ["dashboard"]) { dashboard in
            try await Browser.with { browser in
              try await browser.open(dashboard.address)
              try await Self.watchBars(in: browser)
              let id = try await orchestrator.migrate(guest, from: .alpha)
              let row = "document.querySelector(`#running tr[data-key=\"\(id)\"] progress`)"
              try await browser.wait(for: "\(row)?.value > 0", "the migration is under way")
              try await browser.keepScreenshot("overview")
              try await browser.keepScreenshot("overview-dark", isDark: true)
              try await browser.keepScreenshot("overview-phone", width: 360, height: 800)
              try await browser.wait(
                for: "!!document.querySelector(`#recent tr[data-key=\"\(id)\"]`) && !\(row)", "the migration has ended")
              #expect(try await browser.run("window.isFirst === true") == .flag(true))
              guard case .list(let values) = try await browser.run("window.values[\"\(id)\"]") else {
                Issue.record("the bar was not seen")
                return
              }
              let numbers = values.compactMap { value -> Decimal? in if case .number(let number) = value { number } else { nil } }
              #expect(numbers.count == values.count && numbers.count >= 3 && numbers == numbers.sorted(), "\(values)")
              #expect(try await orchestrator.end(of: id).kind == .completed)
              try await browser.open(dashboard.address + "migrations/\(id)")
              try await browser.wait(for: "document.querySelectorAll('#story li').length >= 6", "the story is there")
              #expect(try await browser.run("document.querySelector('.is-here .name').textContent") == .text("beta"))
              #expect(try await browser.run("!!document.querySelector('.chart polyline')") == .flag(true))
              try await browser.keepScreenshot("migration", height: 1500)
              try await browser.keepScreenshot("migration-dark", height: 1500, isDark: true)
              try await browser.keepScreenshot("migration-phone", width: 360, height: 1600)
            }
          }
        }
      }
    }

    @Test("A broker that is away is told, what was known stays, and what is told again is so by itself")
    func brokerAway() async throws {
      let lab = try await Lab.find()
      try await WebProgram.with(lab, ["dashboard"]) { dashboard in
        try await Browser.with { browser in
          try await browser.open(dashboard.address)
          try await browser.wait(for: "!!document.querySelector('#hosts tr[data-key=beta]')", "the hosts are there")
          try await browser.run("window.isFirst = true; document.querySelector('#hosts a').focus(); true")
          try await lab.command("broker", "stop")
          try await finally {
            try await browser.wait(for: "!!document.querySelector('#broker-away')", "the broker is told to be away")
            #expect(try await browser.run("!!document.querySelector('#hosts tr[data-key=beta]')") == .flag(true))
            try await browser.keepScreenshot("broker-away")
          } do: {
            try await lab.command("broker", "start")
          }
          try await browser.wait(for: "!document.querySelector('#broker-away')", "the broker is told to be back")
          // What was told meanwhile is read, to its end.
          try await browser.wait(for: "document.querySelector('#connection').textContent.includes('connected')", "the history is read")
          #expect(try await browser.run("window.isFirst === true") == .flag(true))
          #expect(try await browser.run("document.activeElement.textContent") == .text("alpha"))
        }
      }
    }

    @Test("A migration's page that is opened before the history is read finds it there, and says what was looked at where it is not")
    func search() async throws {
      let lab = try await Lab.find()
      try await Teller.with(lab) { teller in
        let told = try Teller.Told("found-later")
        for (index, kind) in [MigrationEventData.Kind.accepted, .preparing, .prepared, .transferring].enumerated() {
          try await teller.tell(kind, index + 1, of: told)
        }
        try await teller.tell(.cancelled, 5, of: told, runsAt: teller.source.host)
        let heading = "document.querySelector('h1').textContent"
        try await lab.command("broker", "stop")
        try await WebProgram.with(lab, ["dashboard"]) { dashboard in
          try await Browser.with { browser in
            try await finally {
              try await browser.open(dashboard.address + "migrations/\(told.id)")
              #expect(try await browser.run(heading) == .text("Not found yet"))
              #expect(try await browser.run("document.body.innerText.includes('The broker is away')") == .flag(true))
              try await browser.keepScreenshot("search-away")
            } do: {
              try await lab.command("broker", "start")
            }
            try await browser.wait(
              for: "\(heading) === 'found-later' && document.querySelectorAll('#story li').length === 5", "the migration is shown")
            try await browser.open(dashboard.address + "migrations/nobody")
            try await browser.wait(
              for: "\(heading) === 'Not found' && document.body.innerText.includes('the oldest is of')", "it is nowhere")
            try await browser.keepScreenshot("search-in-vain")
            try await browser.keepScreenshot("search-in-vain-phone", width: 360, height: 800)
          }
        }
      }
    }

    @Test("Ten thousand that have ended are in the list, in pages")
    func manyEnded() async throws {
      let lab = try await Lab.find()
      let count = 10_000
      try await Self.publish(count, to: lab)
      try await WebProgram.with(lab, ["dashboard"]) { dashboard in
        try await Browser.with { browser in
          try await browser.open(dashboard.address + "ended?guest=many-")
          try await browser.wait(for: "document.querySelector('#ended p').textContent.includes('of \(count)')", "all are in the list")
          #expect(try await browser.run("document.querySelectorAll('#ended tbody tr').length") == .number(50))
          try await browser.keepScreenshot("ended")
          try await browser.keepScreenshot("ended-phone", width: 360, height: 800)
          try await browser.run("document.querySelector('.pages li:last-child a').click(); true")
          try await browser.wait(for: "document.querySelector('.pages')?.textContent.includes('Page 200 of 200')", "the last page is there")
          try await browser.open(dashboard.address + "ended?guest=many-\(count - 1)&state=failed")
          try await browser.wait(for: "!!document.querySelector('#ended .empty')", "none of them has failed")
        }
      }
    }

    @Test("Twenty at once each have a row with a bar that never runs backwards, on a screen and on a phone")
    func twentyAtOnce() async throws {
      let lab = try await Lab.find()
      let guests = (1...20).map { number in number.isMultiple(of: 5) ? "customer-database-primary-\(number)" : "web-\(number)" }
      try await Teller.with(lab) { teller in
        try await WebProgram.with(lab, ["dashboard"]) { dashboard in
          try await Browser.with { browser in
            try await browser.open(dashboard.address)
            try await Self.watchBars(in: browser)
            let rows = "[...document.querySelectorAll('#running tbody tr')]"
            try await teller.withTransfers(of: guests) { all in
              // Progress of what is not known yet is no news.
              try await browser.wait(for: "\(rows).length === 20", "all are under way")
              // What is copied a first time, and what the guests have changed meanwhile, which then has to be copied again.
              let steps: [(disk: UInt64, memory: UInt64)] = [(20, 0), (60, 0), (100, 40), (90, 100), (95, 20), (100, 80)]
              for (step, done) in steps.enumerated() {
                // The rate tells the steps apart.
                let rate = step + 11
                for (index, told) in all.enumerated() {
                  let lead = UInt64(index % 5)
                  try await teller.tell(
                    told, step: step, disk: max(lead, done.disk) - lead, memory: max(lead, done.memory) - lead, rate: UInt64(rate) << 20)
                }
                try await browser.wait(
                  for: "\(rows).filter((row) => row.innerText.includes('\(rate) MiB/s')).length === 20", "all are at the step \(step)")
                if step == 1 {
                  try await browser.keepScreenshot("twenty", height: 1900)
                  try await browser.keepScreenshot("twenty-phone", width: 360, height: 1600)
                }
              }
              try await browser.keepScreenshot("twenty-again-dark", height: 1900, isDark: true)
              let fell = try await browser.run(
                "Object.values(window.values).filter((all) => all.length < 3 || all.some((value, at) => value < all[at - 1])).length")
              #expect(fell == .number(0))
              #expect(try await browser.run("Object.keys(window.values).length") == .number(20))
            }
            try await browser.wait(for: "\(rows).length === 0", "none is under way")
          }
        }
      }
    }

    @Test("A browser that runs no scripts shows what there is")
    func withoutScripts() async throws {
      let lab = try await Lab.find()
      try await Teller.with(lab) { teller in
        try await WebProgram.with(lab, ["dashboard"]) { dashboard in
          try await Browser.with { browser in
            try await teller.withTransfers(of: ["plain-1", "plain-2", "plain-3"]) { all in
              // By the page that tells of changes, so that the dashboard is known to have heard of them.
              try await browser.open(dashboard.address)
              try await browser.wait(for: "document.querySelectorAll('#running tbody tr').length === 3", "all are under way")
              for told in all { try await teller.tell(told, step: 0, disk: 50, memory: 50, rate: 1 << 20) }
              let bars = "document.querySelectorAll('#running tbody tr progress[value]:not([value=\"0\"])').length"
              try await browser.wait(
                for: "\(bars) === 3 && document.querySelector('#hosts tr[data-key=beta]').innerText.includes('answers')", "all are told")
              try await browser.openWithoutScripts(dashboard.address)
              #expect(try await browser.run(bars) == .number(3))
              let hosts = "[...document.querySelectorAll('#hosts tbody tr')].map((row) => row.dataset.key).join()"
              #expect(try await browser.run(hosts) == .text("alpha,beta,gone"))
              try await browser.keepScreenshot("without-scripts")
              try await browser.openWithoutScripts(dashboard.address + "migrations/\(all[0].id)")
              #expect(try await browser.run("document.querySelectorAll('#story li').length") == .number(4))
              #expect(try await browser.run("document.querySelector('[data-age]').textContent.startsWith('at ')") == .flag(true))
              try await browser.keepScreenshot("without-scripts-migration", height: 1500)
            }
          }
        }
      }
    }

    @Test("Who has the token cancels a migration, after a question, and sees its end")
    func cancel() async throws {
      let lab = try await Lab.find()
      let token = UUID().uuidString
      let file = FileManager.default.temporaryDirectory.appending(path: "longshore-token-\(token)").path
      try Data("\(token)\n".utf8).write(to: URL(filePath: file))
      defer { try? FileManager.default.removeItem(atPath: file) }
      try await Guest.with(.mixed, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          try await WebProgram.with(lab, ["dashboard", "--action-token-file", file]) { dashboard in
            try await Browser.with { browser in
              // So slow that it is far from its end.
              let id = try await orchestrator.migrate(guest, from: .alpha, options: MigrationOptions(bandwidthMiBps: 4))
              try await browser.open(dashboard.address)
              try await browser.wait(for: "!!document.querySelector(`#running tr[data-key=\"\(id)\"] a`)", "the migration is under way")
              try await browser.open(dashboard.address + "migrations/\(id)/cancel")
              #expect(try await browser.run("location.pathname") == .text("/login"))
              try await browser.run(
                "document.querySelector('input[name=token]').value = '\(token)'; document.querySelector('#form button').click(); true")
              try await browser.wait(for: "!!document.querySelector('#form .danger')", "it is asked whether to cancel")
              try await browser.keepScreenshot("cancel")
              try await browser.run("document.querySelector('#form .danger').click(); true")
              let lastLine = "document.querySelector('#story li:last-child')?.innerText"
              try await browser.wait(
                for: "location.pathname === '/migrations/\(id)' && \(lastLine)?.includes('cancelled')", "the migration has ended")
              try await browser.keepScreenshot("cancelled", height: 1500)
              #expect(try await browser.run("document.querySelector('.is-here .name').textContent") == .text("alpha"))
              #expect(try await orchestrator.end(of: id).kind == .cancelled)
              #expect(try await guest.state(on: .alpha) == "running")
            }
          }
        }
      }
    }

    /// Has the page note each value of each bar, by its migration.
    private static func watchBars(in browser: Browser) async throws {
      try await browser.run(
        """
        window.isFirst = true; window.values = {};
        new MutationObserver(() => document.querySelectorAll("#running tr[data-key] progress").forEach((bar) => {
          const all = window.values[bar.closest("tr").dataset.key] ||= [];
          if (all.at(-1) !== bar.value) all.push(bar.value);
        })).observe(document.body, { subtree: true, childList: true, attributes: true }); true
        """)
    }

    /// Has a host of its own tell the ends of many migrations.
    private static func publish(_ count: Int, to lab: Lab) async throws {
      try await Teller.with(lab) { teller in
        let start = Teller.now.adding(milliseconds: Int64(count) * -1000)
        try await withThrowingTaskGroup(of: Void.self) { group in
          for number in 0..<count {
            if number >= 200 { try await group.next() }
            let id = try #require(MigrationID("many-\(number)"))
            let event = MigrationEvent(
              migration: id, host: teller.source, sequence: 1, time: start.adding(milliseconds: Int64(number) * 1000),
              data: MigrationEventData(
                .completed,
                guest: GuestReference(
                  uuid: "00000000-0000-4000-8000-\(String(1_000_000_000_000 + number).suffix(12))", name: "many-\(number)"),
                sourceHost: teller.source.host, destinationHost: teller.destination, runsAt: teller.destination, seconds: 60,
                downtimeMs: 200,
                bytes: MigrationEventData.Bytes(template: 0, disks: 1 << 30, memory: 1 << 28)))
            group.addTask { try await teller.tell(event) }
          }
          try await group.waitForAll()
        }
      }
    }
  }
}
