import LongshoreMessages
import Testing

@testable import LongshoreAgent

/// A migration in which agents die at points of their work, and are started again.
struct CrashWalk: Sendable, CustomStringConvertible {
  /// What a migration is like.
  enum Course: String, Sendable, CaseIterable, CustomTestStringConvertible {
    /// The destination lacks the template.
    case copiesTemplate
    /// The destination has the template.
    case hasTemplate
    /// The source's agent dies before it calls libvirt's migrate.
    case uncalled
    /// The guest arrives paused, and is resumed when the source's QEMU is killed.
    case fenced
    /// The guest arrives paused, and nobody is there to resume it.
    case unfenced
    /// Its disks are compared.
    case verified
    /// It is cancelled while the template is copied.
    case cancelledCopy
    /// It is cancelled while libvirt copies the disk.
    case cancelledTransfer
    /// It is cancelled while libvirt copies the disk, and the guest's definition stays at the destination, as a transfer that ends at the
    /// switch can leave it.
    case leavesDefinition
    /// The guest is suspended until it has moved.
    case forced
    /// A check of the destination refuses it.
    case refused
    /// Another file has the template's name.
    case templateDiffers

    var testDescription: String { rawValue }

    /// How many migrations its points are shared among.
    var migrations: Int {
      switch self {
      case .copiesTemplate: 4
      case .hasTemplate: 6
      case .uncalled, .fenced: 3
      case .cancelledCopy, .verified: 2
      case .unfenced, .cancelledTransfer, .leavesDefinition, .forced, .refused, .templateDiffers: 1
      }
    }

    /// Whether the destination has a file of the template's name.
    var needsTemplate: Bool { self != .copiesTemplate && self != .cancelledCopy }
  }

  let course: Course
  /// Where the source's agents die, one after the other.
  let source: [CrashPoint]
  /// Where the destination's agents die.
  let destination: [CrashPoint]

  var description: String { "\(course): \(source) at the source, \(destination) at the destination" }

  /// How the migration ends.
  var end: MigrationEventData.Kind {
    switch course {
    case .cancelledCopy, .cancelledTransfer, .leavesDefinition: .cancelled
    // Whether libvirt's migrate was called is not known then: it is not called again, and the guest stays.
    case .refused, .templateDiffers, .uncalled: .failed
    case .copiesTemplate, .hasTemplate, .fenced, .unfenced, .verified, .forced: .completed
    }
  }

  /// The migrations of a course, in which agents die at all its points. The points of one migration are spread over the course, so that
  /// who comes back goes on for a while.
  static func all(of course: Course) -> [CrashWalk] {
    let (source, destination) = points(of: course)
    let count = course.migrations
    func share(_ points: [CrashPoint], _ number: Int) -> [CrashPoint] {
      stride(from: number, to: points.count, by: count).map { points[$0] }
    }
    return (0..<count).map { CrashWalk(course: course, source: share(source, $0), destination: share(destination, $0)) }
  }

  /// The points of a course, in the order in which they are come to where one thing follows the other.
  static func points(of course: Course) -> (source: [CrashPoint], destination: [CrashPoint]) {
    switch course {
    case .copiesTemplate:
      (
        [
          // An order that finds a place gets it in the write that accepts it.
          .deliveryTaken, .beforeSourceQueued, .beforeSourceInspecting, .afterSourceQueued, .afterSourceInspecting, .deliveryJournalled,
          .deliveryAcknowledged, .messageUnpublished, .messageConfirmed, .messageRemoved, .beforeSourcePreparing,
          .afterSourcePreparing, .exportStarted,
        ],
        [
          .beforeDestinationProvidingLayers, .afterDestinationProvidingLayers, .workFolderRegistered, .workFolderMade,
          .layerDraftRegistered, .layerDraftMade, .layerDraftNoted, .layerChunkCopied, .layerChunkNoted, .layerCopied, .layerVerified,
          .layerFinished, .fileLinked, .layerPublished, .layerForgotten, .beforeDestinationMakingStubs,
        ]
      )
    case .hasTemplate:
      (
        [
          .beforeSourceTransferring, .migrateCalled, .migrateReturned, .beforeSourceDeciding, .afterSourceDeciding,
          .beforeSourceConfirming, .afterSourceConfirming, .beforeSourceRetiring, .afterSourceRetiring, .autostartCarried,
          .sourceUndefined, .setAsideFolderMade, .setAsideRegistered, .fileLinked, .diskSetAside, .beforeSourceReleasing,
          .afterSourceReleasing, .beforeSourceCompleted, .afterSourceCompleted,
        ],
        [
          // A machine does not wait for its delivery: who dies when that is journalled may be checking already.
          .deliveryTaken, .beforeDestinationQueued, .afterDestinationQueued, .deliveryJournalled, .deliveryAcknowledged,
          .messageUnpublished, .afterDestinationChecking, .messageRemoved, .beforeDestinationChecking, .messageConfirmed,
          .afterDestinationMakingStubs, .stubDraftRegistered, .stubDraftMade, .stubDraftNoted, .stubInitialized, .stubRegistered,
          .fileLinked, .stubPublished, .stubDraftForgotten, .beforeDestinationPrepared, .afterDestinationPrepared,
          .beforeDestinationPostChecking, .afterDestinationPostChecking, .beforeDestinationConfirmed, .afterDestinationConfirmed,
          .beforeDestinationReleasing, .afterDestinationReleasing, .fileKept, .beforeDestinationReleased, .afterDestinationReleased,
        ]
      )
    case .uncalled: ([.afterSourceTransferring, .autostartTurnedOff, .migrateUncalled], [])
    case .fenced: ([.guestUnresumed, .guestResumed], [])
    case .unfenced: ([.beforeSourceSettling, .afterSourceSettling, .settlementUndone, .settlementDone], [])
    case .verified:
      (
        [.viewUnbegun, .viewBegun, .beforeSourceVerifying, .afterSourceVerifying],
        [.beforeDestinationComparing, .afterDestinationComparing, .viewRead, .viewEnded]
      )
    case .cancelledCopy:
      (
        [
          .beforeSourceRollingBack, .afterSourceRollingBack, .autostartRestored, .beforeSourceCancelled, .afterSourceCancelled,
        ],
        [
          .beforeDestinationRemoving, .afterDestinationRemoving, .fileUnremoved, .fileRemoved, .fileForgotten,
          .beforeDestinationRolledBack, .afterDestinationRolledBack,
        ]
      )
    case .cancelledTransfer: ([.beforeSourceAborting, .afterSourceAborting, .jobAborted], [])
    case .leavesDefinition: ([], [.destinationUndefined])
    case .forced: ([.guestUnsuspended, .guestSuspended], [])
    case .refused: ([.beforeSourceFailed], [.beforeDestinationRefused, .afterDestinationRefused])
    case .templateDiffers: ([.afterSourceFailed], [.beforeDestinationFailed, .afterDestinationFailed])
    }
  }
}

@Suite struct CrashWalkTests {
  @Test("every point to die at is in the walk")
  func everyPoint() {
    let walked = CrashWalk.Course.allCases.flatMap { course in
      let (source, destination) = CrashWalk.points(of: course)
      return source + destination
    }
    let others = ThreeNodeTests.Templates.points + FourHostTests.Drains.points + [MigrationTests.Leftovers.point]
    #expect(CrashPoint.allCases.filter { !(walked + others).contains($0) } == [])
  }
}
