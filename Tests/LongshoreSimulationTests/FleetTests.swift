import LongshoreTestKit
import Testing

@testable import LongshoreSimulation

/// Large changes of fleets in simulated time. `contrib/simulate fleet` runs them with as many hosts as one likes.
@Suite("A simulated fleet")
struct FleetTests {
  @Test("Whatever is done with it, every migration ends, near the least time that its links need, with few messages")
  func occasions() async {
    let shape = FleetShape(hosts: 200, guests: 1000)
    let places = FleetPlaces(shape)
    for occasion in [FleetOccasion.rackDrained, FleetOccasion.poolEvacuated, FleetOccasion.rollingReboot] {
      let changes = occasion(shape, places)
      let figures = await computing { FleetSimulation(shape, changes).figures }
      #expect(figures.moves > 0)
      #expect(figures.ended == figures.moves)
      #expect(Double(figures.makespan) >= figures.bound)
      // What one move costs beside its transfer, and the last guests of all, weigh more the fewer guests there are.
      #expect(Double(figures.makespan) <= 2 * figures.bound)
      #expect(figures.peerMessages + figures.events <= 25 * figures.moves)
    }
  }

  @Test("A rolling reboot moves each guest once, but for those of the racks that are first")
  func rollingReboot() {
    let shape = FleetShape(hosts: 800, guests: 1600)
    let moves = FleetOccasion.rollingReboot(shape, FleetPlaces(shape)).stages.flatMap(\.self)
    #expect(moves.count >= 1600)
    #expect(moves.count <= 1600 + 1600 / 9)
    #expect(Set(moves.map(\.guest)).count == 1600)
  }

  @Test("Transfers share what they use, and get it back when one ends")
  func links() {
    var links = FleetLinks(capacities: [100, 50])
    #expect(links.begin(1, bytes: 1000, over: [0], at: 0).map(\.end) == [10_000])
    #expect(links.begin(2, bytes: 500, over: [0, 1], at: 5000).map(\.end) == [15_000, 15_000])
    #expect(links.begin(3, bytes: 100, over: [1], at: 6000).map { [Int64($0.flow), $0.end] } == [[2, 24_000], [3, 10_000]])
    #expect(links.end(3, at: 10_000).map { [Int64($0.flow), $0.end] } == [[2, 17_000]])
    #expect(links.end(1, at: 15_000).isEmpty, "the other link keeps the second back")
  }

  @Test("What happens comes in the order of its times, and of its beginnings where these are the same")
  func order() {
    var queue = TimeQueue<Int>()
    for number in 0..<100 { queue.add(number, at: Int64(number * 37 % 10)) }
    var found: [(Int64, Int)] = []
    while let (time, number) = queue.next() { found.append((time, number)) }
    #expect(found.map(\.1) == (0..<100).sorted { ($0 * 37 % 10, $0) < ($1 * 37 % 10, $1) })
  }
}
