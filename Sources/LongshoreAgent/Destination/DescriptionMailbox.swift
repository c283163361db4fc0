internal import LongshoreMessages

/// Where the descriptions of templates arrive for the prefetches that wait for them.
actor DescriptionMailbox {
  private var waiting: [MigrationID: AsyncStream<TemplateDescription>.Continuation] = [:]

  /// Hands a description to the prefetch that waits for it; one that nobody waits for is of no use.
  func deliver(_ description: TemplateDescription, of prefetch: MigrationID) { waiting[prefetch]?.yield(description) }

  /// The descriptions that come for a prefetch from now on. An earlier stream of the same prefetch ends.
  func descriptions(of prefetch: MigrationID) -> AsyncStream<TemplateDescription> {
    waiting[prefetch]?.finish()
    let (stream, continuation) = AsyncStream<TemplateDescription>.makeStream(bufferingPolicy: .bufferingNewest(1))
    waiting[prefetch] = continuation
    return stream
  }

  /// Forgets a prefetch that waits no longer.
  func forget(_ prefetch: MigrationID) { waiting.removeValue(forKey: prefetch)?.finish() }
}
