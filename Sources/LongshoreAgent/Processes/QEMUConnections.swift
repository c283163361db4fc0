internal import Glibc
internal import SystemPackage

/// The connections that a guest's QEMU has opened to another host: by them it copies disks and memory there.
struct QEMUConnections: Sendable {
  /// One of them.
  struct Connection: Sendable, Hashable {
    /// This host's end, as `ss` writes it.
    let local: String
    /// The other host's end.
    let remote: String
  }

  private static let limit = Duration.seconds(10)
  private let tool = ImageTool(program: "ss")

  /// Ends those to a host, as if the network had: QEMU learns that nothing comes any more, and gives up what it copies there.
  ///
  /// The kernel does it (`SOCK_DESTROY`), which works where QEMU itself does not answer.
  ///
  /// - Parameter addresses: The host's addresses, in digits.
  /// - Returns: Those that were ended.
  /// - Throws: `toolFailed`, `toolMissing`; `notFound` where QEMU does not run.
  func end(of pid: Int32, to addresses: Set<String>) async throws(ImageError) -> [Connection] {
    let operation = "end the connections of QEMU to \(addresses.sorted().joined(separator: ", "))"
    let listing = try await tool.run(["-H", "-t", "-n", "-p", "-a"], operation: operation, limit: Self.limit)
    let found = Self.connections(of: pid, to: addresses, in: String(decoding: listing, as: UTF8.self))
    for connection in found {
      try await tool.run(
        ["-K", "-H", "-t", "-n", "src", connection.local, "dst", connection.remote], operation: operation, limit: Self.limit)
    }
    return found
  }

  /// Those of a process among what `ss -Htnpa` writes: state, two queues, local end, remote end, processes.
  ///
  /// One whose local end is an address that the process listens on was opened by the other host: it shows a guest's console.
  static func connections(of pid: Int32, to addresses: Set<String>, in listing: String) -> [Connection] {
    let lines = listing.split(separator: "\n").map { $0.split(separator: " ") }
      .filter { $0.count >= 6 && $0[5].contains("pid=\(pid),") }
    let served = Set(lines.filter { $0[0] == "LISTEN" }.map { port(of: $0[3]) })
    return lines.compactMap { fields in
      guard fields[0] != "LISTEN", addresses.contains(host(of: fields[4])), !served.contains(port(of: fields[3])) else { return nil }
      return Connection(local: String(fields[3]), remote: String(fields[4]))
    }
  }

  private static func port(of end: Substring) -> Substring { end[(end.lastIndex(of: ":") ?? end.startIndex)...] }

  /// The address of an end without brackets and device, and of an IPv4 address in IPv6 that alone.
  private static func host(of end: Substring) -> String {
    var host = end[..<(end.lastIndex(of: ":") ?? end.endIndex)]
    if let device = host.firstIndex(of: "%") { host = host[..<device] }
    host.trimPrefix("[")
    if host.last == "]" { host.removeLast() }
    host.trimPrefix("::ffff:")
    return String(host)
  }
}
