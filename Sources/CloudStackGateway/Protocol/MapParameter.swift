/// A parameter that is a list of objects: `migrateto[0].volume=…&migrateto[0].pool=…`.
enum MapParameter {
  /// The objects of a parameter, by their fields; empty where it was not sent. The number in the brackets groups fields and says nothing
  /// else: gaps and any order are allowed. Fields are named exactly; the parameter's name is in any case.
  /// - Throws: ``APIError`` with 430 where a name with brackets is not of this form.
  static func objects(_ name: String, in parameters: Parameters) throws(APIError) -> [[String: String]] {
    var objects: [Int: [String: String]] = [:]
    for pair in parameters.pairs {
      guard let place = try place(pair.name), place.name == name else { continue }
      objects[place.index, default: [:]][place.field] = pair.value
    }
    return objects.sorted { $0.key < $1.key }.map(\.value)
  }

  /// The parts of a name with brackets; nil for one without.
  static func place(_ key: String) throws(APIError) -> (name: String, index: Int, field: String)? {
    guard key.contains("[") || key.contains("]") else { return nil }
    let problem = APIError(
      .malformedParameter,
      """
      Unable to decode parameter \(key); if specifying an object array, please use parameter[index].field=XXX, e.g. \
      userGroupList[0].group=httpGroup.
      """)
    let opening = key.split(separator: "[", omittingEmptySubsequences: false)
    guard opening.count == 2, !opening[0].isEmpty, !opening[0].contains("]"), !opening[0].contains(".") else { throw problem }
    let closing = opening[1].split(separator: "]", omittingEmptySubsequences: false)
    guard closing.count == 2, !closing[0].contains("."), !closing[0].isEmpty, closing[0].utf8.count <= 9,
      closing[0].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let index = Int(closing[0])
    else { throw problem }
    guard closing[1].first == ".", closing[1].utf8.count > 1 else { throw problem }
    return (opening[0].lowercased(), index, String(closing[1].dropFirst()))
  }
}
