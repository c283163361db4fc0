import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreClient
@testable import LongshoreDashboard

/// The pages as a browser shows them, over a state that the tests fill.
@Suite("The dashboard's pages in a browser", .serialized, .enabled(if: Browser.isThere, Browser.missing), .timeLimit(.minutes(10)))
struct BrowserTests {
  @Test("Pages fit on a screen and on a phone, light and dark, and all that they say can be read")
  func appearance() async throws {
    let move = "7f0b6c52-2b0e-4c6e-9d0a-0c3a1f6f7a1"
    let pages = [
      ("overview", ""), ("ended", "ended"), ("ended-filtered", "ended?guest=nobody&state=failed"), ("under-way", "migrations/\(move)0"),
      ("not-converging", "migrations/\(move)1"), ("needs-attention", "migrations/\(move)2"), ("queued", "migrations/queued-1"),
      ("failed", "migrations/failed-1"), ("completed", "migrations/done-1"), ("host", "hosts/kvm-rack07-node11"),
      ("silent-host", "hosts/beta"),
      ("missing", "migrations/nobody"), ("missing-host", "hosts/nobody"), ("login", "login"), ("cancel", "migrations/\(move)0/cancel"),
      ("tune", "migrations/\(move)0/tune"), ("move", "hosts/kvm-rack07-node11/move"),
    ]
    try await Self.with(Showcase.model()) { dashboard, address, browser in
      try await browser.open(address + "login")
      try await browser.run(
        "document.querySelector('input[name=token]').value = '\(RunningDashboard.token)'; document.querySelector('#form button').click(); true"
      )
      try await browser.wait(for: "location.pathname === '/' && !!document.querySelector('#hosts tr')", "somebody has logged in")
      for (name, path) in pages {
        try await browser.open(address + path)
        try await Self.expectReadable(browser, name)
      }
      await dashboard.state.apply(.brokerLost(reason: "connection reset by peer"))
      try await browser.open(address)
      try await browser.wait(for: "!!document.querySelector('#broker-away')", "the broker is told to be away")
      try await Self.expectReadable(browser, "broker-away")
    }
    try await Self.with(ClusterModel(cluster: Sample.cluster)) { dashboard, address, browser in
      for input in [ClusterModel.Input.brokerBack, .replayed, .askedInVain] { await dashboard.state.apply(input) }
      for (name, path) in [("empty", ""), ("empty-ended", "ended")] {
        try await browser.open(address + path)
        try await Self.expectReadable(browser, name)
      }
    }
  }

  @Test("A migration's page that is opened before it is known says how far the history is read, and shows it when it is found")
  func search() async throws {
    try await Self.with(ClusterModel(cluster: Sample.cluster)) { dashboard, address, browser in
      try await browser.open(address + "migrations/late")
      let heading = "document.querySelector('h1').textContent"
      #expect(try await browser.run(heading) == .text("Not found yet"))
      for input in [ClusterModel.Input.brokerBack, .replaying(since: Sample.time(-600))] { await dashboard.state.apply(input) }
      for (sequence, second) in [-300.0, -100, 0].enumerated() {
        await dashboard.state.apply(.event(Sample.event(sequence + 1, .transferring, at: second, of: "other")))
        await dashboard.hub.tick()
        let thousandths = (second + 300) * 1000 / 400
        try await browser.wait(for: "document.querySelector('#message progress')?.value === \(Int(thousandths))", "\(second) is told")
      }
      #expect(try await browser.run(heading) == .text("Not found yet"))
      try await Self.expectReadable(browser, "searching")
      await dashboard.state.apply(.event(Sample.event(4, .transferring, at: 40, of: "late", guest: "late-guest")))
      await dashboard.hub.tick()
      try await browser.wait(for: "\(heading) === 'late-guest' && !!document.querySelector('#story li')", "the migration is shown")
      try await browser.keepScreenshot("found")
      // Another, which is nowhere.
      try await browser.open(address + "migrations/nobody")
      #expect(try await browser.run(heading) == .text("Not found yet"))
      for input in [ClusterModel.Input.replayed, .askedInVain] { await dashboard.state.apply(input) }
      await dashboard.hub.tick()
      try await browser.wait(
        for: "\(heading) === 'Not found' && document.body.innerText.includes('longshore status nobody')", "it is nowhere")
      await dashboard.state.apply(.event(Sample.event(1, .accepted, at: 99, of: "nobody", guest: "new-guest")))
      await dashboard.hub.tick()
      try await browser.wait(for: "\(heading) === 'new-guest'", "what is ordered later is shown")
    }
  }

  @Test("What is shown stays while a dashboard that was started anew looks for it")
  func restart() async throws {
    try await Self.with(ClusterModel(events: Array(Sample.history().prefix(4)))) { dashboard, address, browser in
      try await browser.open(address + "migrations/m-1")
      try await browser.run("window.isFirst = true")
      let message = """
        {"title": "Not found yet", "kind": "searching", "now": "2026-01-31T18:31:40.000Z", "parts": {"banner": "<p>reading</p>"}}
        """
      // As the other dashboard tells it: the page's own connection takes no other.
      try await browser.run(
        """
        window.EventSource = class { constructor() { window.told = this; this.of = {}; } addEventListener(name, take) { this.of[name] = take; } close() {} };
        window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
        window.told.of.parts({ data: \(JSONValue.text(message)) }); true
        """)
      #expect(try await browser.run("document.querySelector('#banner').textContent") == .text("reading"))
      #expect(try await browser.run("document.title.startsWith('web-1') && !!document.querySelector('#story li')") == .flag(true))
      #expect(try await browser.run("window.isFirst === true") == .flag(true))
    }
  }

  private static func with(
    _ model: ClusterModel, _ use: @Sendable (RunningDashboard, String, Browser) async throws -> Void
  ) async throws {
    try await RunningDashboard.with(model, hasToken: true) { dashboard in
      try await Browser.with { browser in try await use(dashboard, "http://127.0.0.1:\(dashboard.port)/", browser) }
    }
  }

  /// Expects that nothing on the page is wider than its place, cut off, hard to read, or a time without a zone.
  private static func expectReadable(_ browser: Browser, _ name: String) async throws {
    for (width, height) in [(1280, 1500), (390, 2400)] {
      for isDark in [false, true] {
        let name = "\(name)-\(width)-\(isDark ? "dark" : "light")"
        try await browser.keepScreenshot(name, width: width, height: height, isDark: isDark)
        let found = try await browser.run(faults)
        #expect(found == .list([]), "\(name): \(found)")
      }
    }
  }

  /// A script that lists what is wrong with what the page shows.
  private static let faults = #"""
    (() => {
      const faults = [];
      const note = (what, node) => faults.push(what + ": " + (node.textContent || node.outerHTML).trim().slice(0, 60));
      const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
      const numbers = (color) => color.match(/[\d.]+/g).map(Number);
      const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const color = numbers(getComputedStyle(at).backgroundColor);
          if (color.length < 4 || color[3] === 1) return color;
        }
        return [255, 255, 255];
      };
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const text = walker.currentNode, element = text.parentElement;
        if (!text.data.trim() || element.closest(".unseen, .skip, script, noscript, progress, meter, option, datalist, title, thead")) continue;
        if (!element.checkVisibility()) continue;
        const range = document.createRange();
        range.selectNodeContents(text);
        const box = range.getBoundingClientRect();
        if (!box.width) continue;
        if (!element.closest("pre, svg") && (box.right > innerWidth + 1 || box.left < -1)) note("beside the screen", text);
        const style = getComputedStyle(element);
        const [light, dark] = [luminance(numbers(element.closest("svg") ? style.fill : style.color)), luminance(ground(element))].sort((a, b) => b - a);
        if ((light + 0.05) / (dark + 0.05) < 4.5) note("contrast " + ((light + 0.05) / (dark + 0.05)).toFixed(2), text);
        for (let at = element; at && at !== document.body; at = at.parentElement) {
          const outer = at.getBoundingClientRect(), overflow = getComputedStyle(at);
          if (at.nodeName !== "PRE" && overflow.overflowX !== "visible" && box.right > outer.right + 1) note("cut", text);
        }
      }
      for (const cell of document.querySelectorAll("td[data-label]")) {
        if (getComputedStyle(cell).display === "grid" && getComputedStyle(cell, "::before").whiteSpace === "nowrap") note("label", cell);
      }
      for (const time of document.querySelectorAll("time")) {
        if (!/(UTC|GMT|ago)/.test(time.textContent) && time.checkVisibility()) note("no zone", time);
      }
      for (const scroll of document.querySelectorAll(".scroll")) {
        if (scroll.checkVisibility() && scroll.scrollWidth > scroll.clientWidth) note("scrolls", scroll);
      }
      if (/\b1 (checks|alarms|stay|hosts|migrations|events)\b|\b1 of 1 run\b|\bAll 1\b/.test(document.body.innerText)) note("plural", document.body);
      return faults;
    })()
    """#
}
