import FoundationEssentials
import LongshoreClient
import LongshoreMessages

/// A page as its URL names it.
enum PageAddress: Sendable, Hashable {
  case overview
  case ended(EndedList.Filter, page: Int)
  case migration(MigrationID)
  case host(NodeName)

  /// The longest text that the list is searched for, in characters.
  static let longestText = 100

  /// The page of a path and query; nil where there is none.
  init?(path: String, query: [String: String] = [:]) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    switch (parts.first, parts.count) {
    case (nil, 0): self = .overview
    case ("ended", 1):
      var filter = EndedList.Filter()
      filter.host = query["host"].flatMap { NodeName($0) }
      filter.phase = query["state"].flatMap { MigrationPhase(rawValue: $0) }.flatMap { $0.isEnd ? $0 : nil }
      filter.text = String((query["guest"] ?? "").prefix(Self.longestText))
      self = .ended(filter, page: query["page"].flatMap { Int($0) } ?? 1)
    case ("migrations", 2):
      guard let id = MigrationID(parts[1]) else { return nil }
      self = .migration(id)
    case ("hosts", 2):
      guard let name = NodeName(parts[1]) else { return nil }
      self = .host(name)
    default: return nil
    }
  }

  /// The page as it is now.
  /// - Parameter canAct: Whether who has the token can do more than look.
  func page(of model: ClusterModel, at now: Timestamp, canAct: Bool) -> Page {
    switch self {
    case .overview: return OverviewPage.page(model, at: now)
    case .ended(let filter, let number): return EndedPage.page(model, filter: filter, number: number)
    case .migration(let id):
      let actions: HTML =
        """
        <p><a href="\(ActionAddress.tune(id).path)">Tune this migration…</a> · <a href="\(ActionAddress.cancel(id).path)">Cancel it…</a></p>
        """
      return MigrationPage.page(model, id, at: now, actions: canAct ? actions : .none) ?? SearchPage.page(model, .migration(id), at: now)
    case .host(let name):
      let action: HTML = "<p><a href=\"\(ActionAddress.move(name).path)\">Move a guest of this host…</a></p>"
      return HostPage.page(model, name, at: now, action: canAct ? action : .none)
        ?? SearchPage.page(model, .host(name), at: now)
    }
  }
}

/// What comes with a URL or a form.
enum FormText {
  /// The fields of a query or of a form; nil where it has too many, or is not well-formed.
  static func fields(_ text: String) -> [String: String]? {
    var fields: [String: String] = [:]
    let pairs = text.split(separator: "&", omittingEmptySubsequences: true)
    guard pairs.count <= 32 else { return nil }
    for pair in pairs {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = FormDecoding.decoded(parts[0]), let value = FormDecoding.decoded(parts.count > 1 ? parts[1] : "") else { return nil }
      // The last one counts, as with most servers.
      fields[name] = value
    }
    return fields
  }
}
