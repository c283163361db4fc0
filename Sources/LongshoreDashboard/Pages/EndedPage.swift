import LongshoreClient
import LongshoreMessages

/// The migrations that have ended, filtered and in pages.
enum EndedPage {
  /// Rows of a page.
  static let rows = 50

  static func page(_ model: ClusterModel, filter: EndedList.Filter, number: Int) -> Page {
    let page = model.ended.page(number, of: rows, filter)
    return Page(
      title: "Ended", place: .ended, head: "<h1>Ended migrations</h1>\(form(model, filter))",
      parts: [Page.Part(id: "ended", content: list(model, page, filter))])
  }

  private static func form(_ model: ClusterModel, _ filter: EndedList.Filter) -> HTML {
    let hosts = model.hosts.keys.map(\.text).sorted().prefix(1000).map { name -> HTML in
      "<option\("selected", if: filter.host?.text == name)>\(name)</option>"
    }
    let states = [MigrationPhase.completed, .failed, .cancelled].map { phase -> HTML in
      "<option\("selected", if: filter.phase == phase)>\(phase.rawValue)</option>"
    }
    return """
      <form class="filter" method="get" action="/ended" role="search" aria-label="Filter">
      <label>Guest or id <input type="search" name="guest" value="\(filter.text)" maxlength="100"></label>
      <label>Host <select name="host"><option value="">any</option>\(hosts)</select></label>
      <label>State <select name="state"><option value="">any</option>\(states)</select></label>
      <button>Filter</button>
      \(filter == .all ? .none : "<a href=\"/ended\">Show all</a>" as HTML)
      </form>
      """
  }

  private static func list(_ model: ClusterModel, _ page: EndedList.Page, _ filter: EndedList.Filter) -> HTML {
    guard page.count > 0 else {
      return Piece.empty(model, filter == .all ? "None has ended." : "None of those in the list is so.")
    }
    let last = (page.number - 1) * rows + page.rows.count
    let bounded: HTML? = model.ended.horizon.map { time -> HTML in
      " The list is full: those that ended before \(Piece.time(time)) are not in it."
    }
    return """
      <section aria-label="Ended migrations"><p class="quiet">\((page.number - 1) * rows + 1) to \(last) of \(page.count), the newest first.\(bounded)</p>
      \(table(page.rows))
      \(pages(page, filter))</section>
      """
  }

  /// Rows of ended migrations.
  static func table(_ rows: [EndedList.Row]) -> HTML {
    Piece.table(
      "Migrations that have ended",
      columns: [
        Piece.Column("Guest"), Piece.Column("From → to"), Piece.Column("End"), Piece.Column("When"), Piece.Column("Took", isNumber: true),
        Piece.Column("Downtime", isNumber: true), Piece.Column("Moved", isNumber: true), Piece.Column("Why", isProse: true),
      ],
      rows: rows.map { row in
        let took: HTML = row.seconds.map { seconds -> HTML in "\(Quantity.seconds(seconds))" } ?? "–"
        let downtime: HTML = row.downtimeMs.map { downtime -> HTML in "\(downtime) ms" } ?? "–"
        let bytes: HTML = row.bytes.map { bytes -> HTML in "\(Quantity.bytes(bytes))" } ?? "–"
        let verification: HTML? = row.verification.map { outcome -> HTML in
          switch outcome {
          case .equal: "<span class=\"under\">verified</span>"
          case .differs: "<strong class=\"trouble\">content differs</strong>"
          case .unknown: "<span class=\"under\">not verified</span>"
          }
        }
        return (
          key: row.id.text,
          cells: [
            Piece.guest(row.guest, row.id), Piece.way(row.source, row.destination), "\(Piece.phase(row.phase))\(verification)",
            Piece.time(row.at), took, downtime, bytes, Piece.prose(row.reason ?? ""),
          ]
        )
      })
  }

  private static func pages(_ page: EndedList.Page, _ filter: EndedList.Filter) -> HTML {
    guard page.pages > 1 else { return .none }
    func link(_ number: Int, _ text: HTML) -> HTML { "<li><a href=\"\(address(filter, number))\">\(text)</a></li>" }
    var items: [HTML] = []
    if page.number > 1 {
      items.append(link(1, "First"))
      items.append(link(page.number - 1, "Newer"))
    }
    items.append("<li aria-current=\"page\">Page \(page.number) of \(page.pages)</li>")
    if page.number < page.pages {
      items.append(link(page.number + 1, "Older"))
      items.append(link(page.pages, "Last"))
    }
    return "<nav class=\"pages\" aria-label=\"Pages of the list\"><ul>\(items)</ul></nav>"
  }

  private static func address(_ filter: EndedList.Filter, _ number: Int) -> HTML {
    let host: HTML? = filter.host.map { host -> HTML in "&amp;host=\(url: host.text)" }
    let state: HTML? = filter.phase.map { phase -> HTML in "&amp;state=\(url: phase.rawValue)" }
    let guest: HTML? = filter.text.isEmpty ? nil : "&amp;guest=\(url: filter.text)"
    return "/ended?page=\(number)\(host)\(state)\(guest)"
  }
}
