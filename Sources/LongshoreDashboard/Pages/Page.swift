import LongshoreClient
import LongshoreMessages

/// A page: what stays, and the parts that change while it is looked at.
struct Page: Sendable {
  /// A part of a page that is replaced when it changes.
  struct Part: Sendable, Hashable {
    /// The id of its element.
    var id: String
    /// What is in the element.
    var content: HTML
  }

  /// The title, without the product's name.
  var title: String
  /// Where it stands among the pages of the navigation.
  var place: Place
  /// The page's heading and what belongs to it.
  var head: HTML
  /// The parts, in their order.
  var parts: [Part]
  /// The HTTP status.
  var status = 200
  /// What kind of page it is.
  var kind = Kind.shown

  /// Whether a page shows what its address names. A browser loads a page anew whose kind changes.
  enum Kind: String, Sendable, Hashable, Encodable {
    /// It does.
    case shown
    /// It is not known yet, and looked for.
    case searching
    /// It is not there.
    case missing
  }

  /// The pages of the navigation.
  enum Place: Sendable, Hashable {
    case overview, ended, elsewhere
  }

  /// The whole document.
  /// - Parameters:
  ///   - frame: What all pages have around them.
  ///   - isLive: Whether the page changes while it is looked at.
  func document(_ frame: PageFrame, isLive: Bool = true) -> HTML {
    let nav: [(Place, HTML, HTML)] = [(.overview, "/", "Overview"), (.ended, "/ended", "Ended")]
    let links = nav.map { place, address, name -> HTML in
      "<li><a href=\"\(address)\"\("aria-current=\"page\"", if: place == self.place)>\(name)</a></li>"
    }
    let live = isLive ? Optional("\(kind.rawValue)" as HTML) : nil
    // Who runs no scripts sees what was found all the same.
    let refresh: HTML = "<meta http-equiv=\"refresh\" content=\"3\">"
    let reload: HTML = kind != .searching ? .none : isLive ? "<noscript>\(refresh)</noscript>" : refresh
    let sections = parts.map { part -> HTML in "<div id=\"\(part.id)\" data-part>\(part.content)</div>" }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(title) · Longshore</title>
      \(reload)
      <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
      <link rel="stylesheet" href="/assets/style.css">
      <script src="/assets/live.js" defer></script>
      </head>
      <body\(live.map { kind -> HTML in " data-live=\"\(kind)\"" })>
      <a class="skip" href="#main">Skip to the content</a>
      <header class="top">
      <a class="brand" href="/"><svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false"><path d="M2 15h20l-3 5H5zM6 9h5v5H6zM12 9h5v5h-5zM9 3h5v5H9z"/></svg> Longshore</a>
      <span class="cluster">cluster <b>\(frame.cluster)</b></span>
      <nav aria-label="Pages"><ul>\(links)</ul></nav>
      <div id="connection" data-part>\(frame.connection)</div>
      \(frame.session)
      </header>
      <div id="live-state" class="live-state" role="status" hidden></div>
      <div id="announce" class="unseen" role="alert"></div>
      <main id="main" tabindex="-1">
      <div id="banner" data-part>\(frame.banner)</div>
      \(head)
      \(sections)
      </main>
      <footer>
      <noscript><p>Without JavaScript this page does not change by itself: reload it.</p></noscript>
      <p>Longshore \(LongshoreVersion.current). Times are local where the browser runs scripts, else UTC.</p>
      </footer>
      </body>
      </html>
      """
  }
}

/// What all pages have around them.
struct PageFrame: Sendable {
  /// The cluster.
  var cluster: NodeName
  /// How the broker stands, for the head of each page.
  var connection: HTML
  /// What is to be said before all else; nothing mostly.
  var banner: HTML
  /// Who has logged in, where one can; nothing where the dashboard is read-only.
  var session: HTML = .none

  init(_ model: ClusterModel, session: HTML = .none) {
    cluster = model.cluster
    self.session = session
    let broker = model.broker
    let heard = model.heardAt.map { Piece.age($0) }
    guard let reason = broker.awayBecause else {
      connection =
        broker.isReading
        ? "<span class=\"state busy\"><span aria-hidden=\"true\">◌</span> reading the history</span>"
        : "<span class=\"state ok\"><span aria-hidden=\"true\">●</span> connected</span>"
      let place = broker.history?.read.map { read -> HTML in ", and has come to \(Piece.time(read.upperBound))" }
      banner =
        broker.isReading
        ? "<p class=\"notice info\">The history of events is being read\(place): what is shown is not complete yet.</p>" : .none
      return
    }
    connection = "<span class=\"state bad\"><span aria-hidden=\"true\">▲</span> broker away</span>"
    let since = broker.awaySince.map { time -> HTML in " since \(Piece.clock(time))" }
    let known: HTML =
      heard.map { age -> HTML in "What is shown was heard \(age) and may have changed." } ?? "Nothing has been heard yet."
    banner = """
      <div class="notice bad" id="broker-away"><p><strong>The broker is away\(since).</strong> \(known) It is being tried again; \
      migrations go on without it.</p><p class="why">\(reason)</p></div>
      """
  }
}

/// Small pieces that the pages share.
enum Piece {
  /// A point of time, as a date and a time of day.
  static func time(_ time: Timestamp) -> HTML {
    let text = time.description
    return "<time datetime=\"\(text)\">\(String(text.prefix(10))) \(String(text.dropFirst(11).prefix(8))) UTC</time>"
  }

  /// A point of time of today, as a time of day.
  static func clock(_ time: Timestamp) -> HTML {
    let text = time.description
    return "<time datetime=\"\(text)\" data-clock>\(String(text.dropFirst(11).prefix(8))) UTC</time>"
  }

  /// A point of time in the past, as how long ago it was where the browser can tell.
  static func age(_ time: Timestamp) -> HTML {
    let text = time.description
    return "<time datetime=\"\(text)\" data-age>at \(String(text.dropFirst(11).prefix(8))) UTC</time>"
  }

  /// A link to a host.
  static func host(_ name: NodeName) -> HTML { "<a href=\"/hosts/\(url: name.text)\">\(name)</a>" }

  /// From where to where.
  static func way(_ source: NodeName, _ destination: NodeName) -> HTML {
    """
    <span class="way">\(host(source)) <span aria-hidden="true">→</span><span class="unseen"> to </span> \(host(destination))</span>
    """
  }

  /// A link to a migration, by its guest.
  static func guest(_ guest: GuestReference, _ id: MigrationID) -> HTML {
    "<a class=\"guest\" href=\"/migrations/\(url: id.text)\">\(guest.name.isEmpty ? guest.uuid : guest.name)</a>"
  }

  /// A phase, with a sign and words.
  static func phase(_ phase: MigrationPhase) -> HTML {
    let (kind, sign): (HTML, HTML) =
      switch phase {
      case .queued: ("wait", "◷")
      case .inspecting, .preparing: ("busy", "◔")
      case .transferring: ("busy", "◑")
      case .switching, .confirming, .verifying, .releasing: ("busy", "◕")
      case .rollingBack: ("warn", "↺")
      case .needsAttention: ("bad", "▲")
      case .completed: ("ok", "✓")
      case .failed: ("bad", "✕")
      case .cancelled: ("quiet", "⊘")
      }
    return "<span class=\"phase \(kind)\"><span aria-hidden=\"true\">\(sign)</span> \(phase.words)</span>"
  }

  /// How far a copy is, as a bar with words.
  static func bar(_ bar: CopyBar, of name: String, dirtyRate: UInt64?, isEnded: Bool = false) -> HTML {
    let thousandths = Int((min(1, max(0, bar.copied)) * 1000).rounded(.down))
    let words: HTML
    if isEnded {
      words = .none
    } else if bar.isCatchingUp {
      let dirtied = dirtyRate.map { rate -> HTML in ", dirtied at \(Quantity.rate(rate))" }
      words = "copied once; catching up: \(Quantity.bytes(bar.remaining)) left\(dirtied)"
    } else if bar.parts.isEmpty {
      words = "nothing copied yet"
    } else {
      words = "\(Quantity.percent(bar.copied)) copied, \(Quantity.bytes(bar.remaining)) left"
    }
    return """
      <progress max="1000" value="\(thousandths)" aria-label="\(name) copied"\("class=\"caught\"", if: bar.isCatchingUp && !isEnded)>\(thousandths / 10) %</progress>\
      <span class="under">\(words)</span>
      """
  }

  /// A reason, with its code.
  static func reason(_ reason: Reason) -> HTML { "\(prose(reason.message)) <code>\(reason.code.text)</code>" }

  /// A sentence of an agent, in which what stands between backticks is typed or read by machines.
  static func prose(_ text: String) -> HTML {
    let parts = text.split(separator: "`", omittingEmptySubsequences: false)
    guard parts.count % 2 == 1 else { return "\(text)" }
    return HTML(parts.enumerated().map { index, part in index % 2 == 1 ? "<kbd>\(String(part))</kbd>" : "\(String(part))" })
  }

  /// Says that there is none of something, or none yet while not all is known.
  static func empty(_ model: ClusterModel, _ text: HTML) -> HTML {
    "<p class=\"empty\">\(model.isComplete ? text : "None is known yet.")</p>"
  }

  /// Reasons as a list; nothing where there are none.
  static func reasons(_ reasons: [Reason]) -> HTML {
    guard !reasons.isEmpty else { return .none }
    return "<ul class=\"reasons\">\(reasons.map { reason -> HTML in "<li>\(Self.reason(reason))</li>" })</ul>"
  }

  /// A section under a heading.
  static func section(_ id: StaticString, _ title: HTML, count: Int? = nil, _ content: HTML) -> HTML {
    let number = count.map { count -> HTML in " <span class=\"count\">\(count)</span>" }
    let name = HTML(stringLiteral: id)
    return """
      <section aria-labelledby="\(name)-heading"><h2 id="\(name)-heading">\(title)\(number)</h2>
      \(content)
      </section>
      """
  }

  /// A table of rows; a row is its key and its cells. On a narrow screen each cell carries the name of its column.
  static func table(_ label: HTML, columns: [Column], rows: [(key: String, cells: [HTML])]) -> HTML {
    let heads = columns.map { column -> HTML in "<th scope=\"col\"\("class=\"number\"", if: column.isNumber)>\(column.name)</th>" }
    let body = rows.map { row -> HTML in
      let cells = zip(columns, row.cells).enumerated().map { index, pair -> HTML in
        let (column, cell) = pair
        return index == 0
          ? "<th scope=\"row\">\(cell)</th>"
          : "<td data-label=\"\(column.name)\"\("class=\"number\"", if: column.isNumber)\("class=\"prose\"", if: column.isProse)><div>\(cell)</div></td>"
      }
      return "<tr data-key=\"\(row.key)\">\(cells)</tr>\n"
    }
    return """
      <div class="scroll"><table><caption class="unseen">\(label)</caption><thead><tr>\(heads)</tr></thead><tbody>
      \(body)</tbody></table></div>
      """
  }

  /// A column of a table.
  struct Column: Sendable {
    var name: HTML
    var isNumber = false
    /// Whether its cells have sentences, for which it takes some width.
    var isProse = false

    init(_ name: HTML, isNumber: Bool = false, isProse: Bool = false) {
      self.name = name
      self.isNumber = isNumber
      self.isProse = isProse
    }
  }
}
