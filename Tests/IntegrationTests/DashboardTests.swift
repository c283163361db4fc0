import AMQP
import FoundationEssentials
import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

/// The dashboard as a browser shows it, over a broker and hosts that are there.
@Suite(
  "The dashboard in a browser", .serialized, .enabled(if: OwnLab.isUsable, OwnLab.missing),
  .enabled(if: Browser.isThere, Browser.missing), .enabled(if: Client.longshore != nil, Client.missingLongshore), .labKept,
  .ownLab("web", "--rate", "200mbit"), .timeLimit(.minutes(5)))
struct DashboardTests {
  @Test("A migration is watched from its order to its end, on a page that is never loaded again and a bar that never runs backwards")
  func migration() async throws {
    let lab = try await Lab.find()
    try await Guest.with(.mixed, in: lab) { guest in
      try await Orchestrator.with(lab) { orchestrator in
        try await WebProgram.with(lab, ["dashboard"]) { dashboard in
          try await Browser.with { browser in
            try await browser.open(dashboard.address)
            try await browser.run(
              """
              window.isFirst = true; window.values = {};
              new MutationObserver(() => document.querySelectorAll("#running tr[data-key] progress").forEach((bar) => {
                const all = window.values[bar.closest("tr").dataset.key] ||= [];
                if (all.at(-1) !== bar.value) all.push(bar.value);
              })).observe(document.body, { subtree: true, childList: true, attributes: true });
              """)
            let id = try await orchestrator.migrate(guest, from: .alpha)
            let row = "document.querySelector(`#running tr[data-key=\"\(id)\"] progress`)"
            try await browser.wait(for: "\(row)?.value > 0", "the migration is under way")
            try await browser.keepScreenshot("overview")
            try await browser.keepScreenshot("overview-dark", isDark: true)
            try await browser.keepScreenshot("overview-phone", width: 360, height: 800)
            try await browser.wait(for: "!!document.querySelector(`#recent tr[data-key=\"\(id)\"]`) && !\(row)", "the migration has ended")
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
        #expect(try await browser.run("window.isFirst === true") == .flag(true))
        #expect(try await browser.run("document.activeElement.textContent") == .text("alpha"))
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

  /// Has a host of its own tell the ends of many migrations.
  private static func publish(_ count: Int, to lab: Lab) async throws {
    let connection = try AMQPConnection(
      configuration: try AMQPConfiguration(url: lab.administratorURL), topology: Topology(),
      logger: Logger(label: "longshore.tests") { _ in SwiftLogNoOpLogHandler() })
    async let running: Void = connection.run()
    try await connection.waitUntilConnected()
    let source = HostAddress(cluster: try #require(NodeName(Lab.cluster)), host: try #require(NodeName("gone")))
    let destination = try #require(NodeName("beta"))
    let start = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000) - Int64(count) * 1000)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        if number >= 200 { try await group.next() }
        let id = try #require(MigrationID("many-\(number)"))
        let event = MigrationEvent(
          migration: id, host: source, sequence: 1, time: start.adding(milliseconds: Int64(number) * 1000),
          data: MigrationEventData(
            .completed,
            guest: GuestReference(uuid: "00000000-0000-4000-8000-\(String(1_000_000_000_000 + number).suffix(12))", name: "many-\(number)"),
            sourceHost: source.host, destinationHost: destination, runsAt: destination, seconds: 60, downtimeMs: 200,
            bytes: MigrationEventData.Bytes(template: 0, disks: 1 << 30, memory: 1 << 28)))
        group.addTask {
          try await connection.publish(
            Message(body: MessageCoding.encode(event), properties: Message.Properties(contentType: Wire.eventContentType)), to: Wire.events,
            routingKey: event.routingKey(host: source), mandatory: false)
        }
      }
      try await group.waitForAll()
    }
    connection.beginShutdown()
    try await running
  }
}
