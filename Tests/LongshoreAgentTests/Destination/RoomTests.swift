import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

@testable import LongshoreAgent

@Suite("Room")
struct RoomTests {
  private func file(_ path: String, _ bytes: UInt64, written: UInt64 = 0) -> Room.PlannedFile {
    Room.PlannedFile(path: path, bytes: bytes, written: written)
  }

  @Test("is what is free without what is promised", arguments: [(100, true), (99, false)] as [(UInt64, Bool)])
  func enough(available: UInt64, isEnough: Bool) {
    let room = Room(available: available, coming: [file("a", 30), file("b", 30)], promised: [file("c", 50, written: 10)])
    #expect(room.needed == 60)
    #expect(room.promised == 40)
    #expect(room.isEnough == isEnough)
  }

  @Test("is not taken twice by what is written already")
  func written() {
    let room = Room(available: 10, coming: [file("a", 100, written: 90)], promised: [file("b", 5, written: 5)])
    #expect(room.needed == 10)
    #expect(room.promised == 0)
    #expect(room.isEnough)
  }

  @Test("is not given back by a disk that has grown beyond its plan")
  func grown() {
    let room = Room(available: 10, coming: [], promised: [file("a", 10, written: 50), file("b", 10)])
    #expect(room.promised == 10)
  }

  @Test("is taken once by a template that several bring")
  func template() {
    let others = [file("template", 100), file("template", 100, written: 40)]
    #expect(Room(available: 0, coming: [], promised: others).promised == 100)
    let room = Room(available: 110, coming: [file("template", 100), file("a", 10)], promised: others)
    #expect(room.promised == 0)
    #expect(room.isEnough)
  }

  @Test("does not overflow")
  func overflow() {
    let room = Room(available: .max, coming: [file("a", .max), file("b", .max)], promised: [file("c", 1)])
    #expect(room.needed == .max)
    #expect(!room.isEnough)
    #expect(!Room(available: 1, coming: [], promised: [file("c", 2)]).isEnough)
  }

  // MARK: - Whose promises count

  private enum Progress: CaseIterable {
    case queued, checking, providing, stubs, prepared, confirmed, removing

    var events: [DestinationEvent] {
      let layer = DestinationEvent.layerProvided(0, path: "/mnt/slow/debian.qcow2", copied: 0)
      let stubs = DestinationEvent.stubsMade(MigrationSamples.preparedDisks)
      return switch self {
      case .queued: []
      case .checking: [.admitted]
      case .providing: [.admitted, .checked([])]
      case .stubs: [.admitted, .checked([]), layer]
      case .prepared: [.admitted, .checked([]), layer, stubs]
      case .confirmed: [.admitted, .checked([]), layer, stubs, .peer(.confirm), .postChecked(MigrationSamples.confirmation, [])]
      case .removing: [.admitted, .checked([]), .layerFailed(0, Reason(.operationFailed, "broken"))]
      }
    }
  }

  private func migration(_ number: Int, _ progress: Progress) throws -> DestinationMigration {
    var (migration, _) = DestinationMigration.prepare(
      id: try Many.id(number), source: MigrationSamples.source, plan: Many.plan(number), endpoint: MigrationSamples.endpoint,
      at: MigrationSamples.now())
    for event in progress.events { _ = migration.apply(event, at: MigrationSamples.now()) }
    return migration
  }

  @Test("is promised to all whose checks have passed until their guests are there, whenever they came")
  func passed() throws {
    let open = try [.providing, .stubs, .prepared, .confirmed, .removing].enumerated().map { try migration($0, $1) }
    let late = try migration(8, .checking)
    let counted = try [0, 1, 2].map(Many.id)
    #expect(Room.promises(before: late.id, among: open + [late]).map(\.id) == counted)
    #expect(Room.promises(before: late.id, among: [late] + open).map(\.id) == counted)
  }

  @Test("goes to the one that came first, of those that are not checked yet")
  func order() throws {
    let open = try [.queued, .checking, .checking].enumerated().map { try migration($0, $1) }
    #expect(Room.promises(before: open[0].id, among: open).isEmpty)
    #expect(Room.promises(before: open[1].id, among: open).map(\.id) == [open[0].id])
    #expect(Room.promises(before: open[2].id, among: open).map(\.id) == [open[0].id, open[1].id])
    #expect(Room.promises(before: nil, among: open).count == 3, "a dry run comes last")
  }
}
