internal import LongshoreMessages
internal import MigrationCore

extension JournalStep {
  /// The step in words, for errors.
  var operation: String {
    if let source { return "commit revision \(source.revision) of the migration \(source.id) at its source" }
    if let destination { return "commit revision \(destination.revision) of the migration \(destination.id) at its destination" }
    return "commit \(outbox.count) messages"
  }

  /// What of the step contradicts the rest, in words; nil where nothing does.
  var contradiction: String? {
    if let source, destination != nil { return "the migration \(source.id) has two sides in one step" }
    if request != nil, source?.revision != 1 { return "a request is accepted without the migration that it begins" }
    if let request, let source, request.id != source.id { return "the request \(request.id) is not that of the migration \(source.id)" }
    return contradictionOfEvents ?? contradictionOfHistory
  }

  private var contradictionOfEvents: String? {
    guard let source else { return events.isEmpty ? nil : "numbered events without the migration at its source" }
    if let stranger = events.first(where: { $0.subject != source.id }) {
      return "the event \(stranger.id) is not of the migration \(source.id)"
    }
    return nil
  }

  private var contradictionOfHistory: String? {
    if let source { return contradiction(revision: source.revision, hasEvent: sourceEvent != nil) }
    if let destination { return contradiction(revision: destination.revision, hasEvent: destinationEvent != nil) }
    return nil
  }

  /// The history is whole only if every revision but the first has the event that made it.
  private func contradiction(revision: Int, hasEvent: Bool) -> String? {
    switch (revision, hasEvent) {
    case (...1, true): "revision \(revision) is a beginning, which no event makes"
    case (2..., false): "revision \(revision) without the event that made it"
    default: nil
    }
  }
}
