internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Where a test can put a broken rule between the product's decisions and the simulated world. As it is made nothing is broken.
struct Seams {
  /// Changes what the world reports to a source's machine, which is in a phase.
  var sourceEvent: ((SourceEvent, SourceMigration) -> SourceEvent)?
  /// Changes what a source's machine needs done.
  var sourceEffects: (([SourceEffect], SourceMigration) -> [SourceEffect])?
  /// Changes what a destination's machine needs done.
  var destinationEffects: (([DestinationEffect], DestinationMigration) -> [DestinationEffect])?
  /// Changes a step before it is journalled.
  var step: ((HostStep) -> HostStep)?
  /// Changes what an order's key is to the journal.
  var request: ((RequestKey) -> RequestKey)?
  /// Changes what a drain is ordered to do.
  var drainOrder: ((DrainOrder) -> DrainOrder)?
  /// Changes what a drain is told; nil for nothing.
  var drainOccurrence: ((DrainOccurrence, Drain) -> DrainOccurrence?)?
  /// Changes what a drain needs done.
  var drainEffects: (([DrainEffect], Drain) -> [DrainEffect])?
  /// Whether the guest's lock counts.
  var ignoresLock = false
  /// Whether the limits of what is at work at once count.
  var ignoresLimits = false
  /// Whether a settlement is done without looking at the hosts again.
  var settlesBlindly = false
  /// Whether the disks of a guest are moved away without seeing it inactive.
  var retiresBlindly = false
  /// Whether an outbox row goes when the message was sent, and not when it was confirmed.
  var forgetsUnconfirmed = false
  /// Whether a delivery is acknowledged before it is journalled.
  var acknowledgesEarly = false
  /// Whether a file is removed whatever inode it has.
  var ignoresInodes = false
  /// Whether files are made before they are registered.
  var registersLate = false
  /// Whether publishing overwrites.
  var overwrites = false
  /// Whether the guest's autostart is turned off before the checks.
  var touchesEarly = false
  /// Whether a fence kills the source's QEMU although libvirt has not noted that the guest has left.
  var fencesBlindly = false
  /// Whether the disks are compared as they are, and not as they were at the switch.
  var readsLive = false
  /// Whether disks that differ from their copies are kept no longer than others.
  var forgetsDifference = false
  /// Whether disks that are still being moved away may be deleted.
  var sweepsEarly = false
  /// Whether the draft of a template stays that somebody else has published.
  var keepsDrafts = false

  init() {}
}
