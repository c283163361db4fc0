import Dispatch
import Glibc
import Testing

@testable import LongshoreCommands

/// Writing to standard streams.
@Suite(.timeLimit(.minutes(10))) struct StandardStreamTests {
  @Test func whatCannotBeWrittenIsSaid() {
    let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
    defer { close(full) }
    #expect(StandardStream.write("text", to: full) == ENOSPC)
    #expect(StandardStream.write("", to: full) == 0)
    #expect(StandardStream.write("text", to: -1) == EBADF)
  }

  @Test func aStreamThatTakesNoMoreAtOnceIsWaitedFor() async throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let (reading, writing) = (ends[0], ends[1])
    try #require(fcntl(writing, F_SETFL, O_NONBLOCK) == 0)
    // More than a pipe holds.
    let text = String(repeating: "0123456789abcdef", count: 64 << 10)
    let read = await withCheckedContinuation { (continuation: CheckedContinuation<Int, Never>) in
      DispatchQueue(label: "reader").async {
        let size = 4096
        var buffer = [UInt8](repeating: 0, count: size)
        var total = 0
        while total < text.utf8.count {
          let count = Glibc.read(reading, &buffer, size)
          guard count > 0 else { break }
          total += count
        }
        close(reading)
        continuation.resume(returning: total)
      }
      DispatchQueue(label: "writer").async {
        _ = StandardStream.write(text, to: writing)
        close(writing)
      }
    }
    #expect(read == text.utf8.count)
  }
}
