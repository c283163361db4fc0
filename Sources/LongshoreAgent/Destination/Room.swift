internal import LongshoreMessages
internal import MigrationCore

/// The room in a file system or in the memory for what a migration brings, beside what was promised to others and is not taken yet.
struct Room: Sendable, Hashable {
  /// A file that a migration fills.
  struct PlannedFile: Sendable, Hashable {
    /// The path that it gets.
    var path: String
    /// The space that it will take, in bytes.
    var bytes: UInt64
    /// The space that it takes already, in bytes.
    var written: UInt64 = 0

    /// What is still to be written, in bytes. A disk that has grown beyond its plan takes nothing from others.
    var outstanding: UInt64 { bytes > written ? bytes - written : 0 }
  }

  /// The free space, in bytes.
  let available: UInt64
  /// What the migration brings, in bytes.
  let needed: UInt64
  /// What others still bring, in bytes.
  let promised: UInt64

  /// The room for what is needed beside what is promised, all in bytes.
  init(available: UInt64, needed: UInt64, promised: UInt64) {
    self.available = available
    self.needed = needed
    self.promised = promised
  }

  /// The room for the files of a migration, beside those of others. A template that several bring is brought once.
  init(available: UInt64, coming: [PlannedFile], promised others: [PlannedFile]) {
    let own = Set(coming.map(\.path))
    self.init(available: available, needed: Self.sum(coming), promised: Self.sum(others.filter { !own.contains($0.path) }))
  }

  /// Whether all of it fits.
  var isEnough: Bool { available >= promised && available - promised >= needed }

  private static func sum(_ files: [PlannedFile]) -> UInt64 {
    let byPath = Dictionary(files.map { ($0.path, $0.outstanding) }, uniquingKeysWith: max)
    return byPath.values.reduce(0) { sum, next in
      let (more, overflow) = sum.addingReportingOverflow(next)
      return overflow ? .max : more
    }
  }
}

extension Room {
  /// The migrations whose promises count against another's, of those that have not ended at their destination, the oldest first.
  ///
  /// Whose checks have passed, has its room until its guest is there. Of two that are not that far the one that came first goes first, so
  /// that of two at the same time one gets the room and the other sees it taken, whichever is checked first.
  ///
  /// - Parameters:
  ///   - id: The migration that asks; nil for a dry run, before which all go.
  ///   - open: All that have not ended.
  static func promises(before id: MigrationID?, among open: [DestinationMigration]) -> [DestinationMigration] {
    let place = open.firstIndex { $0.id == id } ?? open.endIndex
    return open.enumerated().filter { index, migration in
      switch migration.phase {
      case .queued, .checking: index < place
      case .providingLayers, .makingStubs, .prepared: migration.id != id
      case .postChecking, .takingOver, .endingCopy, .confirmed, .comparing, .releasing, .removing, .released, .refused, .failed,
        .rolledBack:
        false
      }
    }.map(\.element)
  }

  /// The prefetches whose promises count against another's, of those that have not ended. A prefetch that is not checked yet goes
  /// behind every migration.
  ///
  /// - Parameters:
  ///   - id: The migration or prefetch that asks; nil for a dry run.
  ///   - open: All that have not ended, the oldest first.
  static func promises(before id: MigrationID?, among open: [TemplatePrefetch]) -> [TemplatePrefetch] {
    let place = open.firstIndex { $0.id == id } ?? (id == nil ? open.endIndex : open.startIndex)
    return open.enumerated().filter { index, prefetch in
      prefetch.hasRoom ? prefetch.id != id : prefetch.phase == .checking && index < place
    }.map(\.element)
  }
}
