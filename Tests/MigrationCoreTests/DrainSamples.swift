import LongshoreMessages
import LongshoreTestKit

@testable import MigrationCore

/// Surveys that are drawn, and parts of them.
enum DrainSamples {
  static func host(_ number: Int) -> NodeName { MessageSamples.node("host-\(number)") }

  static func guest(_ number: Int) -> GuestReference {
    GuestReference(uuid: "00000000-0000-4000-8000-\(100_000_000_000 + number)", name: "guest-\(number)")
  }

  static let primary = MessageSamples.resource("primary")
  static let mebibyte: UInt64 = 1 << 20
  static let gibibyte: UInt64 = 1 << 30

  /// Guests of these sizes in GiB, which all of so many hosts of the same kind can take.
  static func survey(
    _ sizes: [UInt64], hosts count: Int, memory: UInt64? = nil, linkMiB: UInt64? = 100, places: Int = 4, outgoing: Int = 4
  ) -> DrainSurvey {
    let hosts = (1...max(1, count)).prefix(count).map { number in
      DrainSurvey.Host(
        host: host(number),
        offer: HostOffer(
          memory: memory, pools: [HostOffer.Pool(pool: primary, available: 1 << 50)], incoming: places, pair: places, pool: .max, busy: 0),
        linkBps: linkMiB.map { $0 * mebibyte })
    }
    return DrainSurvey(
      guests: sizes.enumerated().map { number, size in
        DrainSurvey.Guest(
          guest: guest(number), memory: gibibyte, bytes: size * gibibyte, sourcePools: [primary],
          ways: hosts.map { DrainSurvey.Way(host: $0.host, room: [primary: size * gibibyte]) })
      }, hosts: Array(hosts), uplinkBps: linkMiB.map { $0 * mebibyte }, outgoing: outgoing)
  }

  /// A survey as a cluster may show it: links of a few speeds, guests from small to large, some of which some hosts cannot take.
  static func drawn(_ random: inout SeededRandom) -> DrainSurvey {
    let uplink = [50, 100, 250, 1000].randomElement(using: &random) ?? 100
    let count = Int.random(in: 1...8, using: &random)
    let hosts = (0..<count).map { number in
      // Hosts of a cluster have links of the same speed or better, some a slower one.
      let link = [uplink, uplink, uplink, uplink * 2, uplink / 2].randomElement(using: &random) ?? uplink
      return DrainSurvey.Host(
        host: host(number),
        offer: HostOffer(
          memory: UInt64.random(in: 16...256, using: &random) * gibibyte,
          pools: [HostOffer.Pool(pool: primary, available: UInt64.random(in: 100...4000, using: &random) * gibibyte)],
          incoming: Int.random(in: 2...6, using: &random), pair: Int.random(in: 2...4, using: &random), pool: .max, busy: 0),
        linkBps: UInt64(link) * mebibyte)
    }
    let template = DrainSurvey.Template(pool: primary, volume: MessageSamples.resource("base.qcow2"), bytes: 2 * gibibyte)
    let guests = (0..<Int.random(in: 1...30, using: &random)).map { number in
      let bytes = UInt64.random(in: 1...24, using: &random) * UInt64.random(in: 1...4, using: &random) * gibibyte / 2
      return DrainSurvey.Guest(
        guest: guest(number), memory: UInt64.random(in: 1...16, using: &random) * gibibyte, bytes: bytes, sourcePools: [primary],
        ways: hosts.map { host in
          let refuses = Int.random(in: 0..<10, using: &random) == 0
          return DrainSurvey.Way(
            host: host.host, refusals: refuses ? [Reason(.incompatibleCPU, "another CPU")] : [], room: [primary: bytes],
            templates: Int.random(in: 0..<8, using: &random) == 0 ? [template] : [])
        })
    }
    return DrainSurvey(
      guests: guests, hosts: hosts, uplinkBps: UInt64(uplink) * mebibyte, outgoing: Int.random(in: 2...6, using: &random))
  }
}

/// A generator whose numbers follow from a seed (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
