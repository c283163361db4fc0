import LongshoreMessages
import Testing

@testable import LongshoreAgent

/// One after the other: one of them listens on all of the host's addresses.
@Suite("Ports that are listened on for a check", .serialized, .timeLimit(.minutes(10)))
struct PathListeningTests {
  /// One of the host's own addresses, which other runs of these tests do not use.
  private let address = "127.\(UInt8.random(in: 1...254)).\(UInt8.random(in: 0...255)).\(UInt8.random(in: 1...254))"

  private func open(_ ports: ClosedRange<UInt16>, once: Bool = false) async throws -> PathListening {
    try #require(try await PathListening.open(on: address, ports: ports, once: once))
  }

  @Test("answer who knows the token, and the highest free one is taken")
  func answer() async throws {
    let high = try await open(28_100...28_199)
    defer { high.close() }
    let next = try await open(28_100...28_199)
    defer { next.close() }
    #expect(high.listener.port > next.listener.port)
    #expect(high.listener.firstPort == 28_100 && high.listener.lastPort == 28_199)
    #expect(high.listener.token != next.listener.token)
    #expect(high.listener.token.utf8.count == PathListening.tokenLength)
    for _ in 1...2 {
      let rate = try await high.listener.tryOut(measures: false)
      #expect(rate == nil)
    }
    #expect(high.bytesPerSecond == nil)
  }

  @Test("do not answer who does not know it")
  func otherToken() async throws {
    let listening = try await open(28_100...28_199)
    defer { listening.close() }
    var other = listening.listener
    other.token = String(repeating: "0", count: PathListening.tokenLength)
    do throws(ImageError) {
      _ = try await other.tryOut(measures: false)
      Issue.record("it was answered")
    } catch {
      #expect(error.message == "something else answers there")
    }
    #expect(try await listening.listener.tryOut(measures: false) == nil)
  }

  @Test("measure both directions")
  func measure() async throws {
    let listening = try await open(28_100...28_199)
    defer { listening.close() }
    let back = try #require(try await listening.listener.tryOut(measures: true))
    let forth = try #require(listening.bytesPerSecond)
    #expect(back > 1 << 20 && forth > 1 << 20)
  }

  @Test("let nobody in any more once they are closed, or have answered where one answer is enough")
  func closed() async throws {
    let listening = try await open(28_100...28_199)
    let once = try await open(28_100...28_199, once: true)
    #expect(try await once.listener.tryOut(measures: false) == nil)
    listening.close()
    for port in [listening.listener, once.listener] {
      // A connection that the kernel took before the end is reset instead of refused.
      do throws(ImageError) {
        _ = try await port.tryOut(measures: false)
        Issue.record("it was answered")
      } catch {
        #expect([.system, .changed].contains(error.code))
      }
    }
  }

  @Test("are none where all are in use")
  func taken() async throws {
    let listening = try await open(28_100...28_199)
    let port = listening.listener.port
    defer { listening.close() }
    #expect(try await PathListening.open(on: address, ports: port...port) == nil)
  }

  @Test("are all of the host's where the address is none of its own")
  func foreignAddress() async throws {
    let listening = try #require(try await PathListening.open(on: "192.0.2.1", ports: 28_100...28_199))
    defer { listening.close() }
    #expect(listening.listener.address == "192.0.2.1")
    var here = listening.listener
    here.address = address
    #expect(try await here.tryOut(measures: false) == nil)
  }
}
