internal import NIOCore
internal import NIOPosix

/// A connection to a server of this machine, of a client that says exactly what it is told.
public enum HTTPConnection {
  /// What came back.
  public struct Answer: Sendable {
    public var status: Int
    /// The headers, their names in lower case.
    public var headers: [String: String]
    public var body: String

    public init(_ text: String) {
      let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
      let lines = (parts.first ?? "").split(separator: "\r\n")
      status = lines.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
      headers = [:]
      for line in lines.dropFirst() {
        let pair = line.split(separator: ":", maxSplits: 1)
        guard pair.count == 2 else { continue }
        headers[pair[0].lowercased()] = String(pair[1].drop { $0 == " " })
      }
      body = parts.count > 1 ? String(parts[1]) : ""
    }
  }

  /// Sends a request and reads all that comes until the server closes.
  public static func send(
    _ method: String, _ target: String, to port: Int, headers: [(String, String)] = [], body: String = ""
  ) async throws -> Answer {
    var text = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if !body.isEmpty { text += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: \(body.utf8.count)\r\n" }
    return try await send(raw: text + "\r\n" + body, to: port)
  }

  /// Sends the bytes of a request and reads all that comes until the server closes.
  public static func send(raw request: String, to port: Int) async throws -> Answer {
    try await with(port) { lines, write in
      try await write(request)
      var all = ""
      for try await chunk in lines { all += chunk }
      return Answer(all)
    }
  }

  /// Connects, and lets the connection be used.
  public static func with<Result: Sendable>(
    _ port: Int, _ use: @Sendable (AsyncThrowingStream<String, any Error>, @Sendable (String) async throws -> Void) async throws -> Result
  ) async throws -> Result {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) {
      channel in
      channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
    }
    return try await channel.executeThenClose { inbound, outbound in
      let (chunks, teller) = AsyncThrowingStream<String, any Error>.makeStream()
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          do {
            for try await chunk in inbound { teller.yield(String(buffer: chunk)) }
            teller.finish()
          } catch {
            teller.finish()
          }
        }
        let result = try await use(chunks) { try await outbound.write(ByteBuffer(string: $0)) }
        group.cancelAll()
        return result
      }
    }
  }

  /// Connects, asks, and then reads nothing, as long as `use` runs.
  public static func silent(_ port: Int, _ target: String, _ use: @Sendable () async throws -> Void) async throws {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false).connect(host: "127.0.0.1", port: port).get()
    try await channel.writeAndFlush(ByteBuffer(string: "GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    try await use()
    try? await channel.close()
  }
}
