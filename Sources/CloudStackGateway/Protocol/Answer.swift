/// What a request is answered with: an HTTP status and a body of exactly one key.
struct Answer: Sendable, Hashable {
  /// How a body is written.
  enum Format: Sendable, Hashable {
    case json
    case xml

    /// The content type, as CloudStack gives it.
    var contentType: String {
      switch self {
      case .json: "application/json; charset=UTF-8"
      case .xml: "text/xml; charset=UTF-8"
      }
    }
  }

  /// The HTTP status.
  var status: Int
  /// The one key of the body.
  var key: String
  /// What is below it.
  var content: ResponseObject
  /// The text of an error, which a header repeats; nil for a result.
  var errorText: String?

  /// The result of a command.
  init(to command: String, _ content: ResponseObject) {
    status = 200
    key = "\(command.lowercased())response"
    self.content = content
  }

  /// A list of a command: without `count` and key where it is empty, as CloudStack answers it.
  init(to command: String, list name: String, _ objects: [ResponseObject], count: Int) {
    var content = ResponseObject()
    if !objects.isEmpty {
      content.add("count", count)
      content.add(name, objects)
    }
    self.init(to: command, content)
  }

  /// An error of a command; nil for one that cannot be named.
  init(to command: String?, _ error: APIError) {
    status = error.code.rawValue
    let name = command.flatMap { error.isOfNoCommand ? nil : $0 }
    // A key is written as it is: what is no command's name has no place in it.
    key = name.flatMap { $0.isName ? "\($0.lowercased())response" : nil } ?? "errorresponse"
    errorText = error.text
    var content = ResponseObject()
    content.add("uuidList", [ResponseValue]())
    content.add("errorcode", error.code.rawValue)
    if error.code != .unauthorized { content.add("cserrorcode", error.exception.rawValue) }
    content.add("errortext", error.text)
    self.content = content
  }

  /// The body.
  func body(_ format: Format) -> [UInt8] {
    var text: [UInt8] = []
    switch format {
    case .json:
      var outer = ResponseObject()
      outer.add(key, content)
      ResponseValue.object(outer).writeJSON(to: &text)
    case .xml:
      text += "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".utf8
      ResponseValue.object(content).writeXML(as: key, to: &text, attributes: " cloud-stack-version=\"\(CloudStackVersion.text)\"")
    }
    return text
  }
}

/// The version of CloudStack whose interface this is.
enum CloudStackVersion {
  static let text = "4.22.0.0"
}

extension String {
  /// Whether it can be a command's name: letters and digits, at most 100.
  fileprivate var isName: Bool {
    (1...100).contains(utf8.count)
      && utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
      }
  }
}
