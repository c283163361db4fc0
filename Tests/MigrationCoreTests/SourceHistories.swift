import LongshoreMessages
import LongshoreTestKit
import MigrationCore

extension SourceHistory {
  // The ways to a phase.
  static let toPreparing: [Step] = [.admitted, .inspected]
  static let toTransferring = toPreparing + [.preparing, .prepared]
  static let toConfirming = toTransferring + [.success, .see(.off, .runs)]
  static let toRetiring = toConfirming + [.confirmed]
  static let toReleasing = toRetiring + [.retired]
  static let toCompleted = toReleasing + [.released]

  // The events of these ways.
  private static let prepared = "preparing prepared transferring"
  private static let switched = prepared + " switching confirming"
  private static let completed = switched + " completed"

  private static let undone: [Step] = [.restored, .rolledBack]

  static let successes: [SourceHistory] = [
    SourceHistory(
      name: "the guest moves", steps: toCompleted, phase: "completed", events: completed, once: "startTransfer"),
    SourceHistory(
      name: "the guest moves, fenced", handover: .fenced,
      steps: toTransferring + [
        .success, .see(.off, .paused), .settle(.resumeDestination), .see(.off, .runs), .confirmed, .retired, .released,
      ],
      phase: "completed", events: completed, once: "startTransfer"),
    SourceHistory(
      name: "a guest that was paused moves and stays paused",
      steps: toTransferring + [.success, .see(.off, .paused), .confirmed, .retired, .released],
      phase: "completed", events: completed, once: "startTransfer"),
    SourceHistory(
      name: "resuming fails once at the destination", handover: .fenced,
      steps: toTransferring + [
        .success, .see(.off, .paused), .settle(.resumeDestination, failure: "timed out"), .due(.lookAgain), .see(.off, .paused),
        .settle(.resumeDestination), .see(.off, .runs),
      ],
      phase: "confirming", events: switched, once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "libvirt reports an error, and the destination has the guest",
      steps: toTransferring + [.failure, .see(.off, .runs), .confirmed, .retired, .released],
      phase: "completed", events: completed, once: "startTransfer"),
    SourceHistory(
      name: "an abort comes too late", steps: toTransferring + [.cancel, .success, .see(.off, .runs)], phase: "confirming",
      events: switched, once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "the source still holds the guest that runs at the destination",
      steps: toTransferring + [.failure, .see(.held, .runs), .settle(.destroySource), .see(.off, .runs)], phase: "confirming",
      events: switched, once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "undecided, then decided",
      steps: toTransferring + [.failure, .see(.runsAgain, .silent), .due(.lookAgain), .see(.off, .runs)], phase: "confirming",
      events: switched, once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "the operator is called while nothing can be decided, and no more when it can",
      steps: toTransferring + [
        .failure, .see(.runsAgain, .silent), .due(.patience), .due(.lookAgain), .see(.runsAgain, .silent), .due(.lookAgain),
        .see(.off, .runs),
      ],
      phase: "confirming", events: prepared + " needs-attention switching confirming", once: "startTransfer",
      outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "the guest ends as soon as it has arrived",
      steps: toTransferring + [
        .success, .see(.migratedAway, .off), .hear(.confirmed(MigrationSamples.endedConfirmation)), .retired, .released,
      ],
      phase: "completed", events: completed, once: "startTransfer"),
    SourceHistory(
      name: "fenced: the guest is ended before it is resumed", handover: .fenced,
      steps: toTransferring + [
        .success, .see(.migratedAway, .paused), .settle(.resumeDestination, failure: "domain is not running"), .due(.lookAgain),
        .see(.migratedAway, .off), .hear(.confirmed(MigrationSamples.endedConfirmation)), .retired, .released,
      ],
      phase: "completed", events: completed, once: "startTransfer"),
    SourceHistory(
      name: "not confirmed at first",
      steps: toConfirming + [
        .hear(.confirmFailed([Reason(.postCheckFailed, "vda is on another file")])),
        .hear(.confirmFailed([Reason(.postCheckFailed, "vda is on another file")])), .confirmed,
      ],
      phase: "retiring", events: switched + " needs-attention", once: "startTransfer", outstanding: "retireSource, timer patience"),
    SourceHistory(
      name: "the source's disks cannot be moved away at first",
      steps: toRetiring + [
        .take(.retirementFailed(Reason(.operationFailed, "the pool is away"))),
        .take(.retirementFailed(Reason(.operationFailed, "the pool is away"))), .retired, .released,
      ],
      phase: "completed", events: switched + " needs-attention completed", once: "startTransfer"),
    SourceHistory(
      name: "the destination is slow to unlock", steps: toReleasing + [.due(.patience), .due(.patience), .released], phase: "completed",
      events: switched + " needs-attention completed", once: "startTransfer"),
  ]

  static let failures: [SourceHistory] = [
    SourceHistory(
      name: "the source refuses",
      steps: [.admitted, .take(.refused([Check(.hasSnapshots, on: MigrationSamples.source.host, .refused, "2 snapshots")]))],
      phase: "failed", events: "failed"),
    SourceHistory(
      name: "the guest cannot be read", steps: [.admitted, .take(.inspectionFailed(Reason(.operationFailed, "no answer")))],
      phase: "failed", events: "failed"),
    SourceHistory(
      name: "the destination refuses", steps: toPreparing + [.hear(.refused([MigrationSamples.refusedCheck]))] + undone,
      phase: "failed", events: "preparing failed"),
    SourceHistory(
      name: "the destination cannot prepare",
      steps: toPreparing + [.preparing, .hear(.prepareFailed(Reason(.templateCopyFailed, "cut off")))] + undone, phase: "failed",
      events: "preparing failed"),
    SourceHistory(
      name: "the destination is silent", steps: toPreparing + [.due(.patience)], phase: "failed", events: "preparing failed",
      once: "tell rollback"),
    SourceHistory(
      name: "the destination has answered once and takes its time", steps: toPreparing + [.preparing, .due(.patience)],
      phase: "preparing", events: "preparing", outstanding: "ask prepare, offerLayers, timer deadline"),
    SourceHistory(
      name: "the destination falls silent while it prepares, and goes on",
      steps: toPreparing + [.preparing, .take(.destinationSilent), .take(.destinationSilent), .preparing, .preparing], phase: "preparing",
      events: "preparing needs-attention preparing", outstanding: "ask prepare, offerLayers, timer deadline"),
    SourceHistory(
      name: "the destination falls silent while it prepares, and the migration is cancelled",
      steps: toPreparing + [.preparing, .take(.destinationSilent), .cancel] + undone, phase: "cancelled",
      events: "preparing needs-attention cancelled"),
    SourceHistory(
      name: "the destination falls silent while it prepares, and the operator names the source",
      steps: toPreparing + [
        .preparing, .take(.destinationSilent), .take(.ownerNamed(.source, Observation(source: .runs, destination: .unreachable("away")))),
        .restored,
      ],
      phase: "failed", events: "preparing needs-attention failed", once: "tell disown"),
    SourceHistory(
      name: "a destination that has not answered yet is not called silent", steps: toPreparing + [.take(.destinationSilent)],
      phase: "preparing", events: "preparing", outstanding: "ask prepare, offerLayers, timer deadline, timer patience"),
    SourceHistory(
      name: "the destination is unknown", steps: toPreparing + [.take(.destinationUnknown)], phase: "failed",
      events: "preparing failed"),
    SourceHistory(
      name: "cancelled before it is known that the destination is unknown",
      steps: toPreparing + [.cancel, .take(.destinationUnknown), .restored], phase: "cancelled", events: "preparing cancelled"),
    SourceHistory(
      name: "the transfer is given up before it starts",
      steps: toTransferring + [.take(.transferNotStarted(Reason(.addressNotAllowed, "198.51.100.7 is in no allowed network")))] + undone,
      phase: "failed", events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "the transfer fails and the guest runs on", steps: toTransferring + [.failure, .see(.runsAgain, .absent)] + undone,
      phase: "failed", events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "the guest ends while it is copied", steps: toTransferring + [.failure, .see(.off, .absent)] + undone, phase: "failed",
      events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "the source took the guest back", handover: .fenced,
      steps: toTransferring + [.failure, .see(.runsAgain, .paused), .settle(.destroyDestination), .see(.runsAgain, .off)] + undone,
      phase: "failed", events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "the guest is held at the source alone",
      steps: toTransferring + [.failure, .see(.held, .absent), .settle(.resumeSource), .see(.runs, .absent)] + undone,
      phase: "failed", events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "both hosts run the guest",
      steps: toTransferring + [.failure, .see(.runsAgain, .runs), .yielded, .settle(.destroyDestination), .see(.runsAgain, .off)] + undone,
      phase: "failed", events: prepared + " needs-attention failed", once: "startTransfer"),
    SourceHistory(
      name: "both hosts run the guest, and the destination's agent is away",
      steps: toTransferring + [.failure, .see(.runsAgain, .runs)], phase: "settling", events: prepared + " needs-attention",
      once: "startTransfer", outstanding: "ask yield, timer lookAgain", attention: .splitBrain),
    SourceHistory(
      name: "both hosts run the guest, the destination's agent is away, and the operator names the source",
      steps: toTransferring + [
        .failure, .see(.runsAgain, .runs), .name(.source, .runsAgain, .runs), .see(.runsAgain, .runs), .settle(.destroyDestination),
        .see(.runsAgain, .off),
      ] + undone, phase: "failed", events: prepared + " needs-attention failed", once: "startTransfer"),
    SourceHistory(
      name: "both hosts run the guest, the destination's agent is away, and its copy ends",
      steps: toTransferring + [.failure, .see(.runsAgain, .runs), .due(.lookAgain), .see(.runsAgain, .absent)] + undone, phase: "failed",
      events: prepared + " needs-attention failed", once: "startTransfer"),
    SourceHistory(
      name: "the operator has named the source there while the confirmation was awaited",
      steps: toTransferring + [.failure, .see(.off, .runs), .rolledBack, .see(.off, .absent)] + undone, phase: "failed",
      events: prepared + " switching confirming failed", once: "startTransfer"),
    SourceHistory(
      name: "the operator has named the destination there before anything was transferred",
      steps: toPreparing + [
        .preparing, .cancel, .restored, .released,
      ], phase: "cancelled", events: "preparing cancelled"),
    SourceHistory(
      name: "both hosts run the guest, and ending one takes several tries",
      steps: toTransferring + [
        .failure, .see(.runsAgain, .runs), .yielded, .settle(.destroyDestination, failure: "timed out"), .due(.lookAgain),
        .see(.runsAgain, .runs), .yielded, .settle(.destroyDestination, failure: "timed out"), .due(.lookAgain), .see(.runsAgain, .runs),
        .yielded, .settle(.destroyDestination), .see(.runsAgain, .absent),
      ] + undone,
      phase: "failed", events: prepared + " needs-attention failed", once: "startTransfer"),
    SourceHistory(
      name: "both hosts run the guest, and the operator had named the destination there",
      steps: toTransferring + [
        .failure, .see(.runsAgain, .runs), .released, .see(.runsAgain, .runs), .settle(.destroySource), .see(.off, .runs),
        .confirmed, .retired, .released,
      ],
      phase: "completed", events: prepared + " needs-attention needs-attention switching confirming completed", once: "startTransfer"),
    SourceHistory(
      name: "the operator has named the source there before the copy begins",
      steps: toTransferring + [.rolledBack, .failure, .see(.runs, .absent)] + undone, phase: "failed", events: prepared + " failed",
      once: "startTransfer"),
    SourceHistory(
      name: "the operator has named the source there before its preparation was heard of",
      steps: toPreparing + [.preparing, .rolledBack, .restored],
      phase: "failed", events: "preparing failed"),
    SourceHistory(
      name: "the operator has named the destination there while the guest was copied", handover: .fenced,
      steps: toTransferring + [.released, .failure, .see(.off, .runs), .confirmed, .retired, .released],
      phase: "completed", events: prepared + " switching confirming completed", once: "startTransfer"),
    SourceHistory(
      name: "the operator has named the destination there, where the guest has ended since", handover: .fenced,
      steps: toTransferring + [.failure, .see(.off, .off), .released, .see(.off, .off), .confirmed, .retired, .released],
      phase: "completed", events: prepared + " switching confirming completed", once: "startTransfer"),
    SourceHistory(
      name: "the operator has named the destination there, where the guest is gone since, and then the source", handover: .fenced,
      steps: toTransferring + [
        .failure, .see(.off, .absent), .released, .see(.off, .absent), .due(.patience), .name(.source, .off, .absent),
        .see(.off, .absent), .released, .restored,
      ],
      phase: "failed", events: prepared + " needs-attention failed", once: "startTransfer"),
    SourceHistory(
      name: "the guest has ended, and does not start with the source before the destination has undone", handover: .fenced,
      steps: toTransferring + [.failure, .see(.off, .absent)], phase: "rollingBack", events: prepared, once: "startTransfer",
      outstanding: "ask rollback, timer patience"),
    SourceHistory(
      name: "the operator has named the source at the destination, whose copy has ended", handover: .fenced,
      steps: toTransferring + [.failure, .see(.off, .paused), .rolledBack, .see(.off, .absent)] + undone,
      phase: "failed", events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "another journal's word of the destination is not the operator's", handover: .fenced,
      steps: toTransferring + [.failure, .hear(.released, journal: "another"), .hear(.rolledBack, journal: "another")],
      phase: "deciding", events: prepared, once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "the destination is slow to undo",
      steps: toPreparing + [.cancel, .restored, .due(.patience), .due(.patience), .rolledBack], phase: "cancelled",
      events: "preparing needs-attention cancelled"),
    SourceHistory(
      name: "an abort that does not end calls the operator",
      steps: toTransferring + [.cancel, .due(.patience), .failure, .see(.runsAgain, .absent)] + undone, phase: "cancelled",
      events: prepared + " needs-attention cancelled", once: "startTransfer"),
  ]

  private static let waitsThere = Step.hear(
    .preparing(
      PreparationProgress(
        templateBytesDone: 0, templateBytesTotal: 300 << 20,
        waiting: QueueSamples.waiting(at: MigrationSamples.destination, limit: "limits.incoming"))))

  static let waiting: [SourceHistory] = [
    SourceHistory(
      name: "waits here for two things, is moved, and waits at the destination",
      steps: [
        .take(.waits(QueueSamples.waiting())), .take(.waits(QueueSamples.waiting(position: 4))),
        .take(.waits(QueueSamples.waiting(limit: "limits.pair"))), .take(.placed(QueuePlace(priority: .high, headStartUs: 7))),
        .admitted, .refused(.tooLate, .placed(QueuePlace(priority: .low))), .inspected, waitsThere, waitsThere, .preparing, .prepared,
      ], phase: "transferring", events: "queued queued preparing queued prepared transferring", once: "startTransfer",
      outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "waits for its turn", steps: [], phase: "queued", events: "", outstanding: "awaitAdmission, timer deadline"),
    SourceHistory(
      name: "is inspected", steps: [.admitted], phase: "inspecting", events: "", outstanding: "inspect, timer deadline"),
    SourceHistory(
      name: "asks the destination", steps: toPreparing, phase: "preparing", events: "preparing",
      outstanding: "ask prepare, offerLayers, timer deadline, timer patience"),
    SourceHistory(
      name: "is transferred", steps: toTransferring, phase: "transferring", events: prepared, once: "startTransfer",
      outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "looks at both hosts", steps: toTransferring + [.success], phase: "deciding", events: prepared + " switching",
      once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "the guest runs nowhere and may have run at the destination", steps: toTransferring + [.failure, .see(.off, .off)],
      phase: "deciding", events: prepared, once: "startTransfer", outstanding: "timer lookAgain, timer patience"),
    SourceHistory(
      name: "the guest is nowhere after a success", steps: toTransferring + [.success, .see(.off, .absent), .due(.patience)],
      phase: "deciding", events: prepared + " switching needs-attention", once: "startTransfer", outstanding: "timer lookAgain",
      attention: .undecided),
    SourceHistory(
      name: "a look of an earlier step counts for nothing",
      steps: toTransferring + [
        .failure, .see(.silent, .runs), .due(.lookAgain),
        .take(.observed(Observation(source: .runs, destination: .absent), step: 0)),
      ],
      phase: "deciding", events: prepared, once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "fenced: the guest is resumed", handover: .fenced, steps: toTransferring + [.success, .see(.off, .paused)],
      phase: "settling", events: prepared + " switching", once: "startTransfer",
      outstanding: "settle resumeDestination, timer patience"),
    SourceHistory(
      name: "another journal confirms", steps: toConfirming + [.hear(.confirmed(MigrationSamples.confirmation), journal: "new")],
      phase: "confirming", events: switched + " needs-attention", once: "startTransfer", outstanding: "ask confirm",
      attention: .journalChanged),
    SourceHistory(
      name: "another journal has rolled back",
      steps: toTransferring + [.failure, .see(.runs, .absent), .restored, .hear(.rolledBack, journal: "new")], phase: "rollingBack",
      events: prepared + " needs-attention", once: "startTransfer", outstanding: "ask rollback", attention: .journalChanged),
    SourceHistory(
      name: "a destination that had prepared is not taken for unknown",
      steps: toTransferring + [.failure, .see(.runs, .absent), .restored, .take(.destinationUnknown)], phase: "rollingBack",
      events: prepared, once: "startTransfer", outstanding: "ask rollback, timer patience"),
    SourceHistory(
      name: "nobody confirms", steps: toConfirming + [.due(.patience)], phase: "confirming", events: switched + " needs-attention",
      once: "startTransfer", outstanding: "ask confirm", attention: .destinationUnreachable),
    SourceHistory(
      name: "a deadline that is not due yet", steps: toTransferring + [.due(.deadline, at: MigrationSamples.deadlineSeconds * 1000 - 1)],
      phase: "transferring", events: prepared, once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline"),
  ]

  /// A cancel in every phase.
  static let cancels: [SourceHistory] = [
    SourceHistory(name: "cancelled while queued", steps: [.cancel], phase: "cancelled", events: "cancelled"),
    SourceHistory(name: "cancelled while inspecting", steps: [.admitted, .cancel], phase: "cancelled", events: "cancelled"),
    SourceHistory(
      name: "cancelled while preparing", steps: toPreparing + [.preparing, .cancel], phase: "rollingBack", events: "preparing",
      outstanding: "ask rollback, restoreSource, timer patience"),
    SourceHistory(
      name: "cancelled while transferring", steps: toTransferring + [.cancel], phase: "transferring", events: prepared,
      once: "startTransfer", outstanding: "followTransfer, abortTransfer, timer patience"),
    SourceHistory(
      name: "cancelled while transferring, to the end", steps: toTransferring + [.cancel, .failure, .see(.runs, .absent)] + undone,
      phase: "cancelled", events: prepared + " cancelled", once: "startTransfer"),
    SourceHistory(
      name: "cancelled after a transfer that failed", steps: toTransferring + [.failure, .cancel], phase: "deciding",
      events: prepared, once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "cancelled after the switch", steps: toTransferring + [.success, .cancelTooLate], phase: "deciding",
      events: prepared + " switching", once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "cancelled while settling", handover: .fenced, steps: toTransferring + [.success, .see(.off, .paused), .cancelTooLate],
      phase: "settling", events: prepared + " switching", once: "startTransfer",
      outstanding: "settle resumeDestination, timer patience"),
    SourceHistory(
      name: "cancelled while confirming", steps: toConfirming + [.cancelTooLate], phase: "confirming", events: switched,
      once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "cancelled while retiring", steps: toRetiring + [.cancelTooLate], phase: "retiring", events: switched,
      once: "startTransfer", outstanding: "retireSource, timer patience"),
    SourceHistory(
      name: "cancelled while releasing", steps: toReleasing + [.cancelTooLate], phase: "releasing", events: switched,
      once: "startTransfer", outstanding: "ask release, timer patience"),
    SourceHistory(
      name: "cancelled after the end", steps: toCompleted + [.cancelTooLate], phase: "completed", events: completed,
      once: "startTransfer"),
    SourceHistory(
      name: "cancelled while rolling back", steps: toPreparing + [.hear(.refused([MigrationSamples.refusedCheck])), .cancel] + undone,
      phase: "failed", events: "preparing failed"),
    SourceHistory(
      name: "cancelled after a failure",
      steps: [.admitted, .take(.inspectionFailed(Reason(.operationFailed, "no answer"))), .cancelTooLate],
      phase: "failed", events: "failed"),
    SourceHistory(name: "cancelled twice", steps: [.cancel, .cancel], phase: "cancelled", events: "cancelled"),
  ]

  /// The deadline in every phase: before the switch it ends the migration, after it nothing does.
  static let deadlines: [SourceHistory] = [
    SourceHistory(name: "deadline while queued", steps: [.deadline], phase: "failed", events: "failed"),
    SourceHistory(name: "deadline while inspecting", steps: [.admitted, .deadline], phase: "failed", events: "failed"),
    SourceHistory(
      name: "deadline while preparing", steps: toPreparing + [.preparing, .deadline] + undone, phase: "failed",
      events: "preparing failed"),
    SourceHistory(
      name: "deadline while transferring", steps: toTransferring + [.deadline, .failure, .see(.runsAgain, .absent)] + undone,
      phase: "failed", events: prepared + " failed", once: "startTransfer"),
    SourceHistory(
      name: "deadline while deciding", steps: toTransferring + [.success, .deadline], phase: "deciding",
      events: prepared + " switching", once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "deadline while settling", handover: .fenced, steps: toTransferring + [.success, .see(.off, .paused), .deadline],
      phase: "settling", events: prepared + " switching", once: "startTransfer",
      outstanding: "settle resumeDestination, timer patience"),
    SourceHistory(
      name: "deadline while confirming", steps: toConfirming + [.deadline], phase: "confirming", events: switched,
      once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "deadline while retiring", steps: toRetiring + [.deadline], phase: "retiring", events: switched, once: "startTransfer",
      outstanding: "retireSource, timer patience"),
    SourceHistory(
      name: "deadline while releasing", steps: toReleasing + [.deadline], phase: "releasing", events: switched,
      once: "startTransfer", outstanding: "ask release, timer patience"),
    SourceHistory(
      name: "deadline while rolling back", steps: toPreparing + [.cancel, .deadline], phase: "rollingBack", events: "preparing",
      outstanding: "ask rollback, restoreSource, timer patience"),
  ]

  private static let called = toTransferring + [.failure, .see(.held, .silent), .due(.patience)]

  /// The operator names the owner where the agents cannot find out.
  private static let named: [SourceHistory] = [
    SourceHistory(
      name: "the operator names the source while the destination is away",
      steps: called + [
        .name(.source, .held, .silent), .see(.held, .silent), .settle(.resumeSource), .see(.runs, .silent), .restored,
      ], phase: "failed", events: prepared + " needs-attention failed", once: "startTransfer, tell disown"),
    SourceHistory(
      name: "the operator names the destination while it is away",
      steps: called + [
        .name(.destination, .held, .silent), .see(.held, .silent), .settle(.destroySource), .see(.off, .silent),
      ], phase: "completed", events: prepared + " needs-attention completed", once: "startTransfer, tell assign"),
    SourceHistory(
      name: "the operator names the destination, which turns out not to have the guest",
      steps: called + [
        .name(.destination, .held, .silent), .see(.held, .absent), .settle(.resumeSource), .see(.runs, .absent),
      ] + undone, phase: "failed", events: prepared + " needs-attention failed", once: "startTransfer"),
    SourceHistory(
      name: "the operator names the source of a guest that runs at the destination",
      steps: called + [.refuse(.contradicted, .source, .off, .runs)], phase: "deciding", events: prepared + " needs-attention",
      once: "startTransfer", outstanding: "timer lookAgain", attention: .undecided),
    SourceHistory(
      name: "nobody was called, so that no owner can be named",
      steps: toTransferring + [.failure, .see(.held, .silent), .refuse(.notNeeded, .source, .held, .silent)], phase: "deciding",
      events: prepared, once: "startTransfer", outstanding: "timer lookAgain, timer patience"),
    SourceHistory(
      name: "the operator names the source while the destination does not undo",
      steps: toPreparing + [.preparing, .cancel, .due(.patience), .name(.source, .runs, .silent), .restored], phase: "cancelled",
      events: "preparing needs-attention cancelled", once: "tell disown"),
    SourceHistory(
      name: "the operator names the destination, which does not confirm",
      steps: toConfirming + [.due(.patience), .name(.destination, .off, .silent)], phase: "completed",
      events: switched + " needs-attention completed", once: "startTransfer, tell assign"),
    SourceHistory(
      name: "libvirt never ends the transfer, and the operator is called",
      steps: toTransferring + [.take(.transferStalled(Reason(.transferStalled, "the guest stands still")))], phase: "transferring",
      events: prepared + " needs-attention", once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline",
      attention: .transferStalled),
    SourceHistory(
      name: "a transfer moves again for which the operator was called",
      steps: toTransferring + [
        .take(.transferMoves), .take(.transferStalled(Reason(.transferStalled, "the guest stands still"))), .take(.transferMoves),
        .take(.transferMoves),
      ], phase: "transferring", events: prepared + " needs-attention transferring", once: "startTransfer",
      outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "what moves again is aborted, and the operator was called for that",
      steps: toTransferring + [.cancel, .due(.patience), .take(.transferMoves)], phase: "transferring",
      events: prepared + " needs-attention", once: "startTransfer", outstanding: "followTransfer, abortTransfer",
      attention: .operationFailed),
  ]

  /// The source's QEMU was killed at the switch, and the agent died before it resumed the guest.
  private static let fenced: [SourceHistory] = [
    SourceHistory(
      name: "fenced, and the agent died before it resumed the guest", handover: .fenced,
      steps: toTransferring + [
        .take(.sourceFenced), .failure, .see(.off, .paused), .settle(.resumeDestination), .see(.off, .runs), .confirmed, .retired,
        .released,
      ], phase: "completed", events: switched + " completed", once: "startTransfer"),
    SourceHistory(
      name: "not fenced, and the source's guest has ended", handover: .fenced,
      steps: toTransferring + [.failure, .see(.off, .paused)], phase: "deciding", events: prepared, once: "startTransfer",
      outstanding: "timer lookAgain, timer patience"),
  ]

  private static let lost = Reason(.notVerified, "the view has ended")
  private static let toVerify: [Step] = [.admitted, .inspectedToVerify, .preparing, .preparedToVerify]
  private static let arrived: [Step] = [.success, .see(.off, .paused), .settle(.resumeDestination), .see(.off, .runs), .confirmed]
  private static let toVerifying = toVerify + [.take(.viewTaken(failure: nil))] + arrived

  /// The disks are compared as they were at the switch.
  private static let verified: [SourceHistory] = [
    SourceHistory(
      name: "verified", handover: .fenced,
      steps: toVerifying + [
        .hear(.comparing), .take(.sourceRead(MigrationSamples.contents)), .hear(.compared(ViewReading(MigrationSamples.contents))),
        .retired,
        .released,
      ], phase: "completed", events: switched + " completed", once: "startTransfer"),
    SourceHistory(
      name: "verified, and another range", handover: .fenced,
      steps: toVerifying + [
        .hear(.compared(ViewReading(MigrationSamples.otherContents))), .take(.sourceRead(MigrationSamples.contents)), .retired, .released,
      ], phase: "completed", events: switched + " needs-attention completed", once: "startTransfer"),
    SourceHistory(
      name: "the disks are read", handover: .fenced, steps: toVerifying + [.cancelTooLate], phase: "verifying", events: switched,
      once: "startTransfer", outstanding: "readSource, ask compare, timer patience"),
    SourceHistory(
      name: "the disks are read at the destination", handover: .fenced,
      steps: toVerifying + [.hear(.compared(ViewReading(MigrationSamples.contents)))], phase: "verifying", events: switched,
      once: "startTransfer", outstanding: "readSource"),
    SourceHistory(
      name: "the view is lost", handover: .fenced,
      steps: toVerifying + [
        .hear(.compared(ViewReading(failure: lost))), .take(.sourceRead(MigrationSamples.contents)), .retired, .released,
      ],
      phase: "completed", events: switched + " completed", once: "startTransfer"),
    SourceHistory(
      name: "the source's disks cannot be read", handover: .fenced,
      steps: toVerifying + [.take(.sourceUnreadable(lost)), .hear(.compared(ViewReading(MigrationSamples.contents))), .retired, .released],
      phase: "completed", events: switched + " completed", once: "startTransfer"),
    SourceHistory(
      name: "no view was taken", handover: .fenced, steps: toVerify + [.take(.viewTaken(failure: lost))] + arrived, phase: "retiring",
      events: switched, once: "startTransfer", outstanding: "retireSource, timer patience"),
    SourceHistory(
      name: "nobody knows of a view", handover: .fenced, steps: toVerify + arrived, phase: "retiring", events: switched,
      once: "startTransfer", outstanding: "retireSource, timer patience"),
    SourceHistory(
      name: "the destination is away while the disks are read", handover: .fenced,
      steps: toVerifying + [.due(.patience), .name(.destination, .off, .silent), .retired, .released], phase: "completed",
      events: switched + " needs-attention completed", once: "startTransfer"),
    SourceHistory(
      name: "the destination's agent does not know of verifying", handover: .fenced,
      steps: [.admitted, .inspectedToVerify, .preparing, .prepared] + undone, phase: "failed", events: "preparing failed"),
    SourceHistory(
      name: "verifying is not possible with a guest that has I/O threads", handover: .fenced,
      steps: [
        .admitted,
        .take(
          .inspected(
            {
              var found = MigrationSamples.verifiedInspection
              found.hasIOThreads = true
              return found
            }())),
      ], phase: "failed", events: "failed"),
    SourceHistory(
      name: "verifying is not possible with a direct handover", steps: [.admitted, .inspectedToVerify], phase: "failed", events: "failed"),
  ]

  private static let choice = SourceEvent.writesChosen(wait: true, Reason(.writesWait, "the guest writes 80.0 MiB/s"))

  /// Limits that are changed, and a guest that is suspended until it has moved.
  private static let steered: [SourceHistory] = [
    SourceHistory(
      name: "tuned and raised, and suspended by force", handover: .fenced,
      steps: toTransferring + [
        .tune(2000, bandwidth: 50), .raise(to: 450), .raise(to: 675), .take(choice), .force, .success, .see(.off, .paused),
        .settle(.resumeDestination), .see(.off, .runs), .confirmed, .retired, .released,
      ],
      phase: "completed",
      events: prepared + " transferring transferring transferring transferring transferring switching confirming completed",
      once: "startTransfer"),
    SourceHistory(
      name: "suspended, direct", steps: toTransferring + [.force, .success, .see(.off, .runs), .confirmed, .retired, .released],
      phase: "completed", events: prepared + " transferring switching confirming completed", once: "startTransfer"),
    SourceHistory(
      name: "is to be suspended", steps: toTransferring + [.force], phase: "transferring", events: prepared + " transferring",
      once: "startTransfer", outstanding: "followTransfer, steerTransfer, suspendGuest, timer deadline"),
    SourceHistory(
      name: "suspended, and the transfer fails",
      steps: toTransferring + [.force, .failure, .see(.held, .absent), .settle(.resumeSource), .see(.runs, .absent)] + undone,
      phase: "failed", events: prepared + " transferring failed", once: "startTransfer"),
    SourceHistory(
      name: "suspended when libvirt's job had ended already, direct",
      steps: toTransferring + [.force, .failure, .see(.paused, .absent), .settle(.resumeSource), .see(.runs, .absent)] + undone,
      phase: "failed", events: prepared + " transferring failed", once: "startTransfer"),
    SourceHistory(
      name: "suspended when libvirt's job had ended already, fenced", handover: .fenced,
      steps: toTransferring + [
        .force, .failure, .see(.paused, .paused), .settle(.destroyDestination), .see(.paused, .off), .settle(.resumeSource),
        .see(.runs, .absent),
      ] + undone,
      phase: "failed", events: prepared + " transferring failed", once: "startTransfer"),
    SourceHistory(
      name: "suspended, and the destination runs it", steps: toTransferring + [.force, .failure, .see(.paused, .runs)],
      phase: "settling", events: prepared + " transferring", once: "startTransfer", outstanding: "settle destroySource, timer patience"),
    SourceHistory(
      name: "paused by somebody while it was copied", steps: toTransferring + [.failure, .see(.paused, .absent)], phase: "rollingBack",
      events: prepared, once: "startTransfer", outstanding: "ask rollback, restoreSource, timer patience"),
    SourceHistory(
      name: "suspended, then cancelled",
      steps: toTransferring + [.force, .cancel, .failure, .see(.held, .absent), .settle(.resumeSource), .see(.runs, .absent)] + undone,
      phase: "cancelled", events: prepared + " transferring cancelled", once: "startTransfer"),
    SourceHistory(
      name: "suspended, and never resumed by libvirt", steps: toTransferring + [.force, .cancel], phase: "transferring",
      events: prepared + " transferring", once: "startTransfer", outstanding: "followTransfer, abortTransfer, timer patience"),
    SourceHistory(
      name: "force before the transfer", steps: toPreparing + [.refused(.tooEarly, .completionForced(Step.forced))],
      phase: "preparing", events: "preparing", outstanding: "ask prepare, offerLayers, timer deadline, timer patience"),
    SourceHistory(
      name: "force of a guest that somebody has paused",
      steps: [.admitted, .inspectedPaused, .preparing, .prepared, .refused(.notNeeded, .completionForced(Step.forced))],
      phase: "transferring", events: prepared, once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "force after the switch", steps: toTransferring + [.success, .refused(.tooLate, .completionForced(Step.forced))],
      phase: "deciding", events: prepared + " switching", once: "startTransfer", outstanding: "observe, timer patience"),
    SourceHistory(
      name: "tuned before the transfer", steps: toPreparing + [.tune(2000, bandwidth: 50, deadline: 7200)], phase: "preparing",
      events: "preparing", outstanding: "ask prepare, offerLayers, timer deadline, timer patience"),
    SourceHistory(
      name: "told what the destination lets come",
      steps: toPreparing + [.hear(.limitBandwidth(50 << 20)), .prepared, .hear(.limitBandwidth(100 << 20)), .budget(200)],
      phase: "transferring", events: prepared + " transferring", once: "startTransfer",
      outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "tuned while it is being ended", steps: toTransferring + [.cancel, .refuseTune(.tooLate, 2000)], phase: "transferring",
      events: prepared, once: "startTransfer", outstanding: "followTransfer, abortTransfer, timer patience"),
    SourceHistory(
      name: "tuned after the switch", steps: toConfirming + [.refuseTune(.tooLate, 2000)], phase: "confirming", events: switched,
      once: "startTransfer", outstanding: "ask confirm, timer patience"),
    SourceHistory(
      name: "a later deadline", steps: toTransferring + [.tune(deadline: 7200), .due(.deadline, at: 7_199_999)], phase: "transferring",
      events: prepared + " transferring", once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "a later deadline passes", steps: toTransferring + [.tune(deadline: 7200), .due(.deadline, at: 7_200_000)],
      phase: "transferring", events: prepared + " transferring", once: "startTransfer",
      outstanding: "followTransfer, abortTransfer, timer patience"),
    SourceHistory(
      name: "the timer of the deadline before",
      steps: toTransferring + [
        .tune(deadline: 7200), .take(.timerFired(MigrationTimer(.deadline, step: 0)), at: 3_600_000),
      ], phase: "transferring", events: prepared + " transferring", once: "startTransfer",
      outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "a deadline that has passed already", steps: toTransferring + [.refuseTune(.deadlinePassed, deadline: 60, at: 60_000)],
      phase: "transferring", events: prepared, once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "the deadline passes, and it waits", onDeadline: .wait, steps: toTransferring + [.deadline], phase: "transferring",
      events: prepared + " transferring", once: "startTransfer", outstanding: "followTransfer, steerTransfer"),
    SourceHistory(
      name: "the deadline passes, it waits, and gets another one", onDeadline: .wait,
      steps: toTransferring + [.deadline, .tune(deadline: 7200, at: 3_700_000)], phase: "transferring",
      events: prepared + " transferring transferring", once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline"),
    SourceHistory(
      name: "the deadline passes, and the guest is suspended", onDeadline: .force, steps: toTransferring + [.deadline],
      phase: "transferring", events: prepared + " transferring", once: "startTransfer",
      outstanding: "followTransfer, steerTransfer, suspendGuest"),
    SourceHistory(
      name: "the deadline passes before anything is copied", onDeadline: .force, steps: toPreparing + [.preparing, .deadline] + undone,
      phase: "failed", events: "preparing failed"),
    SourceHistory(
      name: "a longer pause than is allowed is not taken", steps: toTransferring + [.tune(400), .raise(to: 450)], phase: "transferring",
      events: prepared + " transferring", once: "startTransfer", outstanding: "followTransfer, steerTransfer, timer deadline"),
  ]

  static let all = successes + failures + waiting + cancels + deadlines + named + fenced + verified + steered
}
