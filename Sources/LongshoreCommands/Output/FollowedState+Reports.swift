import LongshoreClient
import LongshoreMessages

extension FollowedState {
  /// Takes in a report.
  mutating func apply(_ report: FollowReport, at now: Timestamp) {
    switch report {
    case .accepted:
      phase = "accepted"
      acceptedAt = acceptedAt ?? now
      heardAt = now
    case .event(let event):
      heard(event.data.guest, from: event.data.sourceHost, to: event.data.destinationHost, at: now)
      phase = event.data.kind.words
      if event.data.kind == .accepted { acceptedAt = event.time }
    case .progress(let event):
      heard(event.data, at: now)
      acceptedAt =
        acceptedAt ?? event.time.adding(milliseconds: -Int64(min(max(event.data.elapsedSeconds, 0), 1e9) * 1000))
    case .status(let status):
      heard(status.guest, from: status.sourceHost, to: status.destinationHost, at: now)
      phase = status.phase.words
      acceptedAt = status.acceptedAt
      if let progress = status.progress { heard(progress, at: now) }
    case .linkLost(let reason): linkLost = reason
    case .linkRestored: linkLost = nil
    }
  }

  private mutating func heard(_ guest: GuestReference, from source: NodeName, to destination: NodeName, at now: Timestamp) {
    self.guest = guest.name
    self.source = source.text
    self.destination = destination.text
    heardAt = now
  }

  private mutating func heard(_ progress: Progress, at now: Timestamp) {
    guest = progress.guest.name
    // What is read anew begins anew: it is not what was copied.
    if progress.phase == .verifying, self.progress?.phase != .verifying {
      parts = ProgressParts()
      bar = CopyBar()
    }
    phase = progress.phase.words
    self.progress = progress
    parts.update(progress)
    bar.update(progress)
    heardAt = now
  }
}
