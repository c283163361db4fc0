/// Pages that say one thing.
enum MessagePage {
  /// Nothing is at the address.
  static func notFound(_ what: HTML) -> Page {
    Page(
      title: "Not found", place: .elsewhere, head: "<h1>Not found</h1>",
      parts: [Page.Part(id: "message", content: "<p>\(what)</p><p><a href=\"/\">To the overview</a></p>")], status: 404,
      kind: .missing)
  }

  /// Something else than a page, such as an error.
  static func message(_ title: String, _ text: HTML, status: Int) -> Page {
    Page(
      title: title, place: .elsewhere, head: "<h1>\(title)</h1>",
      parts: [Page.Part(id: "message", content: "<p>\(text)</p><p><a href=\"/\">To the overview</a></p>")], status: status)
  }
}
