internal import Glibc
internal import SystemPackage

/// The sockets of another process, seen and set through duplicates that are closed at once: what the process closes is closed.
///
/// It takes the right to trace the process: the same user without capabilities beyond this process's, or `CAP_SYS_PTRACE`, and what a
/// security module such as Yama adds to it.
struct ProcessSockets: Sendable {
  /// A socket of the process.
  struct Place: Sendable, Hashable {
    /// Its descriptor there, which may be another file's at any time.
    let descriptor: Int32
    /// The socket itself, for as long as it lasts.
    let inode: UInt64
  }

  /// The process.
  let pid: Int32
  private let process: ProcessDescriptor

  /// Takes a handle of a process; nil where there is none. The caller closes it.
  init?(pid: Int32) throws(ImageError) {
    guard let process = try ProcessDescriptor(pid: pid, operation: "look at the connections of the process \(pid)") else { return nil }
    self.pid = pid
    self.process = process
  }

  func close() { process.close() }

  /// Sees whether sockets of the process may be duplicated, by a duplicate of any file that it has.
  func checkPermission() throws(ImageError) {
    for descriptor in [0] + places.map(\.descriptor) {
      guard let duplicate = try process.duplicate(descriptor, operation: operation) else { continue }
      try? duplicate.close()
      return
    }
  }

  private var operation: String { "duplicate a connection of the process \(pid)" }

  /// The sockets that the process has now.
  var places: [Place] {
    guard let folder = opendir("/proc/\(pid)/fd") else { return [] }
    defer { closedir(folder) }
    var places: [Place] = []
    var target = [UInt8](repeating: 0, count: 64)
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let descriptor = Int32(name) else { continue }
      let count = target.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { readlinkat(dirfd(folder), name, $0, buffer.count) } ?? -1
      }
      guard count > 0 else { continue }
      let text = String(decoding: target[..<count], as: UTF8.self)
      guard text.hasPrefix("socket:["), text.hasSuffix("]"), let inode = UInt64(text.dropFirst(8).dropLast()) else { continue }
      places.append(Place(descriptor: descriptor, inode: inode))
    }
    return places
  }

  /// Does something with a socket; nil where it is closed already.
  func with<Value>(_ place: Place, _ body: (TCPSocket) -> Value) throws(ImageError) -> Value? {
    guard let duplicate = try process.duplicate(place.descriptor, operation: operation) else { return nil }
    defer { try? duplicate.close() }
    var status = stat()
    guard fstat(duplicate.rawValue, &status) == 0, UInt64(status.st_ino) == place.inode else { return nil }
    return body(TCPSocket(descriptor: duplicate.rawValue))
  }
}

/// A socket as the kernel shows it to who has it.
struct TCPSocket {
  /// What the kernel counts of a connection (`struct tcp_info`).
  struct Counters: Sendable, Hashable {
    /// Bytes that were sent, with those that were sent again.
    var bytes: UInt64
    /// Segments that were sent; the counter goes over from 2^32 to 0.
    var segments: UInt32
    /// The payload of a full segment, in bytes.
    var segmentSize: UInt32
    /// Bytes that wait for being sent.
    var unsent: UInt32
    /// Segments that are on their way.
    var unacknowledged: UInt32
  }

  /// The ends of a connection.
  struct Ends: Sendable, Hashable {
    /// The other host's address, in digits.
    var remote: String
    /// This host's port.
    var localPort: UInt16
    /// What goes before each segment's payload on Ethernet, in bytes: 14, the header of IP, and that of TCP with its time stamps.
    var headers: UInt64
  }

  // Linux, include/uapi/asm-generic/socket.h and include/uapi/linux/tcp.h, which have them the same for all processors that run KVM.
  private static let maximumPacingRate: Int32 = 47
  private static let information: Int32 = 11
  private static let unsentLimit: Int32 = 25

  let descriptor: Int32

  /// The port on which it listens; nil where it does not.
  var listeningPort: UInt16? {
    var listens: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0, listens != 0 else { return nil }
    return address(getsockname)?.port
  }

  /// The ends of a connection of TCP; nil for every other socket.
  var ends: Ends? {
    guard let local = address(getsockname), let remote = address(getpeername), counters != nil else { return nil }
    let isIPv4 = remote.family == AF_INET || remote.digits.hasPrefix("::ffff:")
    var digits = remote.digits[...]
    digits.trimPrefix("::ffff:")
    return Ends(remote: String(digits.prefix { $0 != "%" }), localPort: local.port, headers: 14 + (isIPv4 ? 20 : 40) + 32)
  }

  private func address(
    _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> (family: Int32, digits: String, port: UInt16)? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let isRead = withUnsafeMutablePointer(to: &storage) {
      // `sockaddr_storage` begins as `sockaddr` does (RFC 2553, 3.10).
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        call(descriptor, pointer, &size) == 0 && [AF_INET, AF_INET6].contains(Int32(pointer.pointee.sa_family))
          && getnameinfo(
            pointer, size, &host, socklen_t(host.count), &port, socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV) == 0
      }
    }
    guard isRead, let number = UInt16(String(decoding: port.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)) else {
      return nil
    }
    let digits = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (Int32(storage.ss_family), digits, number)
  }

  /// The connection's counters; nil where it is none of TCP, or the kernel is older than Linux 4.19.
  var counters: Counters? {
    var bytes = [UInt8](repeating: 0, count: 256)
    var size = socklen_t(bytes.count)
    guard getsockopt(descriptor, Int32(IPPROTO_TCP), Self.information, &bytes, &size) == 0, size >= 208 else { return nil }
    return bytes.withUnsafeBytes { info in
      Counters(
        bytes: info.loadUnaligned(fromByteOffset: 200, as: UInt64.self), segments: info.loadUnaligned(fromByteOffset: 136, as: UInt32.self),
        segmentSize: info.loadUnaligned(fromByteOffset: 16, as: UInt32.self),
        unsent: info.loadUnaligned(fromByteOffset: 144, as: UInt32.self),
        unacknowledged: info.loadUnaligned(fromByteOffset: 24, as: UInt32.self))
    }
  }

  /// The most that the kernel sends over it now, in bytes of payload a second; nil for no limit.
  var pace: UInt64? {
    var pace = UInt64.max
    var size = socklen_t(MemoryLayout<UInt64>.size)
    guard getsockopt(descriptor, SOL_SOCKET, Self.maximumPacingRate, &pace, &size) == 0, size == MemoryLayout<UInt64>.size, pace != .max
    else { return nil }
    return pace
  }

  /// Sets the most that the kernel sends over it, in bytes of payload a second; nil for no limit. It holds until it is set anew. Nothing
  /// else of the host has to be set up: TCP itself keeps the pace (Linux 4.13).
  ///
  /// With it what waits in the connection is limited, so that it does not wait for long: what QEMU sends last it sends while the guest
  /// stands still.
  ///
  /// - Returns: Whether the kernel took it.
  func setPace(_ rate: UInt64?) -> Bool {
    var pace = rate ?? .max
    var unsent = rate.map { UInt32(clamping: min(max($0 / 50, 131_072), 1 << 24)) } ?? 0
    let paced = setsockopt(descriptor, SOL_SOCKET, Self.maximumPacingRate, &pace, socklen_t(MemoryLayout<UInt64>.size)) == 0
    _ = setsockopt(descriptor, Int32(IPPROTO_TCP), Self.unsentLimit, &unsent, socklen_t(MemoryLayout<UInt32>.size))
    return paced
  }
}
