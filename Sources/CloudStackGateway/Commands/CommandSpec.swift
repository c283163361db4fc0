/// What there is to know of a command before it is run: its name, its parameters, what it answers. `listApis` tells it to clients, and
/// requests are checked against it.
struct CommandSpec: Sendable {
  /// A parameter of a command.
  struct Parameter: Sendable, Hashable {
    /// The kinds of values, by the names that clients know them by.
    enum Kind: String, Sendable, Hashable {
      case uuid, string, boolean, integer, long, date, list, map
    }

    /// Its name, in lower case.
    var name: String
    /// What kind of value it takes.
    var kind: Kind
    /// Whether the command needs it.
    var isRequired: Bool
    /// What it is for.
    var text: String
    /// The longest value, in characters.
    var length: Int
    /// The command that lists what it can be, for completion.
    var related: String?
  }

  /// Its name, as it is written.
  let name: String
  /// What it does.
  let text: String
  /// Whether it answers with a job.
  let isAsync: Bool
  /// What a key has to be for.
  let role: AccessKey.Role
  /// Its parameters.
  let parameters: [Parameter]
  /// The fields of an object of its answer.
  let response: ObjectShape

  /// Whether it changes nothing.
  var isRead: Bool { role == .read }

  init(
    _ name: String, _ text: String, isAsync: Bool = false, role: AccessKey.Role = .read, _ parameters: [Parameter] = [],
    isPaged: Bool = false, answers response: ObjectShape
  ) {
    self.name = name
    self.text = text
    self.isAsync = isAsync
    self.role = role
    var all = parameters
    if isPaged { all += Self.paging }
    if isAsync { all.append(Self.customJobID) }
    self.parameters = all
    self.response = response
  }

  private static let paging: [Parameter] = [
    .optional("keyword", .string, "a part of the name"), .optional("page", .integer, "the number of the page, from 1"),
    .optional("pagesize", .integer, "the number of entries on a page"),
    .optional("listall", .boolean, "taken and without effect: all that the key is for is listed"),
  ]
  private static let customJobID = Parameter.optional(
    "customjobid", .uuid, "the ID that the job is to have; an order that is repeated with it is done once")
}

extension CommandSpec.Parameter {
  /// A parameter that a command needs.
  static func required(_ name: String, _ kind: Kind, _ text: String, related: String? = nil) -> Self {
    Self(name: name, kind: kind, isRequired: true, text: text, length: kind == .string ? 4096 : 255, related: related)
  }

  /// A parameter that can be left out.
  static func optional(_ name: String, _ kind: Kind, _ text: String, related: String? = nil) -> Self {
    Self(
      name: name, kind: kind, isRequired: false, text: text, length: [.list, .string].contains(kind) ? 4096 : 255, related: related)
  }
}

/// The fields of an object of an answer.
struct ObjectShape: Sendable, Hashable {
  /// The kinds of fields, by the names that clients know them by.
  enum Kind: String, Sendable, Hashable, CaseIterable {
    case string, boolean, integer, long, float, list, map
  }

  /// A field.
  struct Field: Sendable, Hashable {
    /// Its name.
    var name: String
    /// Its kind.
    var kind: Kind
  }

  /// The key below which the objects stand; nil where the answer is the object.
  var key: String?
  /// The fields.
  var fields: [Field]

  /// A shape, with the names of its fields by their kinds.
  init(_ key: String?, _ names: KeyValuePairs<Kind, String>) {
    self.key = key
    fields = names.flatMap { kind, names in names.split(separator: " ").map { Field(name: String($0), kind: kind) } }
  }

  /// This shape with more fields.
  func with(_ names: KeyValuePairs<Kind, String>) -> ObjectShape {
    var shape = self
    shape.fields += ObjectShape(key, names).fields
    return shape
  }
}
