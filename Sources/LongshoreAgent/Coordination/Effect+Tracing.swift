internal import LongshoreMessages
internal import MigrationCore
internal import Tracing

/// Runs an effect within a span that names the migration, or what else it is of, for tracers that follow what an agent does. Spans are
/// short, and belong to the trace of the order: one for a whole migration would be open for hours, and lost with the agent.
func withEffectSpan(
  _ name: String, of migration: MigrationID, in trace: TraceContext?, tracer: any Tracer = InstrumentationSystem.tracer,
  _ body: () async -> Void
) async {
  await withWork(of: migration, in: trace, instrument: tracer) {
    await tracer.withSpan("longshore \(name)") { span in
      span.attributes[LogKeys.migration] = migration.text
      await body()
    }
  }
}

extension SourceEffect {
  /// The effect in a word, for spans.
  var word: String {
    switch self {
    case .emit: "emit"
    case .tell: "tell"
    case .awaitAdmission: "await-admission"
    case .inspect: "inspect"
    case .ask(let body): "ask-\(body.typeName)"
    case .offerLayers: "offer-layers"
    case .startTransfer: "start-transfer"
    case .followTransfer: "follow-transfer"
    case .abortTransfer: "abort-transfer"
    case .steerTransfer: "steer-transfer"
    case .suspendGuest: "suspend-guest"
    case .observe: "observe"
    case .settle: "settle"
    case .restoreSource: "restore-source"
    case .readSource: "read-source"
    case .retireSource: "retire-source"
    case .setTimer: "timer"
    }
  }
}

extension DestinationEffect {
  /// The effect in a word, for spans.
  var word: String {
    switch self {
    case .tell: "tell"
    case .awaitAdmission: "await-admission"
    case .check: "check"
    case .provideLayer: "provide-layer"
    case .makeStubs: "make-stubs"
    case .postCheck: "post-check"
    case .readView: "read-view"
    case .endView: "end-view"
    case .takeOver: "take-over"
    case .endCopy: "end-copy"
    case .removeFiles: "remove-files"
    case .keepFiles: "keep-files"
    }
  }
}

extension DrainEffect {
  /// The effect in a word, for spans.
  var word: String {
    switch self {
    case .survey: "drain-survey"
    case .move: "drain-move"
    case .cancelMove: "drain-cancel-move"
    case .look: "drain-look"
    case .report: "drain-report"
    case .awaitDeadline: "drain-deadline"
    }
  }
}

extension PrefetchEffect {
  /// The effect in a word, for spans.
  var word: String {
    switch self {
    case .awaitAdmission: "prefetch-await-admission"
    case .askSource: "prefetch-ask-source"
    case .check: "prefetch-check"
    case .provideLayer: "prefetch-provide-layer"
    case .keepFiles: "prefetch-keep-files"
    case .removeFiles: "prefetch-remove-files"
    case .holdOffer: "prefetch-hold-offer"
    case .awaitDeadline: "prefetch-deadline"
    }
  }
}
