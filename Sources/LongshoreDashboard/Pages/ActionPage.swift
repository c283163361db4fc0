import LongshoreClient
import LongshoreMessages

/// Pages of those who may do more than look.
enum ActionPage {
  /// Asks for the token.
  /// - Parameter migration: The migration that is to be cancelled after that.
  static func logIn(for migration: MigrationID?, problem: String? = nil, status: Int = 200) -> Page {
    let target: HTML? = migration.map { id -> HTML in "<input type=\"hidden\" name=\"for\" value=\"\(id)\">" }
    let notice: HTML? = problem.map { problem -> HTML in "<p class=\"notice bad\" role=\"alert\">\(problem)</p>" }
    return Page(
      title: "Log in", place: .elsewhere, head: "<h1>Log in</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            \(notice)<p>The dashboard only shows things. Whoever has the token of <code>--action-token-file</code> can also cancel migrations.</p>
            <form class="filter" method="post" action="/login">\(target)
            <label>Token <input type="password" name="token" autocomplete="current-password" required autofocus></label>
            <button>Log in</button></form>
            """)
      ], status: status)
  }

  /// Asks whether a migration is really to be cancelled.
  static func confirm(_ record: MigrationRecord, formToken: String) -> Page {
    Page(
      title: "Cancel \(record.guest.name)?", place: .elsewhere, head: "<h1>Cancel the migration of \(record.guest.name)?</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            <p>\(Piece.way(record.source, record.destination)), \(Piece.phase(record.phase)), \(Quantity.percent(record.bar.copied)) copied.</p>
            <p>The guest stays at \(Piece.host(record.source)), unchanged; what was copied is removed from \(Piece.host(record.destination)). \
            Once the guest has switched it is too late, and the host refuses.</p>
            <form class="filter" method="post" action="/migrations/\(url: record.id.text)/cancel">
            <input type="hidden" name="form" value="\(formToken)"><button class="danger">Cancel the migration</button>
            <a href="/migrations/\(url: record.id.text)">Let it go on</a></form>
            """)
      ])
  }

  /// The host has not done it.
  static func refused(_ record: MigrationRecord, _ refusal: ActionRefusal) -> Page {
    let message: HTML? = refusal.message.map { message -> HTML in "<p>\(message)</p>" }
    return Page(
      title: "Not cancelled", place: .elsewhere, head: "<h1>The migration of \(record.guest.name) is not cancelled</h1>",
      parts: [
        Page.Part(
          id: "message",
          content: """
            \(message)\(Piece.reasons(refusal.reasons))<p><a href="/migrations/\(url: record.id.text)">Back to the migration</a></p>
            """)
      ], status: 409)
  }
}
