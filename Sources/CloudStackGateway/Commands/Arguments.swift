import LongshoreMessages

/// The parameters of a request that are of its command, checked to be of their kinds.
struct Arguments: Sendable {
  /// A page of a list.
  struct Page: Sendable, Hashable {
    /// The page's number, from 1.
    var number: Int
    /// The most entries of it; nil for all.
    var size: Int?
  }

  /// The most entries of a page, and how many come where nothing is said.
  static let defaultPageSize = 500

  /// The command.
  let command: CommandSpec
  private let parameters: Parameters

  /// Checks the parameters of a command. Those that it does not have are ignored, as CloudStack does.
  /// - Throws: ``APIError`` with 431 where one is missing or not of its kind, and 430 for brackets that are not those of a list of objects.
  init(_ command: CommandSpec, _ parameters: Parameters) throws(APIError) {
    self.command = command
    self.parameters = parameters
    for pair in parameters.pairs { _ = try MapParameter.place(pair.name) }
    for parameter in command.parameters {
      guard let value = text(parameter.name) else {
        guard !parameter.isRequired else { throw .missing(parameter.name, of: command.name) }
        continue
      }
      guard value.count <= parameter.length else {
        throw APIError(.parameter, "Value greater than max allowed length \(parameter.length) for param: \(parameter.name)")
      }
      switch parameter.kind {
      case .integer, .long: guard Int32(value) != nil else { throw invalid(parameter.name) }
      case .date: guard CloudStackTime.date(value) != nil else { throw invalid(parameter.name) }
      case .uuid: guard value.utf8.count <= 64 else { throw invalid(parameter.name) }
      case .string, .boolean, .list, .map: break
      }
    }
  }

  /// The value of a parameter; nil where it is not given, or empty.
  func text(_ name: String) -> String? { parameters[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// The value of a parameter that the command needs.
  func required(_ name: String) throws(APIError) -> String {
    guard let value = text(name) else { throw .missing(name, of: command.name) }
    return value
  }

  /// True or false, as Java reads it: what is not "true" is false. Nil where it is not given.
  func flag(_ name: String) -> Bool? { text(name).map { $0.lowercased() == "true" } }

  /// The time of a parameter.
  func date(_ name: String) -> Timestamp? { text(name).flatMap { CloudStackTime.date($0) } }

  /// The entries of a list with commas; nil where it is not given.
  func list(_ name: String) -> Set<String>? {
    text(name).map { Set($0.split(separator: ",").map { $0.lowercased() }) }
  }

  /// The objects of a parameter with brackets.
  func objects(_ name: String) throws(APIError) -> [[String: String]] { try MapParameter.objects(name, in: parameters) }

  /// The error of a value that is none, or names nothing that is here.
  func invalid(_ name: String) -> APIError { .invalid(name, text(name) ?? "", of: command.name) }

  /// The page that is asked for.
  func page() throws(APIError) -> Page {
    let size = text("pagesize").flatMap { Int($0) }
    let number = text("page").flatMap { Int($0) }
    guard let size else {
      guard number == nil else {
        throw APIError(.parameter, "\"page\" parameter requires \"pagesize\" parameter specified", .invalidParameterValue)
      }
      return Page(number: 1, size: Self.defaultPageSize)
    }
    guard size != -1 else {
      guard number == nil else {
        throw APIError(.parameter, "the parameter page has no meaning with pagesize=-1", .invalidParameterValue)
      }
      return Page(number: 1, size: nil)
    }
    guard (1...Self.defaultPageSize).contains(size) else {
      throw APIError(
        .parameter, "Page size can not exceed max allowed page size value: \(Self.defaultPageSize)", .invalidParameterValue)
    }
    guard (number ?? 1) >= 1 else { throw invalid("page") }
    return Page(number: number ?? 1, size: size)
  }

  /// What of a list is on the page that is asked for.
  func shown<Item>(of items: [Item]) throws(APIError) -> [Item] {
    let page = try page()
    guard let size = page.size else { return items }
    let (start, overflow) = (page.number - 1).multipliedReportingOverflow(by: size)
    return overflow || start >= items.count ? [] : Array(items[start..<min(items.count, start + size)])
  }

  /// The answer of a list: the page of it that is asked for, with how many there are in all.
  func answer(_ objects: [ResponseObject]) throws(APIError) -> Answer { answer(shown: try shown(of: objects), count: objects.count) }

  /// The answer of a list of which only the page that is asked for was made.
  func answer(shown objects: [ResponseObject], count: Int) -> Answer {
    Answer(to: command.name, list: command.response.key ?? "object", objects, count: count)
  }
}
