import LongshoreMessages

/// What a set of messages exercises: which optional fields were seen absent and present, and which words of each closed set.
struct MessageCoverage {
  private struct Seen {
    var absent = false
    var present = false
  }

  private var fields: [String: Seen] = [:]
  private var words: [String: Set<String>] = [:]
  private var vocabularies: [String: Set<String>] = [:]

  /// The closed sets of words that were met.
  var vocabularyNames: Set<String> { Set(vocabularies.keys) }

  /// The number of optional fields that were met.
  var optionalFieldCount: Int { fields.count }

  /// Optional fields that no message has, or that all have, and words that none has.
  var gaps: [String] {
    let absent = fields.filter { !$0.value.present }.map { "\($0.key) is never present" }
    let present = fields.filter { !$0.value.absent }.map { "\($0.key) is never absent" }
    let unsaid = vocabularies.flatMap { type, all in
      all.subtracting(words[type, default: []]).map { "\(type) is never \($0)" }
    }
    return (absent + present + unsaid).sorted()
  }

  /// Walks through all parts of a message.
  mutating func add(_ value: Any) {
    if let word = value as? any WireWord { add(word: word) }
    let mirror = Mirror(reflecting: value)
    for child in mirror.children {
      let content = Mirror(reflecting: child.value)
      if let label = child.label, content.displayStyle == .optional {
        let field = "\(mirror.subjectType).\(label)"
        fields[field, default: Seen()].absent = fields[field]?.absent == true || content.children.isEmpty
        fields[field, default: Seen()].present = fields[field]?.present == true || !content.children.isEmpty
      }
      add(child.value)
    }
  }

  private mutating func add<Word: WireWord>(word: Word) {
    // With the types that it is in: several have a `Kind`.
    let name = String(reflecting: Word.self).split(separator: ".").dropFirst().joined(separator: ".")
    words[name, default: []].insert(word.rawValue)
    vocabularies[name] = Set(Word.allCases.map(\.rawValue))
  }
}
