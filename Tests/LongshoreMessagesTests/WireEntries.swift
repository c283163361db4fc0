import LongshoreMessages
import LongshoreTestKit

/// The samples under the contract's names.
enum WireEntries {
  typealias Entry = ContractChecker.Entry

  /// All samples.
  static let all: [Entry] = [
    MessageSamples.requests.map { Entry($0) },
    MessageSamples.replies.map { Entry($0) },
    MessageSamples.peerMessages.map { Entry($0) },
    MessageSamples.events.map { Entry($0) },
    MessageSamples.progressEvents.map { Entry($0) },
    MessageSamples.drainEvents.map { Entry($0) },
  ].flatMap(\.self)

  /// The fullest sample of each kind.
  static let fullest: [Entry] = {
    var fullest: [Entry] = []
    for entry in all {
      fullest.removeAll { $0.message == entry.message }
      fullest.append(entry)
    }
    return fullest
  }()
}
