import FoundationEssentials
package import LongshoreMessages
import Subprocess
import SystemPackage

/// Chromium without a screen, with one page, spoken to by its DevTools protocol over a pipe.
package actor Browser {
  /// What the browser said of a command or of a script.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String

    /// Whether a script was ended because the browser left its page. What Chromium says then depends on how far it was.
    var isOfPageThatWasLeft: Bool {
      ["Inspected target navigated or closed", "Execution context was destroyed", "Cannot find context"].contains {
        description.contains($0)
      }
    }
  }

  /// Where Debian has it.
  private static let program = "/usr/bin/chromium"
  /// Whether there is one.
  package static var isThere: Bool { FileManager.default.isExecutableFile(atPath: program) }
  /// What to install where there is none.
  package static let requirement = "needs Debian's package chromium"

  private let write: @Sendable ([UInt8]) async throws -> Void
  private var session: String?
  private var lastID = 0
  private var waiting: [Int: CheckedContinuation<[UInt8], any Error>] = [:]
  /// How many pages have been loaded, and who waits for the next.
  private var loads = 0
  private var loading: [CheckedContinuation<Void, any Error>] = []
  private var hasEnded = false

  private init(write: @escaping @Sendable ([UInt8]) async throws -> Void) { self.write = write }

  /// Starts a browser, lets it be used, and ends it.
  package static func with<Value: Sendable>(_ body: @Sendable (Browser) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: "longshore-browser-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // The protocol's pipes are the descriptors 3 and 4. The browser ends when its own is closed.
    let command = """
      exec \(program) --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run \
      --remote-debugging-pipe --user-data-dir="$1" about:blank 3<&0 4>&1 </dev/null >/dev/null
      """
    return try await Subprocess.run(
      .path("/bin/sh"), arguments: ["-c", command, "-", folder], input: .inputWriter, output: .sequence, error: .discarded
    ) { execution in
      let writer = execution.standardInputWriter
      let browser = Browser { _ = try await writer.write($0) }
      return try await withThrowingTaskGroup(of: Void.self) { group in
        let output = execution.standardOutput
        group.addTask { try await browser.read(output) }
        try await browser.attach()
        let value = try await body(browser)
        _ = try? await browser.call("Browser.close", [:], inSession: false)
        try await group.waitForAll()
        return value
      }
    }.closureResult
  }

  /// Opens an address, and waits until it is there.
  package func open(_ address: String) async throws {
    try await run("window.isLeft = true")
    _ = try await call("Page.navigate", ["url": .text(address)])
    try await wait(for: "!window.isLeft && document.readyState === 'complete'", "\(address) is there")
  }

  /// Opens an address as a browser that runs no scripts of pages, from now on, and waits until it is there.
  package func openWithoutScripts(_ address: String) async throws {
    _ = try await call("Emulation.setScriptExecutionDisabled", ["value": .flag(true)])
    let before = loads
    _ = try await call("Page.navigate", ["url": .text(address)])
    while loads == before {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        guard !hasEnded else {
          continuation.resume(throwing: Failure(description: "the browser has ended"))
          return
        }
        loading.append(continuation)
      }
    }
  }

  /// Runs a script, which may be a promise, and returns its value as JSON.
  @discardableResult
  package func run(_ script: String) async throws -> JSONValue {
    let result = try await call(
      "Runtime.evaluate", ["expression": .text(script), "awaitPromise": .flag(true), "returnByValue": .flag(true)])
    if case .object(let details)? = result["exceptionDetails"] { throw Failure(description: "\(details)") }
    return result["result"]?["value"] ?? .null
  }

  /// Waits until a condition holds, which is looked at again with each change of the page, and on the next page where this one is left
  /// meanwhile.
  package func wait(for condition: String, _ what: String) async throws {
    while true {
      do {
        return try await waitOnPage(for: condition, what)
      } catch let failure as Failure where failure.isOfPageThatWasLeft {
        continue
      }
    }
  }

  private func waitOnPage(for condition: String, _ what: String) async throws {
    try await run(
      """
      new Promise((resolve, reject) => {
        const holds = () => { try { return \(condition); } catch { return false; } };
        const end = (found) => { observer.disconnect(); clearInterval(timer); clearTimeout(limit); found ? resolve(true) : reject(new Error("not so: " + \(JSONValue.text(what)) + " in " + document.body.innerText.slice(0, 2000))); };
        const look = () => { if (holds()) end(true); };
        const observer = new MutationObserver(look);
        observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
        const timer = setInterval(look, 200), limit = setTimeout(() => end(false), 120000);
        look();
      })
      """)
  }

  /// Looks at the page as on a screen of a size, light or dark.
  /// - Returns: What is seen, as PNG, and by how many pixels the page is wider than the screen.
  package func look(width: Int, height: Int, isDark: Bool) async throws -> (picture: [UInt8], overflow: Int) {
    _ = try await call(
      "Emulation.setDeviceMetricsOverride",
      ["width": .number(Decimal(width)), "height": .number(Decimal(height)), "deviceScaleFactor": .number(1), "mobile": .flag(width < 500)])
    _ = try await call(
      "Emulation.setEmulatedMedia",
      ["features": .list([.object(["name": .text("prefers-color-scheme"), "value": .text(isDark ? "dark" : "light")])])])
    let overflow = try await run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    let picture = try await call("Page.captureScreenshot", ["format": .text("png")])
    guard case .text(let encoded)? = picture["data"], let bytes = Data(base64Encoded: encoded), case .number(let pixels) = overflow else {
      throw Failure(description: "no picture in \(picture)")
    }
    return ([UInt8](bytes), Int("\(pixels)") ?? .max)
  }

  // MARK: The protocol

  private func attach() async throws {
    let targets = try await call("Target.getTargets", [:], inSession: false)
    guard case .list(let infos)? = targets["targetInfos"],
      case .text(let target)? = infos.first(where: { $0["type"] == .text("page") })?["targetId"]
    else { throw Failure(description: "there is no page") }
    let attached = try await call("Target.attachToTarget", ["targetId": .text(target), "flatten": .flag(true)], inSession: false)
    guard case .text(let id)? = attached["sessionId"] else { throw Failure(description: "\(attached)") }
    session = id
    _ = try await call("Page.enable", [:])
  }

  private func call(_ method: String, _ parameters: [String: JSONValue], inSession: Bool = true) async throws -> JSONValue {
    lastID += 1
    let id = lastID
    var message: [String: JSONValue] = ["id": .number(Decimal(id)), "method": .text(method), "params": .object(parameters)]
    if inSession, let session { message["sessionId"] = .text(session) }
    let bytes = Array(JSONValue.object(message).description.utf8) + [0]
    let answer = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<[UInt8], any Error>) in
      guard !hasEnded else {
        continuation.resume(throwing: Failure(description: "the browser has ended"))
        return
      }
      waiting[id] = continuation
      Task { do { try await write(bytes) } catch { take(failure: error, of: id) } }
    }
    let reply = try JSONDecoder().decode(JSONValue.self, from: Data(answer))
    if let error = reply["error"] { throw Failure(description: "\(method): \(error)") }
    return reply["result"] ?? .null
  }

  private func take(failure: any Error, of id: Int) { waiting.removeValue(forKey: id)?.resume(throwing: failure) }

  private func read(_ output: SubprocessOutputSequence) async throws {
    var rest: [UInt8] = []
    for try await buffer in output {
      for byte in buffer.withUnsafeBytes({ [UInt8]($0) }) {
        guard byte == 0 else {
          rest.append(byte)
          continue
        }
        // Events have no id.
        struct Head: Decodable {
          var id: Int?
          var method: String?
        }
        let head = try JSONDecoder().decode(Head.self, from: Data(rest))
        if let id = head.id { waiting.removeValue(forKey: id)?.resume(returning: rest) }
        if head.method == "Page.loadEventFired" {
          loads += 1
          for continuation in loading { continuation.resume() }
          loading = []
        }
        rest = []
      }
    }
    hasEnded = true
    for continuation in waiting.values { continuation.resume(throwing: Failure(description: "the browser has ended")) }
    for continuation in loading { continuation.resume(throwing: Failure(description: "the browser has ended")) }
    waiting = [:]
    loading = []
  }
}
